/* SPDX-License-Identifier: Apache-2.0 */
#include "net/curl_library.h"

struct diffd_curl diffd_curl;

enum diffd_status diffd_curl_load(struct diffd_error *err) {
  static const char *const names[] = {DIFFD_CURL(DIFFD_LAZY_NAME) NULL};
  static const struct diffd_lazy_library library = {"libcurl.so.4", "libcurl4", names, &diffd_curl};
  return diffd_lazy_library_load(&library, err);
}
