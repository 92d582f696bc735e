/* SPDX-License-Identifier: Apache-2.0
 *
 * Redirects (RFC 9110, section 15.4), which the HTTP client itself gives as answers like any other: followed
 * where the request's meaning stays what it was.
 */
#ifndef DIFFD_NET_REDIRECT_H
#define DIFFD_NET_REDIRECT_H

#include "diffd/http_client.h"

enum { DIFFD_REDIRECTS_MAX = 10 };

/* Sends as diffd_http_client_send does, and follows 307 and 308 with method and body, and 301, 302 and 303
 * where the method is GET or HEAD. Any other redirect (a POST would become a GET, and its body be lost), and
 * one without a Location, is the answer. On the way to another origin the fields Authorization and Cookie
 * stay behind. The header time-out counts for all of it together. Thread-safe. What the client returns;
 * DIFFD_UNAVAILABLE for redirects that do not end, or lead from https to http or
 * to what is no such URL. */
enum diffd_status diffd_http_send_following(struct diffd_http_client *client, const struct diffd_context *ctx,
                                            const struct diffd_http_request *request,
                                            struct diffd_http_response *ret,
                                            struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
