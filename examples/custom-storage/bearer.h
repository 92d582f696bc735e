/* SPDX-License-Identifier: Apache-2.0
 *
 * A middleware that lets nobody in without the token (RFC 6750).
 */
#ifndef EXAMPLE_BEARER_H
#define EXAMPLE_BEARER_H

#include <diffd/middleware.h>

struct bearer {
  struct diffd_middleware base;
  const char *token;
};

/* Borrows the token. */
struct bearer bearer_middleware(const char *token);

#endif
