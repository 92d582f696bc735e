/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs (RFC 3986), by libcurl's parser.
 */
#ifndef DIFFD_NET_URL_H
#define DIFFD_NET_URL_H

#include "diffd/status.h"

/* The absolute URL that `reference` (a Location, or an absolute URL) means at `base`; the caller frees it.
 * Thread-safe. DIFFD_INVALID, DIFFD_NO_MEMORY. */
enum diffd_status diffd_url_resolve(const char *base, const char *reference, char **ret,
                                    struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
