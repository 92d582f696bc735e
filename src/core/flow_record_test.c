/* SPDX-License-Identifier: Apache-2.0 */
/* A line is a record, a record without data, or none; header lines name columns; and every kernel gives what
 * the plain parser gives, for ordinary lines, odd ones, and ordinary ones with a byte or two changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/flow_record.h"

static struct diffd_span span(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static enum diffd_flow_line parse_default(const char *line, struct diffd_flow_record *record,
                                          const char **fault) {
  struct diffd_flow_format format = diffd_flow_format_default();
  *fault = "";
  return diffd_flow_record_parse(&format, span(line), record, fault);
}

static void test_a_record_has_its_fields(void **state) {
  (void)state;
  struct diffd_flow_record record;
  const char *fault;
  assert_int_equal(
      parse_default("2 000000000012 eni-0a 10.1.2.3 2001:db8::1 443 65535 17 18446744073709551615 0 "
                    "1418530010 9223372036854775807 Reject ok",
                    &record, &fault),
      DIFFD_FLOW_RECORD);
  assert_int_equal(record.account.len, 12);
  assert_memory_equal(record.account_eni.ptr, "000000000012 eni-0a", record.account_eni.len);
  assert_false(record.source.v6);
  assert_int_equal(record.source.v4, 0x0a010203);
  assert_true(record.destination.v6);
  assert_int_equal(record.destination.bytes[1], 1);
  assert_int_equal(record.srcport, 443);
  assert_int_equal(record.dstport, 65535);
  assert_int_equal(record.protocol, 17);
  assert_true(record.packets == UINT64_MAX && record.bytes == 0);
  assert_true(record.start == 1418530010 && record.end == INT64_MAX);
  assert_int_equal(record.color, DIFFD_RED);
}

static void test_bad_lines_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *line, *fault;
  } cases[] = {
      {"", "too few fields"},
      {"2", "too few fields"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT", "too few fields"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT OK ", "too many fields"},
      {"2 1  eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT OK", "too many fields"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT OKAY", "log-status is not OK, NODATA or SKIPDATA"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT -", "log-status is not OK, NODATA or SKIPDATA"},
      {"2 1 eni-a 1.1.1 1.1.1.2 1 2 6 1 1 1 2 ACCEPT OK", "srcaddr is no address"},
      {"2 1 eni-a - 1.1.1.2 1 2 6 1 1 1 2 ACCEPT OK", "srcaddr is no address"},
      {"2 1 eni-a 1.1.1.1 1.1.1.256 1 2 6 1 1 1 2 ACCEPT OK", "dstaddr is no address"},
      {"2 1 eni-a 1.1.1.1 1.1.1.02 1 2 6 1 1 1 2 ACCEPT OK", "dstaddr is no address"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 65536 2 6 1 1 1 2 ACCEPT OK", "srcport is no port"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 -2 6 1 1 1 2 ACCEPT OK", "dstport is no port"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 256 1 1 1 2 ACCEPT OK", "protocol is no protocol number"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1x 1 1 2 ACCEPT OK", "packets is no number"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 18446744073709551616 1 1 2 ACCEPT OK", "packets is no number"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 +1 1 2 ACCEPT OK", "bytes is no number"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 - 2 ACCEPT OK", "start is no number"},
      {"2 1 eni-a 1.1.1.1 1.1.1.2 1 2 6 1 1 1 9223372036854775808 ACCEPT OK", "end is no number"},
      {"2 1 eni-a - - - - - - - - 2 - NODATA", "start is no number"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct diffd_flow_record record;
    const char *fault;
    assert_int_equal(parse_default(cases[i].line, &record, &fault), DIFFD_FLOW_BAD);
    assert_string_equal(fault, cases[i].fault);
  }
}

static void test_records_without_data_have_times(void **state) {
  (void)state;
  struct diffd_flow_record record;
  const char *fault;
  assert_int_equal(parse_default("2 1 eni-a - - - - - - - 1431280876 1431280934 - NODATA", &record, &fault),
                   DIFFD_FLOW_NODATA);
  assert_true(record.start == 1431280876 && record.end == 1431280934);
  assert_int_equal(parse_default("2 1 eni-a - - - - - - - 1431280876 1431280934 - SkipData", &record, &fault),
                   DIFFD_FLOW_SKIPDATA);
}

static void test_ids_have_only_what_needs_no_quoting(void **state) {
  (void)state;
  char text[DIFFD_FLOW_NAME_MAX + 1];
  memset(text, 'e', sizeof text);
  struct diffd_flow_record record = {.account = span("-"), .eni = {text, DIFFD_FLOW_NAME_MAX}};
  assert_null(diffd_flow_record_id_fault(&record));
  record.eni.len++;
  assert_string_equal(diffd_flow_record_id_fault(&record), "interface-id is no id");
  for (unsigned c = 0; c < 256; c++) {
    char account[] = {'1', (char)c, '2'};
    bool bad = c <= ' ' || c >= 127 || c == '"' || c == '\\';
    record = (struct diffd_flow_record){.account = {account, 3}, .eni = span("eni-1")};
    assert_int_equal(diffd_flow_record_id_fault(&record) != NULL, bad);
  }
  record.account.len = 0;
  assert_string_equal(diffd_flow_record_id_fault(&record), "account-id is no id");
}

static void test_headers_name_columns(void **state) {
  (void)state;
  struct diffd_flow_format format;
  struct diffd_error err;
  struct diffd_span header =
      span("log-status vpc-id action end start bytes packets protocol dstport srcport dstaddr "
           "srcaddr interface-id account-id some-later-field");
  assert_true(diffd_flow_is_header(header));
  assert_int_equal(diffd_flow_format_parse(header, &format, &err), DIFFD_OK);
  assert_int_equal(format.columns, 15);
  assert_int_equal(format.column[DIFFD_FLOW_STATUS], 0);
  assert_int_equal(format.column[DIFFD_FLOW_ACTION], 2);
  assert_int_equal(format.column[DIFFD_FLOW_ACCOUNT], 13);
  struct diffd_flow_format standard = diffd_flow_format_default(), parsed;
  header = span("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "
                "start end action "
                "log-status");
  assert_int_equal(diffd_flow_format_parse(header, &parsed, &err), DIFFD_OK);
  assert_memory_equal(&parsed, &standard, sizeof standard);
}

static void test_headers_that_lack_a_field_name_it(void **state) {
  (void)state;
  struct diffd_flow_format format;
  struct diffd_error err;
  struct diffd_span header = span("version resource-type account-id tgw-id interface-id srcaddr dstaddr "
                                  "srcport dstport protocol packets bytes "
                                  "start end log-status");
  assert_true(diffd_flow_is_header(header));
  assert_int_equal(diffd_flow_format_parse(header, &format, &err), DIFFD_BAD_LOGS);
  assert_non_null(strstr(err.detail, "lacks the field action"));
  header = span("start end start");
  assert_int_equal(diffd_flow_format_parse(header, &format, &err), DIFFD_BAD_LOGS);
  assert_non_null(strstr(err.detail, "the field start twice"));
}

static void test_records_and_garbage_are_no_headers(void **state) {
  (void)state;
  static const char *const lines[] = {"",      "start",         "hello world", "2 start end", "start end 7",
                                      "- end", "Version start", "start  end",  "start end "};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
    assert_false(diffd_flow_is_header(span(lines[i])));
}

static void test_every_field_has_its_version(void **state) {
  (void)state;
  assert_int_equal(diffd_flow_field_version(span("version")), 2);
  assert_int_equal(diffd_flow_field_version(span("pkt-dstaddr")), 3);
  assert_int_equal(diffd_flow_field_version(span("sublocation-id")), 4);
  assert_int_equal(diffd_flow_field_version(span("traffic-path")), 5);
  assert_int_equal(diffd_flow_field_version(span("packets-lost-ttl-expired")), 6);
  assert_int_equal(diffd_flow_field_version(span("ecs-task-id")), 7);
  assert_int_equal(diffd_flow_field_version(span("reject-reason")), 8);
  assert_int_equal(diffd_flow_field_version(span("resource-id")), 9);
  assert_int_equal(diffd_flow_field_version(span("encryption-status")), 10);
  assert_int_equal(diffd_flow_field_version(span("next-hop-interface-id")), 11);
  assert_int_equal(diffd_flow_field_version(span("ecs-")), 0);
  assert_int_equal(diffd_flow_field_version(span("versio")), 0);
}

/* A line amid bytes that belong to no line, as a kernel meets it. */
struct padded_line {
  char bytes[DIFFD_FLOW_PAD + 512 + DIFFD_FLOW_PAD];
  uint32_t marks[1 + 512 + 64];
  uint32_t newlines[512 + 64];
};

