/* SPDX-License-Identifier: Apache-2.0
 *
 * The few texts that we need out of AWS's short XML answers: credentials, upload ids, what an error says.
 * Documents with a DOCTYPE are refused, so that no entity is ever expanded.
 */
#ifndef DIFFD_NET_XML_FIELDS_H
#define DIFFD_NET_XML_FIELDS_H

#include "diffd/stream.h"

/* One text, and where it goes. */
struct diffd_xml_field {
  const char *path; /* the elements from the root on, apart by slashes, prefixes of namespaces left out:
                       "Error/Code". An asterisk stands for any one name. */
  char *value;      /* NUL-terminated; "" where there is no such element. Of several the first counts. */
  size_t size;      /* bytes of value, with the NUL */
  bool found;
};

enum { DIFFD_XML_FIELDS_MAX = 16, DIFFD_XML_DEPTH_MAX = 32 };

/* Fills the fields. The caller bounds the text's length. Pure; any thread. DIFFD_INVALID where the text is no
 * XML, is nested deeper than DIFFD_XML_DEPTH_MAX or has a DOCTYPE, DIFFD_TOO_LARGE where a value does not
 * fit, DIFFD_NO_MEMORY; all values are empty then. */
enum diffd_status diffd_xml_fields(struct diffd_span text, struct diffd_xml_field *fields, size_t count,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
