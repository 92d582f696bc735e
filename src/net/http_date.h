/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates in HTTP headers (RFC 9110, section 5.6.7), as servers send them today. Pure; any thread.
 */
#ifndef DIFFD_NET_HTTP_DATE_H
#define DIFFD_NET_HTTP_DATE_H

#include <stdint.h>

/* The wall-clock second of `Sun, 06 Nov 1994 08:49:37 GMT`, or -1 where the text is no such date or lies
 * before 1970. */
int64_t diffd_http_date_read(const char *text);

#endif
