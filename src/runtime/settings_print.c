/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints the table of settings: for a terminal, as JSON, for the README and for the man page.
 */
#include <stdio.h>
#include <string.h>

#include "base/json_text.h"
#include "runtime/settings_rules.h"

enum { NAME_WIDTH = 38, PROSE_WIDTH = 78 };

/* The first failure sticks, so that printing reads as a list of lines. */
struct printer {
  struct diffd_buffer *out;
  struct diffd_error *err;
  enum diffd_status status;
};

static void put(struct printer *to, const char *bytes, size_t len) {
  if (to->status == DIFFD_OK)
    to->status = diffd_buffer_append(to->out, bytes, len, to->err);
}

static void put_text(struct printer *to, const char *text) {
  put(to, text, strlen(text));
}

static void put_padded(struct printer *to, const char *text, size_t len, size_t width) {
  put(to, text, len);
  for (; len < width; len++)
    put_text(to, " ");
}

static bool new_group(size_t row) {
  return row == 0 || strcmp(diffd_settings_table[row].group, diffd_settings_table[row - 1].group) != 0;
}

/* What the reader should write: the choices, or the kind of value. */
static const char *kind_of(const struct diffd_setting *setting) {
  switch (setting->type) {
  case DIFFD_SETTING_TEXT:
    return "text";
  case DIFFD_SETTING_URL:
    return "URL";
  case DIFFD_SETTING_CHOICE:
  case DIFFD_SETTING_LEVEL:
    return setting->choices;
  case DIFFD_SETTING_BOOLEAN:
    return "true|false";
  case DIFFD_SETTING_INTEGER:
    return setting->unit != NULL ? setting->unit : "number";
  case DIFFD_SETTING_MILLISECONDS:
    return "milliseconds";
  case DIFFD_SETTING_DURATION:
    return "duration, as in 1m30s";
  case DIFFD_SETTING_SIZE:
    return "size, as in 64MiB";
  case DIFFD_SETTING_WORDS:
    return "words";
  case DIFFD_SETTING_INTEGERS:
    return "numbers";
  case DIFFD_SETTING_ADDRESS:
    return "host:port";
  }
  return "text";
}

/* ---- help ---- */

/* Wraps a sentence at PROSE_WIDTH, without its back quotes. */
static void put_wrapped(struct printer *to, const char *text, size_t indent) {
  size_t column = 0;
  while (*text != '\0') {
    size_t len = strcspn(text, " ");
    size_t shown = 0;
    for (size_t i = 0; i < len; i++)
      shown += text[i] != '`';
    if (column > 0 && column + 1 + shown > PROSE_WIDTH) {
      put_text(to, "\n");
      column = 0;
    }
    if (column == 0)
      put_padded(to, "", 0, indent);
    else
      put_text(to, " ");
    column += (column == 0 ? indent : 1) + shown;
    for (size_t i = 0; i < len; i++)
      if (text[i] != '`')
        put(to, text + i, 1);
    text += len;
    while (*text == ' ')
      text++;
  }
  put_text(to, "\n");
}

static void put_prose(struct printer *to, const struct diffd_setting *setting) {
  char text[1024];
  put_wrapped(to, setting->prose, 6);
  if (setting->also != NULL) {
    (void)snprintf(text, sizeof text, "%s is another name of it.", setting->also);
    put_wrapped(to, text, 6);
  }
  if (setting->required != NULL) {
    (void)snprintf(text, sizeof text, "Required where %s.", setting->required);
    put_wrapped(to, text, 6);
  }
  if (setting->later)
    put_wrapped(to, "Not in this version yet.", 6);
}

static void print_help(struct printer *to) {
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    char line[512];
    if (new_group(row)) {
      put_text(to, row == 0 ? "" : "\n");
      put_text(to, setting->group);
      put_text(to, "\n");
    }
    const char *def = setting->def != NULL ? setting->def : setting->def_note;
    (void)snprintf(line, sizeof line, "%s (%s%s%s)", setting->name, kind_of(setting),
                   def != NULL ? "; default: " : "", def != NULL ? def : "");
    put_wrapped(to, line, 2);
    put_prose(to, setting);
  }
}