/* Splits as the reader does and asks the kernel. */
static bool kernel_record(const struct diffd_flow_kernel *kernel, const struct diffd_flow_format *format,
                          struct padded_line *padded, struct diffd_span line, char around,
                          struct diffd_flow_record *ret) {
  memset(padded->bytes, around, sizeof padded->bytes);
  char *text = padded->bytes + DIFFD_FLOW_PAD;
  memcpy(text, line.ptr, line.len);
  text[line.len] = '\n';
  struct diffd_flow_marks marks = {.marks = padded->marks + 1, .newlines = padded->newlines};
  padded->marks[0] = UINT32_MAX;
  kernel->scan(text, 0, (uint32_t)line.len + 1, &marks);
  assert_true(marks.newline_count >= 1);
  return marks.newline_count == 1 && marks.newlines[0] + 1 == format->columns &&
         kernel->record(format, text, marks.marks, ret);
}

static bool same_address(const struct diffd_flow_address *a, const struct diffd_flow_address *b) {
  return a->v6 == b->v6 && (a->v6 ? memcmp(a->bytes, b->bytes, 16) == 0 : a->v4 == b->v4);
}

/* What the kernel takes, the plain parser takes alike. Returns whether the kernel took it. */
static bool check_kernel(const struct diffd_flow_kernel *kernel, const struct diffd_flow_format *format,
                         struct diffd_span line, char around) {
  static struct padded_line padded;
  struct diffd_flow_record fast, plain;
  const char *fault = "", *base = padded.bytes + DIFFD_FLOW_PAD;
  if (!kernel_record(kernel, format, &padded, line, around, &fast))
    return false;
  if (diffd_flow_record_parse(format, line, &plain, &fault) != DIFFD_FLOW_RECORD)
    fail_msg("%s takes \"%.*s\": %s", kernel->name, (int)line.len, line.ptr, fault);
  assert_true(fast.account.ptr - base == plain.account.ptr - line.ptr &&
              fast.account.len == plain.account.len);
  assert_true(fast.eni.ptr - base == plain.eni.ptr - line.ptr && fast.eni.len == plain.eni.len);
  assert_int_equal(fast.account_eni.len, plain.account_eni.len);
  assert_true(same_address(&fast.source, &plain.source) &&
              same_address(&fast.destination, &plain.destination));
  assert_true(fast.srcport == plain.srcport && fast.dstport == plain.dstport &&
              fast.protocol == plain.protocol);
  assert_true(fast.packets == plain.packets && fast.bytes == plain.bytes);
  assert_true(fast.start == plain.start && fast.end == plain.end && fast.color == plain.color);
  return true;
}

