/* SPDX-License-Identifier: Apache-2.0 */
#include "net/gunzip.h"

#include <stdlib.h>
#include <string.h>

#include "core/flow_inflate.h"

struct gunzip {
  struct diffd_reader base;
  struct diffd_reader *packed;
  struct diffd_flow_text *text;
  char *origin;
};

static enum diffd_status gunzip_read(struct diffd_reader *self, void *buf, size_t cap, size_t *ret_len,
                                     struct diffd_error *err) {
  struct gunzip *gunzip = (struct gunzip *)self;
  size_t len = 0;
  enum diffd_status status;
  do {
    status = diffd_flow_text_read(gunzip->text, buf, cap, &len, err);
  } while (status == DIFFD_OK && len == 0); /* the packed reader looks whether it should go on */
  if (status == DIFFD_BAD_LOGS)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "%s: the answer's gzip body is broken or cut short",
                      gunzip->origin);
  if (status == DIFFD_OK)
    *ret_len = len;
  return status;
}

static void gunzip_interrupt(struct diffd_reader *self) {
  diffd_reader_interrupt(((struct gunzip *)self)->packed);
}

static void gunzip_destroy(struct diffd_reader *self) {
  struct gunzip *gunzip = (struct gunzip *)self;
  diffd_flow_text_destroy(gunzip->text);
  diffd_reader_destroy(gunzip->packed);
  free(gunzip->origin);
  free(gunzip);
}

static const struct diffd_reader_ops gunzip_ops = {
    .read = gunzip_read, .interrupt = gunzip_interrupt, .destroy = gunzip_destroy};

enum diffd_status diffd_gunzip_new(struct diffd_reader *packed, const char *origin, struct diffd_reader **ret,
                                   struct diffd_error *err) {
  struct gunzip *gunzip = calloc(1, sizeof *gunzip);
  if (gunzip == NULL) {
    diffd_reader_destroy(packed);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to inflate an answer");
  }
  gunzip->base.ops = &gunzip_ops;
  gunzip->packed = packed;
  gunzip->origin = strdup(origin);
  enum diffd_status status = gunzip->origin != NULL
                                 ? diffd_flow_text_new(&gunzip->text, err)
                                 : diffd_fail(err, DIFFD_NO_MEMORY, "no memory to inflate an answer");
  if (status != DIFFD_OK) {
    gunzip_destroy(&gunzip->base);
    return status;
  }
  diffd_flow_text_begin(gunzip->text, packed);
  *ret = &gunzip->base;
  return DIFFD_OK;
}