/* ---- present values ---- */

enum diffd_status diffd_settings_present(const struct diffd_settings *settings, size_t row,
                                         struct diffd_buffer *out, struct diffd_error *err) {
  const struct diffd_setting *setting = &diffd_settings_table[row];
  struct printer to = {out, err, DIFFD_OK};
  if (settings->given[row] != NULL && setting->type == DIFFD_SETTING_URL) {
    char shown[DIFFD_SHOWN_URL_MAX];
    diffd_setting_show_url(settings->given[row], shown);
    put_text(&to, shown);
  } else if (settings->given[row] != NULL) {
    put_text(&to, setting->secret ? "(hidden)" : settings->given[row]);
  } else if (setting->field == offsetof(struct diffd_settings, data_dir)) {
    put_text(&to, settings->data_dir != NULL ? settings->data_dir : "");
  } else if (setting->field == offsetof(struct diffd_settings, flow_logs_dir) && settings->data_dir != NULL &&
             settings->config.grapher == DIFFD_GRAPHER_LOG_FOLDER) {
    put_text(&to, settings->data_dir);
    put_text(&to, "/flow-logs");
  } else if (setting->def != NULL) {
    put_text(&to, setting->def);
  }
  return to.status;
}

static void print_list(struct printer *to, const struct diffd_settings *settings) {
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    struct diffd_buffer value = diffd_buffer_init(1 << 20);
    if (new_group(row)) {
      put_text(to, row == 0 ? "" : "\n");
      put_text(to, setting->group);
      put_text(to, "\n");
    }
    if (to->status == DIFFD_OK)
      to->status = diffd_settings_present(settings, row, &value, to->err);
    const char *def = setting->def != NULL ? setting->def : setting->def_note;
    put_text(to, settings->given[row] != NULL ? "* " : "  ");
    put_padded(to, setting->name, strlen(setting->name), NAME_WIDTH);
    put_text(to, "  ");
    if (value.len > 0)
      put_padded(to, value.ptr, value.len, 0);
    else
      put_text(to, settings->given[row] == NULL && def != NULL ? "" : "-");
    /* A default stands there where the value does not already show it. */
    if (def != NULL && (settings->given[row] != NULL || setting->def == NULL)) {
      char text[256];
      size_t len = 0;
      for (const char *c = def; *c != '\0' && len + 1 < sizeof text; c++)
        if (*c != '`')
          text[len++] = *c;
      put_text(to, value.len > 0 ? "   (default: " : "(default: ");
      put(to, text, len);
      put_text(to, ")");
    }
    put_text(to, "\n");
    diffd_buffer_clean_up(&value);
  }
}

/* ---- JSON (RFC 8259) ---- */

static void put_json_string(struct printer *to, const char *text, size_t len) {
  if (to->status == DIFFD_OK)
    to->status = diffd_json_append_string(to->out, (struct diffd_span){text, len}, to->err);
}

static void put_json_or_null(struct printer *to, const char *key, const char *text) {
  put_text(to, key);
  if (text != NULL)
    put_json_string(to, text, strlen(text));
  else
    put_text(to, "null");
}

static void print_json(struct printer *to, const struct diffd_settings *settings) {
  put_text(to, "[\n");
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    struct diffd_buffer value = diffd_buffer_init(1 << 20);
    if (to->status == DIFFD_OK)
      to->status = diffd_settings_present(settings, row, &value, to->err);
    put_json_or_null(to, "  {\"name\": ", setting->name);
    put_json_or_null(to, ", \"group\": ", setting->group);
    put_text(to, ", \"value\": ");
    if (value.len > 0)
      put_json_string(to, value.ptr, value.len);
    else
      put_text(to, "null");
    put_json_or_null(to, ", \"default\": ", setting->def);
    put_text(to, settings->given[row] != NULL ? ", \"set\": true" : ", \"set\": false");
    put_text(to, setting->later ? ", \"supported\": false}" : ", \"supported\": true}");
    put_text(to, row + 1 < diffd_settings_count ? ",\n" : "\n");
    diffd_buffer_clean_up(&value);
  }
  put_text(to, "]\n");
}

