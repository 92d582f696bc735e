/* SPDX-License-Identifier: Apache-2.0
 *
 * The subjects that acknowledgements go to, in both forms, and histories that somebody may have garbled.
 */
#include "modules/nats_queue_delivery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *reply, uint64_t delivered, uint64_t sequence, uint64_t stored_ns) {
  struct diffd_nats_delivery delivery;
  if (!diffd_nats_delivery_parse(reply, &delivery))
    fail_msg("%s is not taken", reply);
  assert_int_equal(delivery.delivered, delivered);
  assert_int_equal(delivery.sequence, sequence);
  assert_int_equal(delivery.stored_ns, stored_ns);
}

static void test_reply(void **state) {
  (void)state;
  static const char *const refused[] = {
      "",
      "_INBOX.x",
      "$JS.ACK.",
      "$JS.ACK.S.C.1.2.3.4",
      "$JS.ACK.S.C.0.2.3.4.5",
      "$JS.ACK.S.C.x.2.3.4.5",
      "$JS.ACK.S.C.1..3.4.5",
      "$JS.ACK.S.C.1.2.3.-4.5",
      "$JS.ACK.S.C.1.2.3.99999999999999999999.5",
      "$JS.ACK.S.C.1.2.3.4.5.6",
  };
  struct diffd_nats_delivery delivery;
  expect("$JS.ACK.S.C.3.17.4.1632000000000000001.0", 3, 17, UINT64_C(1632000000000000001));
  expect("$JS.ACK._.hash.S.C.3.17.4.5.0", 3, 17, 5);
  expect("$JS.ACK.hub.hash.S.C.3.17.4.5.0.more.and.more", 3, 17, 5);
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    if (diffd_nats_delivery_parse(refused[i], &delivery))
      fail_msg("%s is taken", refused[i]);
  assert_false(diffd_nats_delivery_parse(NULL, &delivery));
}

static void test_history(void **state) {
  (void)state;
  char text[DIFFD_NATS_HISTORY_MAX];
  const struct diffd_nats_history most = {UINT32_MAX, UINT32_MAX, UINT32_MAX, INT64_MIN};
  size_t len = diffd_nats_history_write(&most, text);
  struct diffd_nats_history history = diffd_nats_history_read((struct diffd_span){text, len});
  assert_memory_equal(&history, &most, sizeof most);
  static const char *const none[] = {
      "", "x", "[]", "null", "{}", "{\"failures\":\"3\"}", "{\"failures\":-3}"};
  for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
    history = diffd_nats_history_read((struct diffd_span){none[i], strlen(none[i])});
    assert_int_equal(history.failures, 0);
    assert_int_equal(history.due_ms, 0);
  }
}

/* Deliveries that did not end in any known way; a history that counts too much makes none of them. */
static void test_crashes(void **state) {
  (void)state;
  const struct diffd_nats_delivery seventh = {.delivered = 7};
  assert_int_equal(diffd_nats_crashes(&seventh, &(struct diffd_nats_history){0}), 6);
  assert_int_equal(diffd_nats_crashes(&seventh, &(struct diffd_nats_history){2, 1, 3, 0}), 1);
  assert_int_equal(diffd_nats_crashes(&seventh, &(struct diffd_nats_history){UINT32_MAX, 1, UINT32_MAX, 0}),
                   0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reply), cmocka_unit_test(test_history),
                                     cmocka_unit_test(test_crashes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