static const char *const ordinary[] = {
    "2 123456789010 eni-1235b8ca 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT "
    "OK",
    "2 123456789010 eni-0389969225bea4c6d 1.1.1.1 255.255.255.255 0 65535 255 12345678 1234567890123456 "
    "1000000000 "
    "9999999999 REJECT OK",
    "2 1 e 0.0.0.0 10.20.30.40 1 2 0 0 0 1418530010 1418530070 reject ok",
    "2 123456789010 eni-1235b8ca 192.168.0.1 8.8.8.8 443 51234 17 9999999 99999999 1418530010 1418530070 - "
    "Ok",
};

static unsigned next_random(unsigned *state) {
  *state = *state * 1103515245u + 12345u;
  return *state >> 16;
}

static void check_mutations(const struct diffd_flow_kernel *kernel) {
  static const char alphabet[] = "0123456789. :aAfFxOoKkRrEeJjCcTt-\r\n\t/;\xff\x80\x01";
  struct diffd_flow_format format = diffd_flow_format_default();
  unsigned state = 1, taken = 0;
  for (size_t i = 0; i < sizeof ordinary / sizeof ordinary[0]; i++) {
    size_t len = strlen(ordinary[i]);
    assert_true(check_kernel(kernel, &format, span(ordinary[i]), '9'));
    for (unsigned round = 0; round < 40000; round++) {
      char line[512];
      memcpy(line, ordinary[i], len + 1);
      unsigned changes = 1 + next_random(&state) % 2;
      for (unsigned change = 0; change < changes; change++)
        line[next_random(&state) % len] = alphabet[next_random(&state) % (sizeof alphabet - 1)];
      size_t cut = next_random(&state) % 8 == 0 ? next_random(&state) % len : len;
      taken += check_kernel(kernel, &format, (struct diffd_span){line, cut}, alphabet[round % 12]);
    }
  }
  assert_true(taken > 1000); /* else the test tests nothing */
}

