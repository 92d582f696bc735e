/* SPDX-License-Identifier: Apache-2.0
 *
 * libcurl, loaded when an HTTP client or a URL is needed: base/lazy_library.h says why. Include this in place
 * of <curl/curl.h>; its functions are called by their own names.
 */
#ifndef DIFFD_NET_CURL_LIBRARY_H
#define DIFFD_NET_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK /* its macros would call the functions by name */
#include <curl/curl.h>

#include "base/lazy_library.h"

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt

#define DIFFD_CURL(X)                                                                                        \
  X(curl_easy_cleanup)                                                                                       \
  X(curl_easy_getinfo)                                                                                       \
  X(curl_easy_init)                                                                                          \
  X(curl_easy_pause)                                                                                         \
  X(curl_easy_reset)                                                                                         \
  X(curl_easy_setopt)                                                                                        \
  X(curl_easy_strerror)                                                                                      \
  X(curl_free)                                                                                               \
  X(curl_global_cleanup)                                                                                     \
  X(curl_global_init)                                                                                        \
  X(curl_multi_add_handle)                                                                                   \
  X(curl_multi_cleanup)                                                                                      \
  X(curl_multi_info_read)                                                                                    \
  X(curl_multi_init)                                                                                         \
  X(curl_multi_perform)                                                                                      \
  X(curl_multi_poll)                                                                                         \
  X(curl_multi_remove_handle)                                                                                \
  X(curl_multi_setopt)                                                                                       \
  X(curl_multi_strerror)                                                                                     \
  X(curl_multi_wakeup)                                                                                       \
  X(curl_slist_append)                                                                                       \
  X(curl_slist_free_all)                                                                                     \
  X(curl_url)                                                                                                \
  X(curl_url_cleanup)                                                                                        \
  X(curl_url_get)                                                                                            \
  X(curl_url_set)                                                                                            \
  X(curl_url_strerror)

struct diffd_curl {
  DIFFD_CURL(DIFFD_LAZY_MEMBER)
};
extern struct diffd_curl diffd_curl;

/* Before any other call of the library. */
enum diffd_status diffd_curl_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define curl_easy_cleanup        diffd_curl.curl_easy_cleanup
#define curl_easy_getinfo        diffd_curl.curl_easy_getinfo
#define curl_easy_init           diffd_curl.curl_easy_init
#define curl_easy_pause          diffd_curl.curl_easy_pause
#define curl_easy_reset          diffd_curl.curl_easy_reset
#define curl_easy_setopt         diffd_curl.curl_easy_setopt
#define curl_easy_strerror       diffd_curl.curl_easy_strerror
#define curl_free                diffd_curl.curl_free
#define curl_global_cleanup      diffd_curl.curl_global_cleanup
#define curl_global_init         diffd_curl.curl_global_init
#define curl_multi_add_handle    diffd_curl.curl_multi_add_handle
#define curl_multi_cleanup       diffd_curl.curl_multi_cleanup
#define curl_multi_info_read     diffd_curl.curl_multi_info_read
#define curl_multi_init          diffd_curl.curl_multi_init
#define curl_multi_perform       diffd_curl.curl_multi_perform
#define curl_multi_poll          diffd_curl.curl_multi_poll
#define curl_multi_remove_handle diffd_curl.curl_multi_remove_handle
#define curl_multi_setopt        diffd_curl.curl_multi_setopt
#define curl_multi_strerror      diffd_curl.curl_multi_strerror
#define curl_multi_wakeup        diffd_curl.curl_multi_wakeup
#define curl_slist_append        diffd_curl.curl_slist_append
#define curl_slist_free_all      diffd_curl.curl_slist_free_all
#define curl_url                 diffd_curl.curl_url
#define curl_url_cleanup         diffd_curl.curl_url_cleanup
#define curl_url_get             diffd_curl.curl_url_get
#define curl_url_set             diffd_curl.curl_url_set
#define curl_url_strerror        diffd_curl.curl_url_strerror

#endif
