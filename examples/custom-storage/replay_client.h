/* SPDX-License-Identifier: Apache-2.0
 *
 * An HTTP client that never leaves the machine: it plays a vpcflow-grapherd that has every graph of a folder.
 */
#ifndef EXAMPLE_REPLAY_CLIENT_H
#define EXAMPLE_REPLAY_CLIENT_H

#include <diffd/http_client.h>

struct replay_client {
  struct diffd_http_client base;
  const char *folder; /* <start of the window>.dot, as in 2024-03-04T00:00:00Z.dot */
};

/* Borrows the folder's name. */
struct replay_client replay_client(const char *folder);

#endif
