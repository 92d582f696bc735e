/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens the socket that the server listens on.
 */
#ifndef DIFFD_RUNTIME_LISTEN_H
#define DIFFD_RUNTIME_LISTEN_H

#include <stdint.h>

#include "diffd/status.h"

/* Binds and listens: `:8080` takes every address of the machine, IPv6 and IPv4 (IPv4 alone where the machine
 * has no IPv6); `host:port` the host's first address, IPv4 before IPv6; `[::1]:0` a port that is free. The
 * socket is the caller's. DIFFD_INVALID for an address that names nothing here, DIFFD_IO where it is in use
 * or not allowed, with a text that says what to do. */
enum diffd_status diffd_listen(const char *address, int *ret_fd, uint16_t *ret_port,
                               struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
