/* SPDX-License-Identifier: Apache-2.0
 *
 * The service with three parts of its own; the environment says everything else.
 */
#include <diffd/environment.h>
#include <stdio.h>
#include <stdlib.h>

#include "bearer.h"
#include "checked_storage.h"
#include "replay_client.h"

static void tell(void *arg, const char *fault) {
  (void)arg;
  (void)fprintf(stderr, "custom-storage: %s\n", fault);
}

static const char *needed(const char *name) {
  const char *value = getenv(name);
  if (value == NULL || value[0] == '\0') {
    (void)fprintf(stderr, "custom-storage: %s is unset; README.md says what it is\n", name);
    exit(2);
  }
  return value;
}

int main(int argc, char **argv, char **environment) {
  struct checked_storage storage = checked_storage(needed("EXAMPLE_DIFFS_DIR"));
  struct bearer bearer = bearer_middleware(needed("EXAMPLE_TOKEN"));
  struct replay_client client = replay_client(needed("EXAMPLE_GRAPHS_DIR"));
  struct diffd_middleware *middlewares[] = {&bearer.base};
  struct diffd_service service = {.storage = &storage.base,
                                  .middlewares = middlewares,
                                  .middleware_count = 1,
                                  .grapher_client = &client.base};
  struct diffd_environment *settings = NULL;
  struct diffd_error err;
  (void)argc;
  (void)argv;
  if (diffd_environment_load(environment, &service, tell, NULL, &settings, &err) != DIFFD_OK)
    return 2;
  enum diffd_status status = diffd_service_run(&service, &err);
  if (status != DIFFD_OK)
    tell(NULL, err.detail);
  diffd_environment_destroy(settings);
  return status == DIFFD_OK ? EXIT_SUCCESS : 2;
}
