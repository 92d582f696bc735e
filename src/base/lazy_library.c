/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lazy_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

/* The dynamic loader's state is the process's, and so is this. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

/* The first function comes last: where it stands, all do. */
static enum diffd_status fill(const struct diffd_lazy_library *library, void *handle,
                              struct diffd_error *err) {
  size_t i = 0;
  while (library->names[i] != NULL)
    i++;
  while (i-- > 0) {
    void *function = dlsym(handle, library->names[i]);
    if (function == NULL)
      return diffd_fail(err, DIFFD_INVALID, "%s is too old, it has no %s: install a newer %s",
                        library->soname, library->names[i], library->package);
    memcpy((char *)library->table + i * sizeof function, &function, sizeof function);
  }
  return DIFFD_OK;
}

enum diffd_status diffd_lazy_library_load(const struct diffd_lazy_library *library, struct diffd_error *err) {
  enum diffd_status status = DIFFD_OK;
  void *first;
  (void)pthread_mutex_lock(&loading);
  memcpy(&first, library->table, sizeof first);
  if (first == NULL) {
    void *handle = dlopen(library->soname, RTLD_NOW | RTLD_LOCAL);
    status = handle != NULL
                 ? fill(library, handle, err)
                 : diffd_fail(err, DIFFD_INVALID, "%s cannot be loaded (%s): install the package %s",
                              library->soname, dlerror(), library->package);
  }
  (void)pthread_mutex_unlock(&loading);
  return status;
}
