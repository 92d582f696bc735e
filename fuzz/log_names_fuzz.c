/* SPDX-License-Identifier: Apache-2.0 */
/* Names of files and folders: whatever tells a time is a flow log by its name, and its time has four-digit
 * years. */
#include <stdint.h>
#include <stdlib.h>

#include "core/log_names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool held) {
  if (!held)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_span name = {(const char *)data, size};
  struct diffd_window window;
  int64_t written = 0;
  if (diffd_log_name_time(name, &written)) {
    check(diffd_log_name_kind(name) != DIFFD_LOG_NAME_OTHER);
    check(written % 60 == 0 && written >= -62167219200 && written <= 253402300799);
    check(diffd_log_file_is_wanted((struct diffd_window){written, written + 60}, 0, written));
  }
  if (diffd_log_folder_time(name, &window)) {
    check(window.start % 3600 == 0 && window.start < window.stop);
    check(diffd_log_folder_is_wanted(window, 0, window));
  }
  return 0;
}
