/* SPDX-License-Identifier: Apache-2.0
 *
 * libmicrohttpd, loaded when a server starts: base/lazy_library.h says why. Include this in place of
 * <microhttpd.h>; its functions are called by their own names.
 */
#ifndef DIFFD_RUNTIME_HTTP_LIBRARY_H
#define DIFFD_RUNTIME_HTTP_LIBRARY_H

#include <microhttpd.h>

#include "base/lazy_library.h"

#define DIFFD_MICROHTTPD(X)                                                                                  \
  X(MHD_start_daemon)                                                                                        \
  X(MHD_quiesce_daemon)                                                                                      \
  X(MHD_stop_daemon)                                                                                         \
  X(MHD_get_connection_info)                                                                                 \
  X(MHD_get_connection_values)                                                                               \
  X(MHD_suspend_connection)                                                                                  \
  X(MHD_resume_connection)                                                                                   \
  X(MHD_create_response_from_buffer)                                                                         \
  X(MHD_create_response_from_fd64)                                                                           \
  X(MHD_create_response_from_callback)                                                                       \
  X(MHD_add_response_header)                                                                                 \
  X(MHD_queue_response)                                                                                      \
  X(MHD_destroy_response)

struct diffd_microhttpd {
  DIFFD_MICROHTTPD(DIFFD_LAZY_MEMBER)
};
extern struct diffd_microhttpd diffd_microhttpd;

/* Before any other call. */
enum diffd_status diffd_microhttpd_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define MHD_start_daemon                  diffd_microhttpd.MHD_start_daemon
#define MHD_quiesce_daemon                diffd_microhttpd.MHD_quiesce_daemon
#define MHD_stop_daemon                   diffd_microhttpd.MHD_stop_daemon
#define MHD_get_connection_info           diffd_microhttpd.MHD_get_connection_info
#define MHD_get_connection_values         diffd_microhttpd.MHD_get_connection_values
#define MHD_suspend_connection            diffd_microhttpd.MHD_suspend_connection
#define MHD_resume_connection             diffd_microhttpd.MHD_resume_connection
#define MHD_create_response_from_buffer   diffd_microhttpd.MHD_create_response_from_buffer
#define MHD_create_response_from_fd64     diffd_microhttpd.MHD_create_response_from_fd64
#define MHD_create_response_from_callback diffd_microhttpd.MHD_create_response_from_callback
#define MHD_add_response_header           diffd_microhttpd.MHD_add_response_header
#define MHD_queue_response                diffd_microhttpd.MHD_queue_response
#define MHD_destroy_response              diffd_microhttpd.MHD_destroy_response

#endif
