/* SPDX-License-Identifier: Apache-2.0 */
#include "net/xml_fields.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#include "net/expat_library.h"

/* How far each field's path is matched by the open elements: `matched` of them, counted from the root, agree
 * with its first names; the rest of its path begins at `rest`. */
struct field_state {
  const char *rest[DIFFD_XML_DEPTH_MAX + 1]; /* by depth; NULL: no match at this depth */
  size_t len;                                /* of the value so far */
  bool open;                                 /* its element is open, and its text is wanted */
};

struct state {
  XML_Parser parser;
  struct diffd_xml_field *fields;
  struct field_state states[DIFFD_XML_FIELDS_MAX];
  size_t count;
  unsigned depth; /* open elements */
  enum diffd_status status;
  struct diffd_error *err;
};

static void stop(struct state *state, enum diffd_status status) {
  if (state->status == DIFFD_OK)
    state->status = status;
  (void)XML_StopParser(state->parser, XML_FALSE);
}

/* The rest of a path behind its first name, where that is `name`; NULL where it is another. At the path's end
 * the rest is "". */
static const char *step(const char *path, const char *name) {
  size_t len = strcspn(path, "/");
  bool any = len == 1 && path[0] == '*';
  if (len == 0 || (!any && (strlen(name) != len || memcmp(path, name, len) != 0)))
    return NULL;
  return path[len] == '/' ? path + len + 1 : path + len;
}

static void begin_element(void *arg, const XML_Char *name, const XML_Char **attributes) {
  struct state *state = arg;
  (void)attributes;
  if (state->depth == DIFFD_XML_DEPTH_MAX) {
    stop(state,
         diffd_fail(state->err, DIFFD_INVALID, "the XML is nested more than %d deep", DIFFD_XML_DEPTH_MAX));
    return;
  }
  const char *colon = strrchr(name, ':');
  const char *local = colon != NULL ? colon + 1 : name;
  unsigned depth = state->depth++;
  for (size_t i = 0; i < state->count; i++) {
    struct field_state *field = &state->states[i];
    const char *rest = field->rest[depth];
    field->rest[depth + 1] = rest != NULL ? step(rest, local) : NULL;
    /* Text of elements inside the wanted one is not its own. */
    field->open = false;
    if (field->rest[depth + 1] != NULL && field->rest[depth + 1][0] == '\0' && !state->fields[i].found)
      field->open = state->fields[i].found = true;
  }
}

static void end_element(void *arg, const XML_Char *name) {
  struct state *state = arg;
  (void)name;
  state->depth--;
  for (size_t i = 0; i < state->count; i++)
    state->states[i].open = false;
}

static void take_text(void *arg, const XML_Char *text, int len) {
  struct state *state = arg;
  for (size_t i = 0; i < state->count; i++) {
    struct field_state *field = &state->states[i];
    if (!field->open)
      continue;
    if ((size_t)len >= state->fields[i].size - field->len) {
      stop(state, diffd_fail(state->err, DIFFD_TOO_LARGE, "the value of %s is longer than %zu bytes",
                             state->fields[i].path, state->fields[i].size - 1));
      return;
    }
    memcpy(state->fields[i].value + field->len, text, (size_t)len);
    field->len += (size_t)len;
    state->fields[i].value[field->len] = '\0';
  }
}

static void refuse_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                           int has_subset) {
  struct state *state = arg;
  (void)name;
  (void)system;
  (void)public;
  (void)has_subset;
  stop(state, diffd_fail(state->err, DIFFD_INVALID, "the XML has a DOCTYPE, which is not read"));
}

static void empty(struct diffd_xml_field *fields, size_t count) {
  for (size_t i = 0; i < count; i++) {
    explicit_bzero(fields[i].value, fields[i].size);
    fields[i].found = false;
  }
}

enum diffd_status diffd_xml_fields(struct diffd_span text, struct diffd_xml_field *fields, size_t count,
                                   struct diffd_error *err) {
  struct state state = {.fields = fields, .count = count, .status = DIFFD_OK, .err = err};
  assert(count <= DIFFD_XML_FIELDS_MAX);
  empty(fields, count);
  for (size_t i = 0; i < count; i++)
    state.states[i].rest[0] = fields[i].path;
  if (text.len > INT_MAX)
    return diffd_fail(err, DIFFD_TOO_LARGE, "the XML is too long");
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
  if (XML_Parse(state.parser, text.len > 0 ? text.ptr : "", (int)text.len, XML_TRUE) != XML_STATUS_OK &&
      state.status == DIFFD_OK) {
    enum XML_Error code = XML_GetErrorCode(state.parser);
    state.status = diffd_fail(err, code == XML_ERROR_NO_MEMORY ? DIFFD_NO_MEMORY : DIFFD_INVALID,
                              "it is no XML: line %lu: %s", XML_GetCurrentLineNumber(state.parser),
                              XML_ErrorString(code));
  }
  XML_ParserFree(state.parser);
  if (state.status != DIFFD_OK)
    empty(fields, count);
  return state.status;
}
