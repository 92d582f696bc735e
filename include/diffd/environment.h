/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of a service as environment variables spell it: the settings of the vpcflow-diffd
 * program, for programs that embed the service.
 */
#ifndef DIFFD_ENVIRONMENT_H
#define DIFFD_ENVIRONMENT_H

#include "diffd/service.h"

DIFFD_PUBLIC_BEGIN

/* Owns the texts that a configuration points to. Immutable. */
struct diffd_environment;

/* Reads `variables` (`NAME=value` each, ends with NULL, as execve and main pass them; copied) and sets
 * service->config. Set the service's own modules first: where one stands, the environment need not choose
 * any, and the variables that would choose are left to the program. Each fault is told to `fault`, a sentence
 * that names its variable, all of them before this returns DIFFD_INVALID; `fault` may be NULL. The program
 * keeps *ret until the service has run, and destroys it. Safe to call from any thread. DIFFD_INVALID,
 * DIFFD_NO_MEMORY; nothing is set then. */
enum diffd_status diffd_environment_load(char *const *variables, struct diffd_service *service,
                                         void (*fault)(void *arg, const char *text), void *fault_arg,
                                         struct diffd_environment **ret,
                                         struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_environment_destroy(struct diffd_environment *environment); /* accepts NULL */

DIFFD_PUBLIC_END

#endif
