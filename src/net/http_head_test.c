/* SPDX-License-Identifier: Apache-2.0
 *
 * The head of an answer, line by line: fields, interim answers, trailers, and what is no HTTP.
 */
#include "net/http_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Feeds whole lines; the status of the first one that fails, or DIFFD_OK. */
static enum diffd_status feed(struct diffd_http_head *head, const char *text) {
  struct diffd_error err;
  enum diffd_status status = DIFFD_OK;
  diffd_http_head_init(head);
  while (status == DIFFD_OK && *text != '\0') {
    const char *end = strchr(text, '\n');
    size_t len = end != NULL ? (size_t)(end + 1 - text) : strlen(text);
    status = diffd_http_head_line(head, text, len, &err);
    text += len;
  }
  return status;
}

static void expect_header(const struct diffd_http_head *head, size_t at, const char *name,
                          const char *value) {
  assert_true(at < head->count);
  assert_string_equal(head->headers[at].name, name);
  assert_string_equal(head->headers[at].value, value);
}

static void test_names_become_lower_case_and_blanks_around_values_go(void **state) {
  /* Empty values, colons in values, folded lines and lines that end with a newline alone are taken. */
  struct diffd_http_head head;
  (void)state;
  assert_int_equal(feed(&head,
                        "HTTP/1.1 201 Created\r\nA-Name:  b c \t\r\nEmpty:\r\nUrl: http://x\nFold: a\r\n"
                        "\t b\r\nSpaced : x\r\n\r\n"),
                   DIFFD_OK);
  assert_true(head.complete);
  assert_int_equal(head.status, 201);
  assert_int_equal(head.count, 5);
  expect_header(&head, 0, "a-name", "b c");
  expect_header(&head, 1, "empty", "");
  expect_header(&head, 2, "url", "http://x");
  expect_header(&head, 3, "fold", "a \t b");
  expect_header(&head, 4, "spaced", "x");
  diffd_http_head_clean_up(&head);
}

static void test_interim_answers_and_trailers_are_dropped(void **state) {
  /* 1xx before, fields behind. */
  struct diffd_http_head head;
  (void)state;
  assert_int_equal(
      feed(&head, "HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.0 204\r\nA: b\r\n\r\nTrailer: z\r\n"),
      DIFFD_OK);
  assert_int_equal(head.status, 204);
  assert_int_equal(head.count, 1);
  expect_header(&head, 0, "a", "b");
  diffd_http_head_clean_up(&head);
}

static void test_what_is_no_head_is_refused(void **state) {
  /* Each of these lines alone, or behind a sound beginning. */
  static const char *const texts[] = {"SSH-2.0\r\n",
                                      "HTTP/1.1\r\n",
                                      "HTTP/1.1 2x0 OK\r\n",
                                      "HTTP/1.1 99\r\n",
                                      "HTTP/1.1 600 X\r\n",
                                      "HTTP/1.1 2000 X\r\n",
                                      "HTTP/1.1 099 X\r\n",
                                      "A: b\r\n",
                                      "\r\n",
                                      "HTTP/1.1 200 OK\r\nno colon\r\n",
                                      "HTTP/1.1 200 OK\r\n: value\r\n",
                                      "HTTP/1.1 200 OK\r\n folded\r\n"};
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct diffd_http_head head;
    assert_int_equal(feed(&head, texts[i]), DIFFD_UNAVAILABLE);
    assert_false(head.complete);
    diffd_http_head_clean_up(&head);
  }
}

static void test_a_nul_is_refused(void **state) {
  /* It would cut a value that somebody decides by. */
  struct diffd_http_head head;
  struct diffd_error err;
  (void)state;
  assert_int_equal(feed(&head, "HTTP/1.1 200 OK\r\n"), DIFFD_OK);
  assert_int_equal(diffd_http_head_line(&head, "A: b\0c\r\n", 8, &err), DIFFD_UNAVAILABLE);
  diffd_http_head_clean_up(&head);
}

static void test_fields_and_bytes_are_bounded(void **state) {
  /* 100 fields and 64 KiB are taken, and no more, trailers included. */
  struct diffd_http_head head;
  struct diffd_error err;
  static char line[DIFFD_HTTP_HEAD_MAX_BYTES];
  (void)state;
  assert_int_equal(feed(&head, "HTTP/1.1 200 OK\r\n"), DIFFD_OK);
  for (int i = 0; i < DIFFD_HTTP_HEAD_MAX_FIELDS; i++)
    assert_int_equal(diffd_http_head_line(&head, "A: b\r\n", 6, &err), DIFFD_OK);
  assert_int_equal(diffd_http_head_line(&head, "A: b\r\n", 6, &err), DIFFD_UNAVAILABLE);
  diffd_http_head_clean_up(&head);

  assert_int_equal(feed(&head, "HTTP/1.1 200 OK\r\n"), DIFFD_OK);
  memset(line, 'x', sizeof line);
  line[1] = ':';
  assert_int_equal(diffd_http_head_line(&head, line, sizeof line - head.bytes - 2, &err), DIFFD_OK);
  assert_int_equal(diffd_http_head_line(&head, "\r\n", 2, &err), DIFFD_OK);
  assert_true(head.complete);
  assert_int_equal(diffd_http_head_line(&head, "T", 1, &err), DIFFD_UNAVAILABLE);
  diffd_http_head_clean_up(&head);
}

static void test_tokens_are_found_in_lists(void **state) {
  /* In any case, in any field of that name, with parameters; never a part of a word. */
  struct diffd_http_head head;
  (void)state;
  assert_int_equal(feed(&head, "HTTP/1.1 200 OK\r\nE: br;q=1 , GZIP\r\nE: x-zip\r\n\r\n"), DIFFD_OK);
  assert_true(diffd_http_head_has_token(&head, "e", "gzip"));
  assert_true(diffd_http_head_has_token(&head, "e", "br"));
  assert_true(diffd_http_head_has_token(&head, "e", "x-zip"));
  assert_false(diffd_http_head_has_token(&head, "e", "zip"));
  assert_false(diffd_http_head_has_token(&head, "e", "q"));
  assert_false(diffd_http_head_has_token(&head, "f", "gzip"));
  diffd_http_head_clean_up(&head);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_names_become_lower_case_and_blanks_around_values_go),
      cmocka_unit_test(test_interim_answers_and_trailers_are_dropped),
      cmocka_unit_test(test_what_is_no_head_is_refused),
      cmocka_unit_test(test_a_nul_is_refused),
      cmocka_unit_test(test_fields_and_bytes_are_bounded),
      cmocka_unit_test(test_tokens_are_found_in_lists),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
