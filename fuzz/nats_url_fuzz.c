/* SPDX-License-Identifier: Apache-2.0
 *
 * Any URL of NATS: what is taken has hosts and a subject that can be sent to, within their limits; what is
 * refused says why.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "net/nats_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_nats_url url;
  struct diffd_error err;
  char *text = malloc(size + 1);
  if (text == NULL)
    return 0;
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  if (diffd_nats_url_parse(text, &url, &err) == DIFFD_OK) {
    if (!diffd_is_nats_url(text) || url.server_count == 0 || url.server_count > DIFFD_NATS_SERVERS_MAX ||
        (url.token != NULL && url.user != NULL) || (url.user == NULL) != (url.password == NULL))
      abort();
    for (size_t i = 0; i < url.server_count; i++)
      if (strncmp(url.servers[i], "nats://", 7) != 0 || strpbrk(url.servers[i], " @,\r\n") != NULL ||
          strrchr(url.servers[i], ':') == NULL)
        abort();
    if (url.subject[0] == '\0' || strpbrk(url.subject, " *>/\r\n\t$") != NULL ||
        strstr(url.subject, "..") != NULL)
      abort();
    diffd_nats_url_clean_up(&url);
  } else if (err.detail[0] == '\0') {
    abort();
  }
  free(text);
  return 0;
}
