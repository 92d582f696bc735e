/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads the environment through the table, and works out what depends on more than one variable.
 */
#include "runtime/settings.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "runtime/settings_rules.h"

/* ---- looking things up ---- */

size_t diffd_settings_find(const char *name) {
  size_t row = 0;
  while (row < diffd_settings_count && strcmp(diffd_settings_table[row].name, name) != 0)
    row++;
  return row;
}

/* The value of a variable in the environment, or NULL where it is unset or empty. */
static const char *look_up(char *const *environment, const char *name) {
  size_t len = strlen(name);
  for (char *const *entry = environment; *entry != NULL; entry++)
    if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
      return (*entry)[len + 1] != '\0' ? *entry + len + 1 : NULL;
  return NULL;
}

const char *diffd_setting_given(const struct diffd_settings *settings, const char *name) {
  return settings->given[diffd_settings_find(name)];
}

/* ---- collecting faults ---- */

enum { SENTENCE_MAX = 2048 };

enum diffd_status diffd_setting_fault(struct diffd_settings *settings, struct diffd_error *err,
                                      const char *fmt, ...) {
  char text[SENTENCE_MAX];
  va_list args;
  va_start(args, fmt);
  (void)vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  for (char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c < ' ')
      *c = ' ';
  return diffd_words_append(&settings->faults, text, err);
}

enum { NOTES_MAX = 64 };

/* Adds what the log should say at the start; the 65th thing is not worth it. */
static enum diffd_status append_note(struct diffd_settings *settings, const char *setting,
                                     struct diffd_error *err, const char *fmt, ...) DIFFD_PRINTF(4, 5);
static enum diffd_status append_note(struct diffd_settings *settings, const char *setting,
                                     struct diffd_error *err, const char *fmt, ...) {
  size_t count = settings->config.note_count;
  if (count == NOTES_MAX)
    return DIFFD_OK;
  struct diffd_config_note *notes = realloc(settings->notes, (count + 1) * sizeof *notes);
  if (notes == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  settings->notes = notes;
  char *name = strdup(setting);
  char *reason = NULL;
  va_list args;
  va_start(args, fmt);
  int len = vasprintf(&reason, fmt, args);
  va_end(args);
  if (name == NULL || len < 0) {
    free(name);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  }
  notes[count] = (struct diffd_config_note){DIFFD_LOG_WARN, name, reason};
  settings->config.note_count++;
  return DIFFD_OK;
}

static void notes_clean_up(struct diffd_settings *settings) {
  for (size_t i = 0; i < settings->config.note_count; i++) {
    free((void *)(uintptr_t)settings->notes[i].setting);
    free((void *)(uintptr_t)settings->notes[i].reason);
  }
  free(settings->notes);
}

/* ---- single values ---- */

/* Writes a number as the setting's type spells it. */
static void spell_number(const struct diffd_setting *setting, int64_t value, char text[static 32]) {
  static const struct {
    const char *unit;
    int64_t ns;
  } units[] = {
      {"h", INT64_C(3600000000000)}, {"m", INT64_C(60000000000)}, {"s", 1000000000}, {"ms", 1000000}};
  (void)snprintf(text, 32, "%lld", (long long)value);
  if (setting->type != DIFFD_SETTING_DURATION || value == 0)
    return;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (value % units[i].ns == 0) {
      (void)snprintf(text, 32, "%lld%s", (long long)(value / units[i].ns), units[i].unit);
      return;
    }
  }
}

static enum diffd_status check_bounds(const struct diffd_setting *setting, int64_t value,
                                      struct diffd_error *err) {
  char min[32];
  char max[32];
  spell_number(setting, setting->min, min);
  spell_number(setting, setting->max, max);
  if (value < setting->min)
    return diffd_fail(err, DIFFD_INVALID, "the least value is %s", min);
  if (value > setting->max)
    return diffd_fail(err, DIFFD_INVALID, "the greatest value is %s", max);
  return DIFFD_OK;
}

static enum diffd_status parse_choice(const struct diffd_setting *setting, const char *text, int *ret,
                                      struct diffd_error *err) {
  assert(setting->choices != NULL); /* a row of the table that lacks them is our mistake */
  int index = 0;
  for (const char *at = setting->choices; at != NULL; index++) {
    size_t len = strcspn(at, "|");
    if (strlen(text) == len && strncasecmp(text, at, len) == 0) {
      *ret = index;
      return DIFFD_OK;
    }
    at = at[len] == '|' ? at + len + 1 : NULL;
  }
  bool one = strchr(setting->choices, '|') == NULL;
  return diffd_fail(err, DIFFD_INVALID, "%s %s", one ? "the only choice is" : "write one of",
                    setting->choices);
}

