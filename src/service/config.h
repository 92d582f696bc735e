/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts the machine's figures where the configuration has none.
 */
#ifndef DIFFD_SERVICE_CONFIG_H
#define DIFFD_SERVICE_CONFIG_H

#include "diffd/service.h"

/* The configuration with every zero and NULL that means a default replaced, but for paths. */
struct diffd_config diffd_config_resolve(const struct diffd_config *config);

#endif
