/* SPDX-License-Identifier: Apache-2.0 */
#include "net/s3_list.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "net/expat_library.h"
#include "net/s3_send.h"
#include "net/sigv4.h"

enum { DEPTH_MAX = 16, TEXT_MAX = DIFFD_S3_TOKEN_MAX, QUERY_MAX = 64 * 1024 };

/* The elements that we care for, where they stand. */
enum place { ELSEWHERE, ROOT, OBJECT, KEY, SIZE, TRUNCATED, TOKEN, ENCODING };

static const struct {
  enum place parent;
  const char *name;
  enum place place;
} elements[] = {
    {ROOT, "Contents", OBJECT},
    {OBJECT, "Key", KEY},
    {OBJECT, "Size", SIZE},
    {ROOT, "IsTruncated", TRUNCATED},
    {ROOT, "NextContinuationToken", TOKEN},
    {ROOT, "EncodingType", ENCODING},
};

struct state {
  XML_Parser parser;
  struct diffd_s3_page *page;
  enum place places[DEPTH_MAX + 1]; /* of the open elements, the innermost last */
  unsigned depth;
  bool truncated;
  bool encoded;
  struct diffd_s3_page_object object; /* the one that is open; key_at is in `keys` */
  bool has_key;
  size_t text_len;
  char text[TEXT_MAX + 1]; /* of the open element that we care for */
  enum diffd_status status;
  struct diffd_error *err;
};

static void stop(struct state *state, enum diffd_status status) {
  if (state->status == DIFFD_OK)
    state->status = status;
  (void)XML_StopParser(state->parser, XML_FALSE);
}

static enum place find_place(const struct state *state, const char *name) {
  if (state->depth == 0)
    return strcmp(name, "ListBucketResult") == 0 ? ROOT : ELSEWHERE;
  enum place parent = state->places[state->depth - 1];
  for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
    if (elements[i].parent == parent && strcmp(elements[i].name, name) == 0)
      return elements[i].place;
  return ELSEWHERE;
}

static void begin_element(void *arg, const XML_Char *name, const XML_Char **attributes) {
  struct state *state = arg;
  (void)attributes;
  if (state->depth == DEPTH_MAX) {
    stop(state, diffd_fail(state->err, DIFFD_UNAVAILABLE, "the XML is nested more than %d deep", DEPTH_MAX));
    return;
  }
  const char *colon = strrchr(name, ':');
  enum place place = find_place(state, colon != NULL ? colon + 1 : name);
  if (state->depth == 0 && place != ROOT) {
    stop(state, diffd_fail(state->err, DIFFD_UNAVAILABLE, "the XML is no list of objects"));
    return;
  }
  state->places[state->depth++] = place;
  state->text_len = 0;
  if (place == OBJECT) {
    state->object = (struct diffd_s3_page_object){.key_at = state->page->keys.len, .size = -1};
    state->has_key = false;
  }
}