static void check_scan(const struct diffd_flow_kernel *kernel, const struct diffd_flow_kernel *reference) {
  static char text[DIFFD_FLOW_PAD + 512 + DIFFD_FLOW_PAD];
  static uint32_t marks[2][600], newlines[2][600];
  unsigned state = 7;
  for (uint32_t len = 0; len <= 256; len++)
    for (uint32_t begin = 0; begin < 64; begin++) {
      for (size_t i = 0; i < sizeof text; i++)
        text[i] = "  \n\n x2.\x20\x8a\xa0"[next_random(&state) % 11];
      struct diffd_flow_marks a = {.marks = marks[0], .newlines = newlines[0]};
      struct diffd_flow_marks b = {.marks = marks[1], .newlines = newlines[1]};
      kernel->scan(text, begin, begin + len, &a);
      reference->scan(text, begin, begin + len, &b);
      assert_int_equal(a.mark_count, b.mark_count);
      assert_int_equal(a.newline_count, b.newline_count);
      assert_memory_equal(a.marks, b.marks, a.mark_count * sizeof *a.marks);
      assert_memory_equal(a.newlines, b.newlines, a.newline_count * sizeof *a.newlines);
    }
}

static void test_kernels_agree_with_the_plain_parser(void **state) {
  (void)state;
  const struct diffd_flow_kernel *scalar = diffd_flow_kernel_find("scalar"),
                                 *avx2 = diffd_flow_kernel_find("avx2");
  assert_non_null(scalar);
  check_mutations(scalar);
  if (avx2 != NULL) {
    check_mutations(avx2);
    check_scan(avx2, scalar);
  }
  assert_null(diffd_flow_kernel_find("abacus"));
  assert_ptr_equal(diffd_flow_kernel_find(NULL), avx2 != NULL ? avx2 : scalar);
}

enum { MANY_LINES = 12 };

/* Lines that are common records, and some that are not: a common one that a newline cuts in two, and one with
 * a column more. */
static const char *const many[MANY_LINES] = {
    [4] = "2 1 e 0.0.0.0 10.20.30.40 1 2 0 0 0 1418530010",
    [5] = "1418530070 reject ok",
    [9] = "2 1 e 0.0.0.0 10.20.30.40 1 2 0 0 0 1418530010 1418530070 reject ok 7",
};

