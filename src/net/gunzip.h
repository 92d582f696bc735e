/* SPDX-License-Identifier: Apache-2.0
 *
 * A reader that inflates another one: an answer's body under Content-Encoding gzip. libcurl could do it, but
 * not in bounded memory where the transfer is paused (curl issue 16280).
 */
#ifndef DIFFD_NET_GUNZIP_H
#define DIFFD_NET_GUNZIP_H

#include "diffd/stream.h"

/* Takes `packed`, also on failure. `origin` is copied, for texts of errors. The reader fails with
 * DIFFD_UNAVAILABLE where the bytes are broken or cut short. DIFFD_NO_MEMORY. */
enum diffd_status diffd_gunzip_new(struct diffd_reader *packed, const char *origin, struct diffd_reader **ret,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
