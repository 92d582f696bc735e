/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as the answer of a metadata service or a container's agent: what is taken may stand in a header,
 * and a refusal has a text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/credentials_text.h"

static void check_plain(const char *text, size_t size, int may_be_empty) {
  size_t len = strnlen(text, size);
  if (len == size || (len == 0 && !may_be_empty))
    abort();
  for (size_t i = 0; i < len; i++)
    if (text[i] <= ' ' || text[i] > '~')
      abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_credentials made;
  struct diffd_error err = {0};
  if (diffd_credentials_from_json((struct diffd_span){(const char *)data, size}, &made, &err) != DIFFD_OK) {
    if (err.detail[0] == '\0' || strchr(err.detail, '\n') != NULL)
      abort();
    return 0;
  }
  check_plain(made.access_key_id, sizeof made.access_key_id, 0);
  check_plain(made.secret_access_key, sizeof made.secret_access_key, 0);
  check_plain(made.session_token, sizeof made.session_token, 1);
  return 0;
}
