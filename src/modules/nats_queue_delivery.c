/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue_delivery.h"

#include <assert.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define ACK_PREFIX "$JS.ACK."

enum {
  OLD_TOKENS = 7, /* behind the prefix */
  NEW_TOKENS = 9,
  TOKENS_MAX = 16,
  NUMBER_MAX = 20, /* digits of a uint64_t */
};

static bool parse_number(const char *token, size_t len, uint64_t *ret) {
  uint64_t number = 0;
  if (len == 0 || len > NUMBER_MAX)
    return false;
  for (size_t i = 0; i < len; i++) {
    if (token[i] < '0' || token[i] > '9' || number > (UINT64_MAX - 9) / 10)
      return false;
    number = number * 10 + (uint64_t)(token[i] - '0');
  }
  *ret = number;
  return true;
}

bool diffd_nats_delivery_parse(const char *reply, struct diffd_nats_delivery *ret) {
  const char *tokens[TOKENS_MAX];
  size_t lens[TOKENS_MAX];
  size_t count = 0;
  if (reply == NULL || strncmp(reply, ACK_PREFIX, strlen(ACK_PREFIX)) != 0)
    return false;
  for (const char *at = reply + strlen(ACK_PREFIX); at != NULL && count < TOKENS_MAX; count++) {
    tokens[count] = at;
    lens[count] = strcspn(at, ".");
    at = at[lens[count]] == '.' ? at + lens[count] + 1 : NULL;
  }
  if (count != OLD_TOKENS && count < NEW_TOKENS)
    return false;
  size_t first = count == OLD_TOKENS ? 2 : 4; /* the number of deliveries */
  struct diffd_nats_delivery delivery;
  if (!parse_number(tokens[first], lens[first], &delivery.delivered) ||
      !parse_number(tokens[first + 1], lens[first + 1], &delivery.sequence) ||
      !parse_number(tokens[first + 3], lens[first + 3], &delivery.stored_ns) || delivery.delivered == 0)
    return false;
  *ret = delivery;
  return true;
}

size_t diffd_nats_history_write(const struct diffd_nats_history *history,
                                char text[static DIFFD_NATS_HISTORY_MAX]) {
  int len = snprintf(text, DIFFD_NATS_HISTORY_MAX,
                     "{\"failures\":%" PRIu32 ",\"permanent\":%" PRIu32 ",\"givenBack\":%" PRIu32
                     ",\"dueMs\":%" PRId64 "}",
                     history->failures, history->permanent, history->given_back, history->due_ms);
  assert(len > 0 && len < DIFFD_NATS_HISTORY_MAX);
  return (size_t)len;
}

static uint32_t count_of(json_t *object, const char *key) {
  json_int_t number = json_integer_value(json_object_get(object, key));
  if (number < 0)
    return 0;
  return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

struct diffd_nats_history diffd_nats_history_read(struct diffd_span text) {
  json_error_t fault;
  struct diffd_nats_history history = {0};
  json_auto_t *object = json_loadb(text.len > 0 ? text.ptr : "", text.len, JSON_ALLOW_NUL, &fault);
  if (!json_is_object(object))
    return history;
  history.failures = count_of(object, "failures");
  history.permanent = count_of(object, "permanent");
  history.given_back = count_of(object, "givenBack");
  history.due_ms = json_integer_value(json_object_get(object, "dueMs"));
  return history;
}

uint64_t diffd_nats_crashes(const struct diffd_nats_delivery *delivery,
                            const struct diffd_nats_history *history) {
  uint64_t ended = (uint64_t)history->failures + history->given_back;
  uint64_t before = delivery->delivered - 1;
  return before > ended ? before - ended : 0;
}