static enum diffd_status parse_integers(const struct diffd_setting *setting, const char *text,
                                        struct diffd_integers *ret, struct diffd_error *err) {
  struct diffd_words words = {0};
  enum diffd_status status = diffd_parse_words(text, &words, err);
  if (status != DIFFD_OK)
    return status;
  struct diffd_integers integers = {.items = calloc(words.count + 1, sizeof *integers.items)};
  if (integers.items == NULL) {
    diffd_words_clean_up(&words);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  }
  for (size_t i = 0; status == DIFFD_OK && i < words.count; i++) {
    int64_t *item = &integers.items[integers.count++];
    status = diffd_parse_integer(words.items[i], item, err);
    if (status == DIFFD_OK)
      status = check_bounds(setting, *item, err);
  }
  diffd_words_clean_up(&words);
  if (status != DIFFD_OK)
    free(integers.items);
  else
    *ret = integers;
  return status;
}

/* Room for a value of any type, for settings without a field. */
union value {
  char *text;
  int choice;
  bool boolean;
  int64_t number;
  struct diffd_words words;
  struct diffd_integers integers;
  struct diffd_address address;
};

static void value_clean_up(const struct diffd_setting *setting, void *slot) {
  if (setting->type == DIFFD_SETTING_TEXT || setting->type == DIFFD_SETTING_URL)
    free(*(char **)slot);
  else if (setting->type == DIFFD_SETTING_WORDS)
    diffd_words_clean_up(slot);
  else if (setting->type == DIFFD_SETTING_INTEGERS)
    free(((struct diffd_integers *)slot)->items);
}

static enum diffd_status parse_number(const struct diffd_setting *setting, const char *text, int64_t *ret,
                                      struct diffd_error *err) {
  int64_t number = 0;
  enum diffd_status status;
  if (setting->type == DIFFD_SETTING_DURATION)
    status = diffd_parse_duration(text, &number, err);
  else if (setting->type == DIFFD_SETTING_SIZE)
    status = diffd_parse_size(text, &number, err);
  else
    status = diffd_parse_integer(text, &number, err);
  if (status != DIFFD_OK && setting->type == DIFFD_SETTING_MILLISECONDS)
    status = diffd_fail(err, status,
                        "write milliseconds as a whole number without a unit, as in 10000 for ten seconds");
  if (status == DIFFD_OK)
    status = check_bounds(setting, number, err);
  if (status == DIFFD_OK)
    *ret = number;
  return status;
}

