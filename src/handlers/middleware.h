/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of middlewares around the handlers.
 */
#ifndef DIFFD_HANDLERS_MIDDLEWARE_H
#define DIFFD_HANDLERS_MIDDLEWARE_H

#include "handlers/http.h"

/* Borrowed; the first is the outermost. */
struct diffd_middlewares {
  struct diffd_middleware *const *items;
  size_t count;
};

/* Shows each a request, in order. True where one of them answered; those before it have seen the answer
 * then. */
bool diffd_middlewares_before(const struct diffd_middlewares *row, const struct diffd_context *ctx,
                              const struct diffd_request *request, struct diffd_response *response);
/* Shows each the answer, in reverse order. */
void diffd_middlewares_after(const struct diffd_middlewares *row, const struct diffd_context *ctx,
                             const struct diffd_request *request, struct diffd_response *response);

#endif
