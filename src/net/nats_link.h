/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection to NATS that comes back by itself, and questions over it that end in time: each has a limit,
 * and looks at its context while it waits. Where there is no connection at present a call fails at once, so
 * that nothing is kept back and sent later that its caller has given up. All functions are safe to call from
 * several threads at once, except where they say otherwise.
 */
#ifndef DIFFD_NET_NATS_LINK_H
#define DIFFD_NET_NATS_LINK_H

#include "diffd/job.h"
#include "diffd/stream.h"
#include "net/nats_library.h"
#include "net/nats_url.h"

struct diffd_nats_link;

/* Connects; takes some seconds at most for each server. Where no server answers that is no failure: it is
 * tried for ever in the background. `name` is shown in the server's list of connections. The URL is borrowed
 * for the link's life. DIFFD_INVALID where a server refuses the credentials or its certificate is not good,
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_link_open(const struct diffd_nats_url *url, const char *name,
                                       struct diffd_nats_link **ret,
                                       struct diffd_error *err) DIFFD_MUST_CHECK;
/* Nobody may be in a call, and no inbox be open. Accepts NULL. */
void diffd_nats_link_close(struct diffd_nats_link *link);
/* DIFFD_OK where there is a connection at present, else DIFFD_UNAVAILABLE with what is known of the reason.
 */
enum diffd_status diffd_nats_link_check(struct diffd_nats_link *link,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

struct diffd_nats_header {
  const char *name;
  const char *value; /* no line breaks */
};

/* What is sent; borrowed for the call. */
struct diffd_nats_post {
  const char *subject;
  const struct diffd_nats_header *headers;
  size_t header_count;
  struct diffd_span body;
};

/* Sends, and waits for no answer. DIFFD_UNAVAILABLE, DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_publish(struct diffd_nats_link *link, const struct diffd_nats_post *post,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;

/* Sends, and waits for one answer, which the caller destroys. A context that is cancelled ends the wait with
 * DIFFD_CANCELLED, and so does one that is stopping, 100 ms later: most answers come in that time. Nobody
 * knows then whether the message arrived. DIFFD_NOT_FOUND where nobody listens to the subject;
 * DIFFD_UNAVAILABLE where there is no connection, it is lost meanwhile, or no answer comes in time;
 * DIFFD_NO_MEMORY. */
enum diffd_status diffd_nats_request(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                     const struct diffd_nats_post *post, uint64_t timeout_ms, natsMsg **ret,
                                     struct diffd_error *err) DIFFD_MUST_CHECK;

/* A subject of our own that others answer to; for one thread at a time. It dies with the connection that it
 * was opened on: what was asked over that one is never answered. */
struct diffd_nats_inbox;
enum diffd_status diffd_nats_inbox_open(struct diffd_nats_link *link, struct diffd_nats_inbox **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Sends, with the inbox as the place to answer to. As diffd_nats_publish. */
enum diffd_status diffd_nats_inbox_post(struct diffd_nats_inbox *inbox, const struct diffd_nats_post *post,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* The next message, which the caller destroys. DIFFD_END where none comes in time; DIFFD_CANCELLED at once
 * when the context is stopping; DIFFD_NOT_FOUND where nobody listened to what was asked; DIFFD_UNAVAILABLE
 * when the connection is lost: the inbox is of no more use.
 */
enum diffd_status diffd_nats_inbox_next(struct diffd_nats_inbox *inbox, const struct diffd_context *ctx,
                                        uint64_t timeout_ms, natsMsg **ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
/* Tells the server that nothing more may come, and gives what had been sent before it knew, one at a call;
 * NULL at the end, which comes within a second or so. */
natsMsg *diffd_nats_inbox_drain(struct diffd_nats_inbox *inbox);
void diffd_nats_inbox_close(struct diffd_nats_inbox *inbox); /* accepts NULL */

/* The status of a message that the server made itself ("408"), or "" for anybody else's; what it says about
 * it goes to *ret_text. Both are borrowed from the message. */
const char *diffd_nats_message_status(natsMsg *message, const char **ret_text);

#endif