static enum diffd_status parse_value(const struct diffd_setting *setting, const char *text, void *slot,
                                     struct diffd_error *err) {
  switch (setting->type) {
  case DIFFD_SETTING_TEXT:
  case DIFFD_SETTING_URL: {
    char *copy = strdup(text);
    if (copy == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
    *(char **)slot = copy;
    return DIFFD_OK;
  }
  case DIFFD_SETTING_CHOICE:
  case DIFFD_SETTING_LEVEL:
    return parse_choice(setting, text, slot, err);
  case DIFFD_SETTING_BOOLEAN:
    return diffd_parse_boolean(text, slot, err);
  case DIFFD_SETTING_WORDS:
    return diffd_parse_words(text, slot, err);
  case DIFFD_SETTING_INTEGERS:
    return parse_integers(setting, text, slot, err);
  case DIFFD_SETTING_ADDRESS:
    return diffd_parse_address(text, slot, err);
  case DIFFD_SETTING_INTEGER:
  case DIFFD_SETTING_MILLISECONDS:
  case DIFFD_SETTING_DURATION:
  case DIFFD_SETTING_SIZE:
    break;
  }
  return parse_number(setting, text, slot, err);
}

/* Reads one row: the environment's text, or, where there is none or it is wrong, the default. */
static enum diffd_status load_row(struct diffd_settings *settings, size_t row, struct diffd_error *err) {
  const struct diffd_setting *setting = &diffd_settings_table[row];
  union value scratch = {0};
  bool has_field = setting->field != DIFFD_NO_FIELD;
  void *slot = has_field ? (void *)((char *)settings + setting->field) : &scratch;
  const char *text = settings->given[row];
  enum diffd_status status = DIFFD_OK;
  if (text != NULL) {
    status = parse_value(setting, text, slot, err);
    if (status == DIFFD_NO_MEMORY)
      return status;
    if (status != DIFFD_OK && setting->type == DIFFD_SETTING_LEVEL) {
      struct diffd_error detail = *err;
      *(int *)slot = 0;
      return append_note(settings, setting->name, err, "`%s` is no level, so everything is logged; %s", text,
                         detail.detail);
    }
    if (status != DIFFD_OK) {
      enum diffd_status told = diffd_setting_fault(settings, err, "%s=%s: %s", setting->name,
                                                   setting->secret ? "(hidden)" : text, err->detail);
      if (told != DIFFD_OK)
        return told;
    }
  }
  if ((text == NULL || status != DIFFD_OK) && setting->def != NULL)
    status = parse_value(setting, setting->def, slot, err);
  if (!has_field)
    value_clean_up(setting, slot);
  return status == DIFFD_NO_MEMORY ? status : DIFFD_OK;
}

/* ---- rules that span variables ---- */

static enum diffd_status settle_address(struct diffd_settings *settings, struct diffd_error *err) {
  const char *address = diffd_setting_given(settings, "RUNTIME_HTTPSERVER_ADDRESS");
  const char *port = diffd_setting_given(settings, "PORT");
  bool own_port = address != NULL && settings->listen.port >= 0;
  if (!own_port)
    settings->listen.port = (int)settings->port;
  if (port == NULL)
    return DIFFD_OK;
  if (own_port)
    return append_note(settings, "PORT", err, "PORT is ignored: RUNTIME_HTTPSERVER_ADDRESS=%s has a port",
                       address);
  enum diffd_status status =
      append_note(settings, "PORT", err, "the port %s of PORT is used: RUNTIME_HTTPSERVER_ADDRESS %s", port,
                  address == NULL ? "is unset" : "names none");
  if (status == DIFFD_OK)
    settings->notes[settings->config.note_count - 1].level = DIFFD_LOG_INFO;
  return status;
}

/* The first folder of a list as systemd writes it (several StateDirectory= are apart by colons). */
static int state_directory(const char *list, char **ret) {
  return asprintf(ret, "%.*s", (int)strcspn(list, ":"), list);
}

static bool needs_data_dir(const struct diffd_settings *settings) {
  const struct diffd_config *config = &settings->config;
  return (config->storage == DIFFD_STORAGE_EMBEDDED && (settings->own & DIFFD_OWN_STORAGE) == 0) ||
         (config->marker == DIFFD_MARKER_EMBEDDED && (settings->own & DIFFD_OWN_MARKER) == 0) ||
         (config->queuer == DIFFD_QUEUER_EMBEDDED && (settings->own & DIFFD_OWN_QUEUER) == 0);
}

static enum diffd_status settle_data_dir(struct diffd_settings *settings, char *const *environment,
                                         struct diffd_error *err) {
  if (settings->data_dir != NULL)
    return DIFFD_OK;
  const char *systemd = look_up(environment, "STATE_DIRECTORY");
  const char *xdg = look_up(environment, "XDG_STATE_HOME");
  const char *home = look_up(environment, "HOME");
  char *path = NULL;
  int len;
  if (systemd != NULL)
    len = state_directory(systemd, &path);
  else if (xdg != NULL && xdg[0] == '/') /* the XDG specification wants relative ones ignored */
    len = asprintf(&path, "%s/vpcflow-diffd", xdg);
  else if (home != NULL)
    len = asprintf(&path, "%s/.local/state/vpcflow-diffd", home);
  else if (!needs_data_dir(settings))
    return DIFFD_OK;
  else
    return diffd_setting_fault(
        settings, err,
        "DIFF_DATA_DIR: there is no default, as STATE_DIRECTORY, XDG_STATE_HOME and HOME are "
        "unset; set it to a folder that this user may write");
  if (len < 0)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  settings->data_dir = path;
  return DIFFD_OK;
}

/* HOME, and paths that begin with it. */
static enum diffd_status settle_home(struct diffd_settings *settings, char *const *environment,
                                     struct diffd_error *err) {
  char **const paths[] = {&settings->credentials_file, &settings->shared_credentials_file,
                          &settings->config_file, &settings->web_identity_token_file};
  const char *home = look_up(environment, "HOME");
  if (home == NULL)
    return DIFFD_OK;
  settings->home = strdup(home);
  if (settings->home == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    char *path = *paths[i];
    if (path == NULL || strncmp(path, "~/", 2) != 0)
      continue;
    char *expanded = NULL;
    if (asprintf(&expanded, "%s%s", home, path + 1) < 0)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
    free(path);
    *paths[i] = expanded;
  }
  return DIFFD_OK;
}

static enum diffd_status check_signals(struct diffd_settings *settings, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < settings->signal_handlers.count; i++) {
    if (strcasecmp(settings->signal_handlers.items[i], "OS") == 0)
      settings->handle_signals = true;
    else
      status = diffd_setting_fault(
          settings, err, "RUNTIME_SIGNALS_INSTALLED: there is no handler `%s`; write OS, or \"\" for none",
          settings->signal_handlers.items[i]);
  }
  for (size_t i = 0; status == DIFFD_OK && settings->handle_signals && i < settings->signals.count; i++) {
    int number = (int)settings->signals.items[i];
    sigset_t set;
    (void)sigemptyset(&set);
    if (number == SIGKILL || number == SIGSTOP || sigaddset(&set, number) != 0)
      status =
          diffd_setting_fault(settings, err,
                              "RUNTIME_SIGNALS_OS_SIGNALS: %d is no signal that a process can catch; `15 2` "
                              "is usual",
                              number);
  }
  return status;
}

