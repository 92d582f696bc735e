/* SPDX-License-Identifier: Apache-2.0 */
/* The wanted texts are found wherever namespaces, comments and pieces put them; what is no plain XML is
 * refused and leaves nothing behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "net/xml_fields.h"

struct found {
  char code[32], message[32], any[32];
  struct diffd_xml_field fields[3];
  struct diffd_error err;
};

static enum diffd_status read_fields(struct found *f, const char *text) {
  *f = (struct found){.code = "left over", .message = "left over"};
  f->fields[0] = (struct diffd_xml_field){"Error/Code", f->code, sizeof f->code, false};
  f->fields[1] = (struct diffd_xml_field){"Error/Message", f->message, sizeof f->message, false};
  f->fields[2] = (struct diffd_xml_field){"*/Code", f->any, sizeof f->any, false};
  return diffd_xml_fields((struct diffd_span){text, strlen(text)}, f->fields, 3, &f->err);
}

static void test_texts_are_found(void **state) {
  struct found f;
  (void)state;
  assert_int_equal(read_fields(&f, "<?xml version=\"1.0\"?>\n<Error xmlns=\"http://x/\"><!-- no -->\n"
                                   " <Code>No<!-- a -->Such<![CDATA[<K>]]>&amp;&#65;</Code><Code>2</Code>"
                                   "<Inner><Message>not this</Message></Inner></Error>"),
                   DIFFD_OK);
  assert_string_equal(f.code, "NoSuch<K>&A");
  assert_string_equal(f.any, "NoSuch<K>&A");
  assert_string_equal(f.message, "");
  assert_true(f.fields[0].found && !f.fields[1].found);
  assert_int_equal(read_fields(&f, "<a:Error xmlns:a=\"u\"><a:Message>m<b>inner</b></a:Message></a:Error>"),
                   DIFFD_OK);
  assert_string_equal(f.message, "m");
  assert_int_equal(read_fields(&f, "<Other><Code>c</Code><Error><Code>deep</Code></Error></Other>"),
                   DIFFD_OK);
  assert_string_equal(f.code, "");
  assert_string_equal(f.any, "c");
}

static void expect_refused(const char *text, enum diffd_status status, const char *why) {
  struct found f;
  assert_int_equal(read_fields(&f, text), status);
  assert_non_null(strstr(f.err.detail, why));
  assert_string_equal(f.code, "");
  assert_string_equal(f.message, "");
}

static void test_what_is_refused(void **state) {
  char deep[512] = "";
  (void)state;
  for (int i = 0; i <= DIFFD_XML_DEPTH_MAX; i++)
    (void)snprintf(deep + strlen(deep), sizeof deep - strlen(deep), "<a%d>", i);
  expect_refused(deep, DIFFD_INVALID, "nested");
  expect_refused("", DIFFD_INVALID, "no XML");
  expect_refused("<Error><Code>c</Code>", DIFFD_INVALID, "no XML");
  expect_refused("{\"Code\":1}", DIFFD_INVALID, "no XML");
  expect_refused("<!DOCTYPE Error [<!ENTITY e \"x\">]><Error><Code>&e;</Code></Error>", DIFFD_INVALID,
                 "DOCTYPE");
  expect_refused("<Error><Code>c</Code><Message>0123456789012345678901234567890123</Message></Error>",
                 DIFFD_TOO_LARGE, "Error/Message");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_texts_are_found),
      cmocka_unit_test(test_what_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