static int hex_digit(char c) {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/* Decodes in place, as forms are: `+` is a space. What is no %XX stays. */
static size_t decode(char *text, size_t len) {
  size_t out = 0;
  for (size_t i = 0; i < len; i++) {
    int high = text[i] == '%' && len - i > 2 ? hex_digit(text[i + 1]) : -1;
    int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      text[out++] = (char)(high * 16 + low);
      i += 2;
    } else {
      text[out++] = text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

/* EncodingType may come after the objects, so keys are decoded when all has been read. */
static enum diffd_status end_key(struct state *state) {
  if (state->has_key || state->text_len == 0)
    return diffd_fail(state->err, DIFFD_UNAVAILABLE, "an object of the list has %s",
                      state->has_key ? "two keys" : "an empty key");
  state->has_key = true;
  state->object.key_len = state->text_len;
  return diffd_buffer_append(&state->page->keys, state->text, state->text_len, state->err);
}

static enum diffd_status end_object(struct state *state) {
  if (!state->has_key)
    return diffd_fail(state->err, DIFFD_UNAVAILABLE, "an object of the list has no key");
  if (state->page->count == DIFFD_S3_PAGE_OBJECTS_MAX)
    return diffd_fail(state->err, DIFFD_UNAVAILABLE, "the list has more than %d objects on a page",
                      DIFFD_S3_PAGE_OBJECTS_MAX);
  state->page->count++;
  return diffd_buffer_append(&state->page->objects, &state->object, sizeof state->object, state->err);
}

static void end_element(void *arg, const XML_Char *name) {
  struct state *state = arg;
  enum diffd_status status = DIFFD_OK;
  (void)name;
  /* A parser that was stopped at an empty element's beginning still tells of its end. */
  if (state->status != DIFFD_OK)
    return;
  state->text[state->text_len] = '\0';
  switch (state->places[--state->depth]) {
  case KEY:
    status = end_key(state);
    break;
  case OBJECT:
    status = end_object(state);
    break;
  case SIZE:
    state->object.size = diffd_s3_number(state->text);
    break;
  case TRUNCATED:
    state->truncated = strcmp(state->text, "true") == 0;
    break;
  case TOKEN:
    memcpy(state->page->next_token, state->text, state->text_len + 1);
    break;
  case ENCODING:
    state->encoded = strcmp(state->text, "url") == 0;
    break;
  default:
    break;
  }
  state->text_len = 0;
  if (status != DIFFD_OK)
    stop(state, status);
}

static void take_text(void *arg, const XML_Char *text, int len) {
  struct state *state = arg;
  if (state->depth == 0 || state->places[state->depth - 1] < KEY)
    return;
  if ((size_t)len > TEXT_MAX - state->text_len) {
    stop(state,
         diffd_fail(state->err, DIFFD_UNAVAILABLE, "a text in the list is longer than %d bytes", TEXT_MAX));
    return;
  }
  memcpy(state->text + state->text_len, text, (size_t)len);
  state->text_len += (size_t)len;
}

static void refuse_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                           int has_subset) {
  struct state *state = arg;
  (void)name;
  (void)system;
  (void)public;
  (void)has_subset;
  stop(state, diffd_fail(state->err, DIFFD_UNAVAILABLE, "the XML has a DOCTYPE, which is not read"));
}

static void set_object(struct diffd_s3_page *page, size_t index, const struct diffd_s3_page_object *object) {
  memcpy(page->objects.ptr + index * sizeof *object, object, sizeof *object);
}

static enum diffd_status finish(struct state *state) {
  struct diffd_s3_page *page = state->page;
  for (size_t i = 0; state->encoded && i < page->count; i++) {
    struct diffd_s3_page_object object = diffd_s3_page_object(page, i);
    object.key_len = decode(page->keys.ptr + object.key_at, object.key_len);
    set_object(page, i, &object);
  }
  if (!state->truncated)
    page->next_token[0] = '\0';
  else if (page->next_token[0] == '\0')
    return diffd_fail(state->err, DIFFD_UNAVAILABLE, "the list goes on, and does not say where");
  return DIFFD_OK;
}

enum diffd_status diffd_s3_page_read(struct diffd_span text, struct diffd_s3_page *ret,
                                     struct diffd_error *err) {
  struct diffd_s3_page page = {
      .keys = diffd_buffer_init(DIFFD_S3_PAGE_BYTES_MAX),
      .objects = diffd_buffer_init(DIFFD_S3_PAGE_OBJECTS_MAX * sizeof(struct diffd_s3_page_object))};
  struct state state = {.page = &page, .err = err};
  if (text.len > DIFFD_S3_PAGE_BYTES_MAX)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the list has more than %d bytes", DIFFD_S3_PAGE_BYTES_MAX);
  enum diffd_status loaded = diffd_expat_load(err);
  if (loaded != DIFFD_OK)
    return loaded;
  state.parser = XML_ParserCreate(NULL);
  if (state.parser == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for reading XML");
  XML_SetUserData(state.parser, &state);
  XML_SetElementHandler(state.parser, begin_element, end_element);
  XML_SetCharacterDataHandler(state.parser, take_text);
  XML_SetStartDoctypeDeclHandler(state.parser, refuse_doctype);
  enum XML_Status parsed = XML_Parse(state.parser, text.len > 0 ? text.ptr : "", (int)text.len, XML_TRUE);
  if (parsed != XML_STATUS_OK && state.status == DIFFD_OK)
    state.status =
        diffd_fail(err, DIFFD_UNAVAILABLE, "the list is no XML: line %lu: %s",
                   XML_GetCurrentLineNumber(state.parser), XML_ErrorString(XML_GetErrorCode(state.parser)));
  XML_ParserFree(state.parser);
  if (state.status == DIFFD_OK)
    state.status = finish(&state);
  if (state.status == DIFFD_OK)
    *ret = page;
  else
    diffd_s3_page_clean_up(&page);
  return state.status;
}

void diffd_s3_page_clean_up(struct diffd_s3_page *page) {
  diffd_buffer_clean_up(&page->keys);
  diffd_buffer_clean_up(&page->objects);
  page->count = 0;
}

struct diffd_s3_page_object diffd_s3_page_object(const struct diffd_s3_page *page, size_t index) {
  struct diffd_s3_page_object object;
  memcpy(&object, page->objects.ptr + index * sizeof object, sizeof object);
  return object;
}

/* Page after page. */

static enum diffd_status append_parameter(struct diffd_buffer *query, const char *name,
                                          struct diffd_span value, struct diffd_error *err) {
  if (value.ptr == NULL || value.len == 0)
    return DIFFD_OK;
  enum diffd_status status = diffd_buffer_printf(query, err, "&%s=", name);
  return status != DIFFD_OK ? status : diffd_uri_encode(query, value, false, err);
}

/* Control characters cannot stand in XML, so keys are asked for as URLs encode them. */
static enum diffd_status ask_page(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                  const struct diffd_s3_list_options *options, const char *token,
                                  struct diffd_s3_page *ret, struct diffd_error *err) {
  struct diffd_buffer query = diffd_buffer_init(QUERY_MAX), body = diffd_buffer_init(DIFFD_S3_PAGE_BYTES_MAX);
  enum diffd_status status = diffd_buffer_printf(&query, err, "list-type=2&encoding-type=url");
  if (status == DIFFD_OK)
    status = append_parameter(&query, "prefix", options->prefix, err);
  if (status == DIFFD_OK)
    status = append_parameter(&query, "start-after", options->start_after, err);
  if (status == DIFFD_OK)
    status = append_parameter(&query, "continuation-token", (struct diffd_span){token, strlen(token)}, err);
  if (status == DIFFD_OK)
    status = diffd_buffer_append(&query, "", 1, err);
  const struct diffd_s3_call call = {
      .method = "GET", .query = query.ptr, .doing = "listing", .action = "s3:ListBucket"};
  if (status == DIFFD_OK)
    status = diffd_s3_ask(s3, ctx, &call, &body, NULL, err);
  if (status == DIFFD_OK) {
    status = diffd_s3_page_read((struct diffd_span){body.len > 0 ? body.ptr : "", body.len}, ret, err);
    if (status != DIFFD_OK)
      status = diffd_fail_within(err, "S3 bucket \"%s\"", s3->options.bucket);
  }
  diffd_buffer_clean_up(&query);
  diffd_buffer_clean_up(&body);
  return status;
}

static enum diffd_status tell_page(const struct diffd_s3_list_options *options,
                                   const struct diffd_s3_page *page, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < page->count; i++) {
    struct diffd_s3_page_object object = diffd_s3_page_object(page, i);
    const struct diffd_s3_listed listed = {
        .key = {object.key_len > 0 ? page->keys.ptr + object.key_at : "", object.key_len},
        .size = object.size};
    status = options->object(options->arg, &listed, err);
  }
  return status;
}

enum diffd_status diffd_s3_list(struct diffd_s3 *s3, const struct diffd_context *ctx,
                                const struct diffd_s3_list_options *options, struct diffd_error *err) {
  char token[DIFFD_S3_TOKEN_MAX + 1] = "";
  enum diffd_status status;
  do {
    struct diffd_s3_page page;
    status = ask_page(s3, ctx, options, token, &page, err);
    if (status != DIFFD_OK)
      return status;
    status = tell_page(options, &page, err);
    bool stuck = page.next_token[0] != '\0' && strcmp(page.next_token, token) == 0;
    (void)snprintf(token, sizeof token, "%s", page.next_token);
    diffd_s3_page_clean_up(&page);
    if (status == DIFFD_OK && stuck)
      status = diffd_fail(err, DIFFD_UNAVAILABLE, "S3 bucket \"%s\": the list goes on where it began",
                          s3->options.bucket);
  } while (status == DIFFD_OK && token[0] != '\0');
  return status;
}
