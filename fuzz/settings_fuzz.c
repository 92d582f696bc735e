/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the settings: each line of the input is one entry of an environment. Whatever it says, loading gives
 * settings or faults, every form of the table prints, and secrets stay hidden.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/settings.h"

enum { ENTRIES_MAX = 64 };

static void print_all(const struct diffd_settings *settings, bool may_hold_secret) {
  static const enum diffd_settings_format formats[] = {DIFFD_SETTINGS_LIST, DIFFD_SETTINGS_JSON};
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
    struct diffd_error err;
    struct diffd_buffer out = diffd_buffer_init(1 << 24);
    enum diffd_status status = diffd_settings_print(settings, formats[i], &out, &err);
    assert(status == DIFFD_OK);
    assert(may_hold_secret || memmem(out.ptr, out.len, "hunter2hunter2", 14) == NULL);
    diffd_buffer_clean_up(&out);
  }
}

static void check_values(const char *text) {
  struct diffd_error err;
  int64_t number;
  struct diffd_address address;
  if (diffd_parse_size(text, &number, &err) == DIFFD_OK)
    assert(number >= 0);
  if (diffd_parse_duration(text, &number, &err) == DIFFD_OK)
    assert(text[0] == '-' ? number <= 0 : number >= 0);
  if (diffd_parse_address(text, &address, &err) == DIFFD_OK) {
    assert(address.port >= -1 && address.port <= 65535);
    (void)diffd_endpoint_is_own(text, &address);
  }
}

/* What the service may rely on where there are no faults. */
static void check_config(const struct diffd_config *config) {
  bool embedded = config->storage == DIFFD_STORAGE_EMBEDDED || config->marker == DIFFD_MARKER_EMBEDDED ||
                  config->queuer == DIFFD_QUEUER_EMBEDDED;
  assert(!embedded || config->data_dir != NULL);
  assert(config->storage != DIFFD_STORAGE_S3 ||
         (config->storage_bucket.name && config->storage_bucket.region));
  assert(config->marker != DIFFD_MARKER_S3 ||
         (config->progress_bucket.name && config->progress_bucket.region));
  assert(config->grapher != DIFFD_GRAPHER_HTTP || config->grapher_url != NULL);
  assert(config->queuer != DIFFD_QUEUER_NONE || config->role == DIFFD_ROLE_WORKER);
  assert(config->queuer != DIFFD_QUEUER_EMBEDDED || config->role != DIFFD_ROLE_API);
  assert((config->queuer != DIFFD_QUEUER_HTTP && config->queuer != DIFFD_QUEUER_NATS) ||
         config->queue_url != NULL);
  assert(config->signal_count <= DIFFD_SIGNALS_MAX);
  assert(config->stats.packet_max_bytes >= 64 && config->stats.flush_ms > 0 && config->stats.report_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  CLEANUP(freep) char *text = malloc(size + 1);
  static char secret[] = "AWS_SECRET_ACCESS_KEY=hunter2hunter2";
  char *environment[ENTRIES_MAX + 2] = {secret};
  size_t count = 1;
  if (text == NULL)
    return 0;
  for (size_t i = 0; i < size; i++)
    text[i] = (char)data[i];
  text[size] = '\0';
  /* The fuzzer likes to put the secret where it is none. */
  bool echoed = memmem(text, size, "hunter2hunter2", 14) != NULL;
  char *save = NULL;
  for (char *line = strtok_r(text, "\n", &save); line != NULL && count <= ENTRIES_MAX;
       line = strtok_r(NULL, "\n", &save)) {
    environment[count++] = line;
    check_values(line);
    if (strchr(line, '=') != NULL)
      check_values(strchr(line, '=') + 1);
  }
  struct diffd_settings *settings = NULL;
  struct diffd_error err;
  enum diffd_status status = diffd_settings_load(environment, &settings, &err);
  assert(status == DIFFD_OK);
  if (settings->faults.count == 0)
    check_config(&settings->config);
  print_all(settings, echoed);
  diffd_settings_destroy(settings);
  return 0;
}