static uint32_t many_lines(char *text, size_t cap) {
  size_t len = 0;
  for (size_t i = 0; i < MANY_LINES; i++)
    len += (size_t)snprintf(text + len, cap - len, "%s\n", many[i] != NULL ? many[i] : ordinary[i % 4]);
  return (uint32_t)len;
}

static void check_many(const struct diffd_flow_kernel *kernel) {
  static char bytes[DIFFD_FLOW_PAD + 4096 + DIFFD_FLOW_PAD];
  static uint32_t mark_room[1 + 4096 + 64], newlines[4096 + 64];
  static struct diffd_flow_record records[MANY_LINES];
  struct diffd_flow_format format = diffd_flow_format_default();
  struct diffd_flow_marks marks = {.marks = mark_room + 1, .newlines = newlines};
  char *text = bytes + DIFFD_FLOW_PAD;
  mark_room[0] = UINT32_MAX;
  kernel->scan(text, 0, many_lines(text, 4096), &marks);
  assert_int_equal(marks.newline_count, MANY_LINES);
  for (uint32_t line = 0; line < MANY_LINES; line++)
    for (uint32_t count = 0; count <= MANY_LINES - line; count++) {
      uint32_t expected = 0;
      while (expected < count && many[line + expected] == NULL)
        expected++;
      memset(records, 0xee, sizeof records);
      assert_int_equal(kernel->records(&format, text, &marks, line, count, records), expected);
      for (uint32_t i = 0; i < expected; i++) {
        struct diffd_flow_record alone;
        memset(&alone, 0xee, sizeof alone);
        assert_true(
            kernel->record(&format, text, marks.marks + diffd_flow_marks_first(&marks, line + i), &alone));
        assert_memory_equal(&records[i], &alone, sizeof alone);
      }
    }
}

/* Many lines at once are the same records as one by one, up to the first that is not common. */
static void test_kernels_stop_before_an_odd_line(void **state) {
  (void)state;
  static const char *const names[] = {"scalar", "avx2"};
  for (size_t i = 0; i < 2; i++)
    if (diffd_flow_kernel_find(names[i]) != NULL)
      check_many(diffd_flow_kernel_find(names[i]));
}

static void test_kernels_take_any_order_of_columns(void **state) {
  (void)state;
  static const char *const names[] = {"scalar", "avx2"};
  struct diffd_flow_format format;
  struct diffd_error err;
  struct diffd_span header =
      span("log-status action end start bytes packets protocol dstport srcport dstaddr srcaddr "
           "vpc-id interface-id account-id");
  assert_int_equal(diffd_flow_format_parse(header, &format, &err), DIFFD_OK);
  for (size_t i = 0; i < 2; i++) {
    const struct diffd_flow_kernel *kernel = diffd_flow_kernel_find(names[i]);
    if (kernel != NULL)
      assert_true(check_kernel(
          kernel, &format,
          span("OK REJECT 1418530070 1418530010 77 5 6 443 50000 10.0.0.1 10.0.0.2 - eni-1 12"), ' '));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_record_has_its_fields),
      cmocka_unit_test(test_bad_lines_are_told_apart),
      cmocka_unit_test(test_records_without_data_have_times),
      cmocka_unit_test(test_ids_have_only_what_needs_no_quoting),
      cmocka_unit_test(test_headers_name_columns),
      cmocka_unit_test(test_headers_that_lack_a_field_name_it),
      cmocka_unit_test(test_records_and_garbage_are_no_headers),
      cmocka_unit_test(test_every_field_has_its_version),
      cmocka_unit_test(test_kernels_agree_with_the_plain_parser),
      cmocka_unit_test(test_kernels_stop_before_an_odd_line),
      cmocka_unit_test(test_kernels_take_any_order_of_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
