/* SPDX-License-Identifier: Apache-2.0
 *
 * What a NATS server, or whoever writes to its streams, may send instead of what we expect: subjects of
 * acknowledgements, histories, dead letters. What is read of them is written and read again as it was.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "modules/nats_queue_delivery.h"
#include "modules/nats_queue_letter.h"

static void try_letter(struct diffd_span text) {
  struct diffd_nats_letter letter;
  struct diffd_nats_letter again;
  struct diffd_error err;
  char *written = NULL;
  letter.message = text;
  if (diffd_nats_letter_read(text, &letter, &err) != DIFFD_OK) {
    letter = (struct diffd_nats_letter){.reason = "any bytes"};
    letter.message = text;
  }
  if (diffd_nats_letter_write(&letter, &written, &err) != DIFFD_OK ||
      strlen(written) >= DIFFD_NATS_LETTER_MAX ||
      diffd_nats_letter_read((struct diffd_span){written, strlen(written)}, &again, &err) != DIFFD_OK)
    abort();
  if (again.is_job != letter.is_job || strcmp(again.job.id, letter.job.id) != 0 ||
      again.failures != letter.failures || again.crashes != letter.crashes ||
      strcmp(again.reason, letter.reason) != 0)
    abort();
  free(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_nats_delivery delivery;
  char written[DIFFD_NATS_HISTORY_MAX];
  char *text = malloc(size + 1);
  if (text == NULL)
    return 0;
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  const struct diffd_span span = {text, size};
  struct diffd_nats_history history = diffd_nats_history_read(span);
  size_t len = diffd_nats_history_write(&history, written);
  struct diffd_nats_history again = diffd_nats_history_read((struct diffd_span){written, len});
  if (history.failures != again.failures || history.permanent != again.permanent ||
      history.given_back != again.given_back || history.due_ms != again.due_ms)
    abort();
  if (diffd_nats_delivery_parse(text, &delivery) &&
      (delivery.delivered == 0 || diffd_nats_crashes(&delivery, &history) >= delivery.delivered))
    abort();
  try_letter(span);
  free(text);
  return 0;
}
