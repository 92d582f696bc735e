/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of objects: all pages, keys of any bytes, and nothing that is no such list.
 */
#include "net/s3_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/s3_test_server.h"

#define LIST(inner)                                                                                          \
  "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">" inner        \
  "</ListBucketResult>"

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

/* Keys are decoded where the list says that they are encoded, wherever it says so. */
static void test_keys(void **state) {
  (void)state;
  static const char *const lists[] = {
      LIST("<Contents><Key>a%00+b%2Bc%</Key><Size>12</Size></Contents><EncodingType>url</EncodingType>"),
      LIST("<Contents><Key>a%00+b%2Bc%</Key><Size>x</Size></Contents>"),
  };
  static const struct diffd_span keys[] = {{"a\0 b+c%", 7}, {"a%00+b%2Bc%", 11}};
  for (size_t i = 0; i < 2; i++) {
    struct diffd_s3_page page;
    struct diffd_error err;
    assert_int_equal(diffd_s3_page_read(span(lists[i]), &page, &err), DIFFD_OK);
    assert_int_equal(page.count, 1);
    struct diffd_s3_page_object object = diffd_s3_page_object(&page, 0);
    assert_int_equal(object.key_len, keys[i].len);
    assert_memory_equal(page.keys.ptr + object.key_at, keys[i].ptr, keys[i].len);
    assert_int_equal(object.size, i == 0 ? 12 : -1);
    diffd_s3_page_clean_up(&page);
  }
}

/* What stands elsewhere in the list is passed over; prefixes of namespaces are nothing to us. */
static void test_other_elements(void **state) {
  (void)state;
  struct diffd_s3_page page;
  struct diffd_error err;
  static const char text[] =
      "<s:ListBucketResult xmlns:s=\"x\"><Key>no</Key><s:Contents><s:Owner><s:Key>no</s:Key></s:Owner>"
      "<s:Key>y<!-- c -->es &amp; <![CDATA[<]]></s:Key></s:Contents><CommonPrefixes><Prefix>no</Prefix>"
      "</CommonPrefixes><s:IsTruncated>true</s:IsTruncated>"
      "<NextContinuationToken>t=/+</NextContinuationToken></s:ListBucketResult>";
  assert_int_equal(diffd_s3_page_read(span(text), &page, &err), DIFFD_OK);
  assert_int_equal(page.count, 1);
  assert_memory_equal(page.keys.ptr, "yes & <", 7);
  assert_string_equal(page.next_token, "t=/+");
  diffd_s3_page_clean_up(&page);
}

/* No list, a piece of one, one that grows without end or brings its own entities is refused. */
static void test_refusals(void **state) {
  (void)state;
  static const char *const bad[] = {
      "",
      "x",
      "<html></html>",
      "<html/>",
      "<Error><Code>AccessDenied</Code></Error>",
      "<ListBucketResult><Contents><Key>k</Key>",
      LIST("<Contents></Contents>"),
      LIST("<Contents><Key></Key></Contents>"),
      LIST("<Contents><Key>a</Key><Key>b</Key></Contents>"),
      LIST("<IsTruncated>true</IsTruncated>"),
      LIST("<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a></a></a></"
           "a></a></a></a></a>"),
      ("<!DOCTYPE l [<!ENTITY a "
       "\"aaaa\">]><ListBucketResult><Contents><Key>&a;</Key></Contents></ListBucketResult>"),
  };
  struct diffd_s3_page page;
  struct diffd_error err;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (diffd_s3_page_read(span(bad[i]), &page, &err) != DIFFD_UNAVAILABLE)
      fail_msg("taken: %s", bad[i]);
}

/* A text and a number of objects beyond all reason. */
static void test_bounds(void **state) {
  (void)state;
  struct diffd_buffer text = diffd_buffer_init(DIFFD_S3_PAGE_BYTES_MAX);
  struct diffd_s3_page page;
  struct diffd_error err;
  assert_int_equal(diffd_buffer_printf(&text, &err,
                                       "<ListBucketResult><Contents><Key>%0*d</Key></Contents>"
                                       "</ListBucketResult>",
                                       DIFFD_S3_TOKEN_MAX + 1, 0),
                   DIFFD_OK);
  assert_int_equal(diffd_s3_page_read((struct diffd_span){text.ptr, text.len}, &page, &err),
                   DIFFD_UNAVAILABLE);
  text.len = 0;
  assert_int_equal(diffd_buffer_printf(&text, &err, "<ListBucketResult>"), DIFFD_OK);
  for (int i = 0; i <= DIFFD_S3_PAGE_OBJECTS_MAX; i++)
    assert_int_equal(diffd_buffer_printf(&text, &err, "<Contents><Key>%d</Key></Contents>", i), DIFFD_OK);
  assert_int_equal(diffd_buffer_printf(&text, &err, "</ListBucketResult>"), DIFFD_OK);
  assert_int_equal(diffd_s3_page_read((struct diffd_span){text.ptr, text.len}, &page, &err),
                   DIFFD_UNAVAILABLE);
  diffd_buffer_clean_up(&text);
}

struct seen {
  char keys[256];
  size_t count;
  size_t stop_at;
};

static enum diffd_status see(void *arg, const struct diffd_s3_listed *listed, struct diffd_error *err) {
  struct seen *seen = arg;
  if (seen->count == seen->stop_at)
    return diffd_fail(err, DIFFD_NO_SPACE, "enough");
  seen->count++;
  (void)snprintf(seen->keys + strlen(seen->keys), sizeof seen->keys - strlen(seen->keys), "%.*s:%d ",
                 (int)listed->key.len, listed->key.ptr, (int)listed->size);
  return DIFFD_OK;
}

/* Page after page, each told once although its answer broke off the first time; the caller may stop it. */
static void test_pages(void **state) {
  (void)state;
  struct s3_test_server server;
  const struct diffd_context ctx = {0};
  struct diffd_error err;
  struct seen seen = {.stop_at = 100};
  const struct diffd_s3_list_options options = {
      .prefix = {"p/ ", 3}, .start_after = {"p/ 0", 4}, .object = see, .arg = &seen};
  s3_test_server_init(&server);
  struct diffd_s3 *s3 = s3_test_client(&server, &s3_test_clock);
  for (int i = 0; i < 7; i++) {
    char key[16];
    (void)snprintf(key, sizeof key, "p/%%20%d", i);
    s3_test_put(&server, key, "xx", 2);
  }
  s3_test_fault(&server, (struct s3_test_fault){.asked = "continuation", .times = 1, .kind = S3_TEST_DROPS});
  assert_int_equal(diffd_s3_list(s3, &ctx, &options, &err), DIFFD_OK);
  assert_string_equal(seen.keys, "p/ 0:2 p/ 1:2 p/ 2:2 p/ 3:2 p/ 4:2 p/ 5:2 p/ 6:2 ");
  assert_int_equal(s3_test_asked(&server, "prefix=p%2F%20&start-after=p%2F%200"), 4);
  seen = (struct seen){.stop_at = 4};
  assert_int_equal(diffd_s3_list(s3, &ctx, &options, &err), DIFFD_NO_SPACE);
  diffd_s3_destroy(s3);
  s3_test_server_clean_up(&server);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_keys),   cmocka_unit_test(test_other_elements), cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_bounds), cmocka_unit_test(test_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
