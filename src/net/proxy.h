/* SPDX-License-Identifier: Apache-2.0
 *
 * Which proxy a request goes through: the rules of Go's net/http, which the original follows. Pure; safe to
 * call from any thread.
 */
#ifndef DIFFD_NET_PROXY_H
#define DIFFD_NET_PROXY_H

#include "diffd/service.h"

/* The proxy's URL for a request of that scheme ("http" or "https"), host (IPv6 with or without brackets) and
 * port, or "" for none. Never one for localhost and loopback addresses. Entries of `no` stand apart by
 * commas: `example.com` (and all below), `.example.com` or `*.example.com` (all below alone), addresses,
 * networks
 * (`10.0.0.0/8`), each but a network perhaps with `:port`; `*` is every host. */
const char *diffd_proxy_choose(const struct diffd_proxies *proxies, const char *scheme, const char *host,
                               unsigned port);

#endif
