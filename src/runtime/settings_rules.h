/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files that read the settings share: looking a variable up, and telling a fault.
 */
#ifndef DIFFD_RUNTIME_SETTINGS_RULES_H
#define DIFFD_RUNTIME_SETTINGS_RULES_H

#include "runtime/settings.h"

/* What the environment says of the row with that name, or NULL where it is unset or empty. */
const char *diffd_setting_given(const struct diffd_settings *settings, const char *name);

/* Adds a sentence to the faults. DIFFD_NO_MEMORY, DIFFD_TOO_LARGE. */
enum diffd_status diffd_setting_fault(struct diffd_settings *settings, struct diffd_error *err,
                                      const char *fmt, ...) DIFFD_PRINTF(3, 4) DIFFD_MUST_CHECK;

/* A URL as it may be shown: without its password, and cut where it is long. */
enum { DIFFD_SHOWN_URL_MAX = 1024 };
void diffd_setting_show_url(const char *url, char ret[static DIFFD_SHOWN_URL_MAX]);

/* Works out the module of each place, and adds a fault for each that is chosen twice, half, or not at all.
 * `listen` must be settled. DIFFD_NO_MEMORY, DIFFD_TOO_LARGE. */
enum diffd_status diffd_settings_choose(struct diffd_settings *settings,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Puts everything but the chosen modules' kinds into the form that the service takes. */
void diffd_settings_fill_config(struct diffd_settings *settings);

#endif
