/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory_size.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t least(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

/* The number that a file holds, or UINT64_MAX: "max" is none. */
static uint64_t limit_in(const char *path) {
  char text[32] = "";
  char *end = text;
  FILE *file = fopen(path, "re");
  if (file == NULL)
    return UINT64_MAX;
  unsigned long long bytes = fgets(text, sizeof text, file) != NULL ? strtoull(text, &end, 10) : 0;
  (void)fclose(file);
  return end != text ? bytes : UINT64_MAX;
}

/* The least limit of a group and those around it, up to the mount. `group` is cut on the way. */
static uint64_t limit_around(const char *mount, char *group, const char *name) {
  uint64_t limit = UINT64_MAX;
  for (;;) {
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s%s/%s", mount, group, name);
    if (len > 0 && (size_t)len < sizeof path)
      limit = least(limit, limit_in(path));
    char *slash = strrchr(group, '/');
    if (slash == NULL)
      return limit;
    *slash = '\0';
  }
}

/* True where `name` is one of the controllers, which commas part. */
static bool has_controller(const char *controllers, const char *name) {
  size_t len = strlen(name);
  for (const char *at = controllers; at != NULL; at = strchr(at, ',')) {
    at += *at == ',';
    if (strncmp(at, name, len) == 0 && (at[len] == ',' || at[len] == '\0'))
      return true;
  }
  return false;
}

uint64_t diffd_memory_of_cgroups(const char *self, const char *root) {
  uint64_t limit = UINT64_MAX;
  char line[PATH_MAX];
  FILE *file = fopen(self, "re");
  if (file == NULL)
    return limit;
  while (fgets(line, sizeof line, file) != NULL) {
    /* hierarchy:controllers:path; cgroup v2 names no controllers. */
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (group == NULL)
      continue;
    *group++ = '\0';
    char mount[PATH_MAX];
    if (controllers[1] == '\0')
      limit = least(limit, limit_around(root, group, "memory.max"));
    else if (has_controller(controllers + 1, "memory") &&
             snprintf(mount, sizeof mount, "%s/memory", root) < (int)sizeof mount)
      limit = least(limit, limit_around(mount, group, "memory.limit_in_bytes"));
  }
  (void)fclose(file);
  return limit;
}

/* What `ulimit -d`, `ulimit -v` or LimitDATA= of systemd allow. */
static uint64_t limit_of(__rlimit_resource_t resource) {
  struct rlimit limit;
  return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? limit.rlim_cur : UINT64_MAX;
}

uint64_t diffd_memory_size(void) {
  long pages = sysconf(_SC_PHYS_PAGES);
  long page = sysconf(_SC_PAGESIZE);
  uint64_t size = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : UINT64_C(1) << 30;
  size = least(size, least(limit_of(RLIMIT_DATA), limit_of(RLIMIT_AS)));
  size = least(size, diffd_memory_of_cgroups("/proc/self/cgroup", "/sys/fs/cgroup"));
  return size > 0 ? size : 1;
}