/* ---- Markdown ---- */

/* A cell: `|` would end it. */
static void put_cell(struct printer *to, const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '|')
      put_text(to, "\\");
    put(to, text, 1);
  }
}

static void print_markdown(struct printer *to) {
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    if (new_group(row)) {
      put_text(to, row == 0 ? "### " : "\n### ");
      put_text(to, setting->group);
      put_text(to, "\n\n| Name | Value | Default | Meaning |\n| --- | --- | --- | --- |\n");
    }
    put_text(to, "| `");
    put_text(to, setting->name);
    put_text(to, "` | ");
    put_cell(to, kind_of(setting));
    put_text(to, " | ");
    if (setting->def != NULL) {
      put_text(to, "`");
      put_cell(to, setting->def);
      put_text(to, "`");
    } else {
      put_cell(to, setting->def_note != NULL ? setting->def_note : "");
    }
    put_text(to, " | ");
    put_cell(to, setting->prose);
    if (setting->also != NULL) {
      put_text(to, " `");
      put_text(to, setting->also);
      put_text(to, "` is another name of it.");
    }
    if (setting->required != NULL) {
      put_text(to, " Required where ");
      put_cell(to, setting->required);
      put_text(to, ".");
    }
    put_text(to, setting->later ? " *Not in this version yet.* |\n" : " |\n");
  }
}

/* ---- roff, man(7) ---- */

/* Running text: code in bold, and nothing that roff would take for a request or an escape. */
static void put_roff(struct printer *to, const char *text) {
  bool code = false;
  for (; *text != '\0'; text++) {
    if (*text == '`') {
      put_text(to, code ? "\\fR" : "\\fB");
      code = !code;
    } else if (*text == '\\') {
      put_text(to, "\\e");
    } else if (*text == '-') {
      put_text(to, "\\-");
    } else if (*text == '~') {
      put_text(to, "\\(ti");
    } else {
      put(to, text, 1);
    }
  }
}

static void print_man(struct printer *to) {
  for (size_t row = 0; row < diffd_settings_count; row++) {
    const struct diffd_setting *setting = &diffd_settings_table[row];
    if (new_group(row)) {
      put_text(to, ".SS ");
      put_text(to, setting->group);
      put_text(to, "\n");
    }
    put_text(to, ".TP\n.BR ");
    put_text(to, setting->name);
    put_text(to, " \" (");
    put_roff(to, kind_of(setting));
    put_text(to, ")\"\n");
    put_roff(to, setting->prose);
    if (setting->also != NULL) {
      put_text(to, "\n\\fB");
      put_roff(to, setting->also);
      put_text(to, "\\fR is another name of it.");
    }
    if (setting->required != NULL) {
      put_text(to, "\nRequired where ");
      put_roff(to, setting->required);
      put_text(to, ".");
    }
    if (setting->def != NULL || setting->def_note != NULL) {
      put_text(to, setting->def != NULL ? "\nDefault: \\fB" : "\nDefault: ");
      put_roff(to, setting->def != NULL ? setting->def : setting->def_note);
      put_text(to, setting->def != NULL ? "\\fR." : ".");
    }
    put_text(to, setting->later ? "\nNot in this version yet.\n" : "\n");
  }
}

enum diffd_status diffd_settings_print(const struct diffd_settings *settings,
                                       enum diffd_settings_format format, struct diffd_buffer *out,
                                       struct diffd_error *err) {
  struct printer to = {out, err, DIFFD_OK};
  switch (format) {
  case DIFFD_SETTINGS_HELP:
    print_help(&to);
    break;
  case DIFFD_SETTINGS_LIST:
    print_list(&to, settings);
    break;
  case DIFFD_SETTINGS_JSON:
    print_json(&to, settings);
    break;
  case DIFFD_SETTINGS_MARKDOWN:
    print_markdown(&to);
    break;
  case DIFFD_SETTINGS_MAN:
    print_man(&to);
    break;
  }
  return to.status;
}
