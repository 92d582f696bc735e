/* SPDX-License-Identifier: Apache-2.0
 *
 * AWS's shared files, ~/.aws/credentials and ~/.aws/config
 * (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html): read line by line out of memory,
 * without an allocation.
 */
#ifndef DIFFD_NET_INI_H
#define DIFFD_NET_INI_H

#include "diffd/stream.h"

/* A place in a text. Zero but for `rest` at its begin. */
struct diffd_ini {
  struct diffd_span rest;
  struct diffd_span
      section;   /* as between the brackets, without the white space around; absent before the first */
  unsigned line; /* number of the last line that was read */
  size_t indent; /* of the last setting: a line that is indented further belongs to it */
  bool in_setting;
};

/* Spans of the text; white space around them is left out. */
struct diffd_ini_setting {
  struct diffd_span section;
  struct diffd_span key;
  struct diffd_span value; /* without a comment behind it: ` #` or ` ;` */
};

/* The text's next setting, or DIFFD_END. Nested settings (indented below another) are passed over.
 * DIFFD_INVALID with the line's number, never with its text: that may hold a secret. */
enum diffd_status diffd_ini_next(struct diffd_ini *ini, struct diffd_ini_setting *ret,
                                 struct diffd_error *err) DIFFD_MUST_CHECK;

/* Whether the span is this text; without regard to case for keys. */
bool diffd_span_is(struct diffd_span span, const char *text);
bool diffd_span_is_key(struct diffd_span span, const char *key);

#endif