static const char *setting_name(const void *arg, size_t index) {
  (void)arg;
  return index < diffd_settings_count ? diffd_settings_table[index].name : NULL;
}

/* Tells of variables that look like a misspelt setting, so that a typing error is not met in silence. */
static enum diffd_status note_misspelt(struct diffd_settings *settings, char *const *environment,
                                       struct diffd_error *err) {
  static const char *const prefixes[] = {"DIFF_", "GRAPHER_", "RUNTIME_", "STREAM_", "VPC_"};
  enum diffd_status status = DIFFD_OK;
  for (char *const *entry = environment; status == DIFFD_OK && *entry != NULL; entry++) {
    char name[64];
    size_t len = strcspn(*entry, "=");
    bool ours = false;
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
      ours = ours || strncmp(*entry, prefixes[i], strlen(prefixes[i])) == 0;
    if (!ours || len >= sizeof name)
      continue;
    memcpy(name, *entry, len);
    name[len] = '\0';
    if (diffd_settings_find(name) < diffd_settings_count)
      continue;
    const char *nearest = diffd_nearest_name(name, setting_name, NULL);
    if (nearest != NULL)
      status = append_note(settings, name, err, "there is no such setting; did you mean %s?", nearest);
  }
  return status;
}

/* ---- the whole ---- */

void diffd_settings_destroy(struct diffd_settings *settings) {
  if (settings == NULL)
    return;
  for (size_t row = 0; row < diffd_settings_count; row++) {
    if (diffd_settings_table[row].field != DIFFD_NO_FIELD)
      value_clean_up(&diffd_settings_table[row], (char *)settings + diffd_settings_table[row].field);
    if (settings->given != NULL)
      free(settings->given[row]);
  }
  free(settings->given);
  diffd_words_clean_up(&settings->faults);
  notes_clean_up(settings);
  free(settings->home);
  free(settings);
}

enum diffd_status diffd_settings_load(char *const *environment, struct diffd_settings **ret,
                                      struct diffd_error *err) {
  return diffd_settings_load_around(environment, 0, ret, err);
}

enum diffd_status diffd_settings_load_around(char *const *environment, unsigned own,
                                             struct diffd_settings **ret, struct diffd_error *err) {
  CLEANUP(diffd_settings_destroyp) struct diffd_settings *settings = calloc(1, sizeof *settings);
  if (settings != NULL)
    settings->given = calloc(diffd_settings_count, sizeof *settings->given);
  if (settings == NULL || settings->given == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  settings->own = own;
  enum diffd_status status = DIFFD_OK;
  for (size_t row = 0; status == DIFFD_OK && row < diffd_settings_count; row++) {
    const char *text = look_up(environment, diffd_settings_table[row].name);
    if (text == NULL && diffd_settings_table[row].also != NULL)
      text = look_up(environment, diffd_settings_table[row].also);
    if (text != NULL && (settings->given[row] = strdup(text)) == NULL)
      return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
    status = load_row(settings, row, err);
  }
  if (status == DIFFD_OK)
    status = settle_address(settings, err);
  if (status == DIFFD_OK)
    status = diffd_settings_choose(settings, err);
  if (status == DIFFD_OK)
    status = settle_data_dir(settings, environment, err);
  if (status == DIFFD_OK)
    status = settle_home(settings, environment, err);
  if (status == DIFFD_OK)
    status = check_signals(settings, err);
  if (status == DIFFD_OK)
    status = note_misspelt(settings, environment, err);
  if (status == DIFFD_OK) {
    diffd_settings_fill_config(settings);
    *ret = TAKE(settings);
  }
  return status;
}
