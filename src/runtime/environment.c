/* SPDX-License-Identifier: Apache-2.0
 *
 * The settings as programs that embed the service see them.
 */
#include "diffd/environment.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "runtime/settings.h"

struct diffd_environment {
  struct diffd_settings *settings;
};

static unsigned own_modules(const struct diffd_service *service) {
  unsigned own = 0;
  if (service->storage != NULL)
    own |= DIFFD_OWN_STORAGE;
  if (service->marker != NULL)
    own |= DIFFD_OWN_MARKER;
  if (service->queuer != NULL)
    own |= DIFFD_OWN_QUEUER;
  if (service->grapher != NULL || service->differ != NULL)
    own |= DIFFD_OWN_GRAPHER;
  return own;
}

enum diffd_status diffd_environment_load(char *const *variables, struct diffd_service *service,
                                         void (*fault)(void *arg, const char *text), void *fault_arg,
                                         struct diffd_environment **ret, struct diffd_error *err) {
  CLEANUP(diffd_settings_destroyp) struct diffd_settings *settings = NULL;
  enum diffd_status status = diffd_settings_load_around(variables, own_modules(service), &settings, err);
  if (status != DIFFD_OK)
    return status;
  for (size_t i = 0; fault != NULL && i < settings->faults.count; i++)
    fault(fault_arg, settings->faults.items[i]);
  if (settings->faults.count == 1)
    return diffd_fail(err, DIFFD_INVALID, "%s", settings->faults.items[0]);
  if (settings->faults.count > 1)
    return diffd_fail(err, DIFFD_INVALID, "%s; and %zu more faults in the environment",
                      settings->faults.items[0], settings->faults.count - 1);
  struct diffd_environment *environment = calloc(1, sizeof *environment);
  if (environment == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the settings");
  service->config = settings->config;
  environment->settings = TAKE(settings);
  *ret = environment;
  return DIFFD_OK;
}

void diffd_environment_destroy(struct diffd_environment *environment) {
  if (environment == NULL)
    return;
  diffd_settings_destroy(environment->settings);
  free(environment);
}
