/* SPDX-License-Identifier: Apache-2.0
 *
 * What libcurl is told of a request.
 */
#ifndef DIFFD_NET_CURL_SETUP_H
#define DIFFD_NET_CURL_SETUP_H

#include "net/curl_exchange.h"

enum { DIFFD_CURL_RECEIVE_BYTES = 128 * 1024 }; /* what libcurl takes from the socket at once */

/* Sets everything but the callbacks. *ret_fields must outlive the transfer; the caller frees it.
 * DIFFD_INVALID (a method, field or URL that cannot be sent), DIFFD_NO_MEMORY. */
enum diffd_status diffd_curl_setup(CURL *easy, const struct diffd_curl_exchange_options *options,
                                   struct curl_slist **ret_fields, struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
