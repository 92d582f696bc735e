/* SPDX-License-Identifier: Apache-2.0
 *
 * Any list of objects: what is taken has its keys inside what was kept, and no more of anything than its
 * bounds; what is refused leaves nothing behind.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/s3_list.h"

static void check(bool held) {
  if (!held)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_s3_page page;
  struct diffd_error err;
  enum diffd_status status = diffd_s3_page_read((struct diffd_span){(const char *)data, size}, &page, &err);
  if (status != DIFFD_OK) {
    check(status == DIFFD_UNAVAILABLE && err.detail[0] != '\0');
    return 0;
  }
  check(page.count <= DIFFD_S3_PAGE_OBJECTS_MAX && page.keys.len <= size);
  check(memchr(page.next_token, '\0', sizeof page.next_token) != NULL);
  size_t end = 0;
  for (size_t i = 0; i < page.count; i++) {
    struct diffd_s3_page_object object = diffd_s3_page_object(&page, i);
    check(object.key_at >= end && object.key_len <= page.keys.len - object.key_at && object.size >= -1);
    end = object.key_at + object.key_len;
  }
  diffd_s3_page_clean_up(&page);
  return 0;
}
