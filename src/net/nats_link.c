/* SPDX-License-Identifier: Apache-2.0 */
#include "net/nats_link.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"

enum {
  CONNECT_MS = 2000,       /* for one server to answer */
  WRITE_MS = 2000,         /* for a peer that reads nothing */
  RECONNECT_WAIT_MS = 500, /* between two tries at one server */
  PING_MS = 5000,          /* a peer that vanished is noticed after two or three of them */
  PINGS_OUT = 2,
  REOPEN_MS = 2000,        /* between two connections that libnats gave up for good */
  LOOK_MS = 50,            /* how often a wait looks whether it should end */
  STOPPING_GRACE_MS = 100, /* for an answer that is under way */
  DRAIN_MS = 1000,
};

/* One connection of libnats. It reconnects by itself, but gives up for good where a server refuses it twice.
 */
struct session {
  natsConnection *nc;
  unsigned holders;
};

struct diffd_nats_link {
  natsOptions *options;
  pthread_mutex_t lock; /* guards what follows */
  struct session *session;
  uint64_t reopened_ms;
  natsStatus reason; /* why there was no connection at the last try */
};

struct diffd_nats_inbox {
  struct diffd_nats_link *link;
  struct session *session;
  natsSubscription *subscription;
  natsInbox *subject;
  uint64_t reconnects; /* of the connection when the inbox was opened */
  bool draining;
};

static enum diffd_status fail_nats(struct diffd_error *err, natsStatus status, const char *doing) {
  return diffd_fail(err, status == NATS_NO_MEMORY ? DIFFD_NO_MEMORY : DIFFD_UNAVAILABLE, "%s NATS: %s", doing,
                    natsStatus_GetText(status));
}

/* ---- connecting ---- */

/* libnats would print such errors; whoever asks gets them as an answer. */
static void on_error(natsConnection *nc, natsSubscription *subscription, natsStatus status, void *arg) {
  (void)nc;
  (void)subscription;
  (void)status;
  (void)arg;
}

static void on_connected(natsConnection *nc, void *arg) {
  (void)nc;
  (void)arg;
}

static natsStatus set_tls(natsOptions *options, const struct diffd_nats_url *url) {
  char host[256];
  const char *at = url->servers[0] + strlen("nats://");
  size_t len = (size_t)(strrchr(at, ':') - at);
  if (len >= sizeof host)
    return NATS_INVALID_ARG;
  memcpy(host, at, len);
  host[len] = '\0';
  natsStatus status = natsOptions_SetSecure(options, true);
  return status == NATS_OK ? natsOptions_SetExpectedHostname(options, host) : status;
}

static natsStatus set_options(natsOptions *options, const struct diffd_nats_url *url, const char *name) {
  const char *servers[DIFFD_NATS_SERVERS_MAX];
  for (size_t i = 0; i < url->server_count; i++)
    servers[i] = url->servers[i];
  natsStatus status = natsOptions_SetServers(options, servers, (int)url->server_count);
  if (status == NATS_OK && url->user != NULL)
    status = natsOptions_SetUserInfo(options, url->user, url->password);
  if (status == NATS_OK && url->token != NULL)
    status = natsOptions_SetToken(options, url->token);
  if (status == NATS_OK && url->tls)
    status = set_tls(options, url);
  if (status == NATS_OK)
    status = natsOptions_SetName(options, name);
  if (status == NATS_OK)
    status = natsOptions_SetTimeout(options, CONNECT_MS);
  if (status == NATS_OK)
    status = natsOptions_SetWriteDeadline(options, WRITE_MS);
  if (status == NATS_OK)
    status = natsOptions_SetPingInterval(options, PING_MS);
  if (status == NATS_OK)
    status = natsOptions_SetMaxPingsOut(options, PINGS_OUT);
  if (status == NATS_OK)
    status = natsOptions_SetReconnectWait(options, RECONNECT_WAIT_MS);
  if (status == NATS_OK)
    status = natsOptions_SetMaxReconnect(options, INT_MAX);
  return status == NATS_OK ? natsOptions_SetErrorHandler(options, on_error, NULL) : status;
}

/* Whether a new try with the same settings would fail again. */
static bool is_refusal(natsStatus status) {
  return status == NATS_CONNECTION_AUTH_FAILED || status == NATS_NOT_PERMITTED || status == NATS_SSL_ERROR ||
         status == NATS_SECURE_CONNECTION_WANTED || status == NATS_SECURE_CONNECTION_REQUIRED ||
         status == NATS_INVALID_ARG;
}

/* A connection, or one that is still being tried in the background; NULL where that is impossible. */
static natsStatus connect_in_background(struct diffd_nats_link *link, natsConnection **ret) {
  natsStatus status = natsOptions_SetRetryOnFailedConnect(link->options, true, on_connected, NULL);
  if (status == NATS_OK)
    status = natsConnection_Connect(ret, link->options);
  return status == NATS_NOT_YET_CONNECTED ? NATS_OK : status;
}

static enum diffd_status session_new(natsConnection *nc, struct session **ret, struct diffd_error *err) {
  struct session *session = calloc(1, sizeof *session);
  if (session == NULL) {
    natsConnection_Destroy(nc);
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a connection to NATS");
  }
  session->nc = nc;
  session->holders = 1;
  *ret = session;
  return DIFFD_OK;
}

static void release(struct diffd_nats_link *link, struct session *session) {
  (void)pthread_mutex_lock(&link->lock);
  bool last = --session->holders == 0;
  (void)pthread_mutex_unlock(&link->lock);
  if (!last)
    return;
  natsConnection_Destroy(session->nc);
  free(session);
}

static enum diffd_status first_connect(struct diffd_nats_link *link, struct diffd_error *err) {
  natsConnection *nc = NULL;
  natsStatus status = natsConnection_Connect(&nc, link->options);
  if (status == NATS_SSL_ERROR)
    return diffd_fail(
        err, DIFFD_INVALID,
        "the certificate of the NATS server is not good for the host of STREAM_APPLIANCE_ENDPOINT, or nobody "
        "whom this machine trusts has signed it: name the host as the certificate does, or its authority in "
        "SSL_CERT_FILE");
  if (is_refusal(status))
    return diffd_fail(err, DIFFD_INVALID,
                      "NATS refuses the connection (%s): look at the user, password or token of "
                      "STREAM_APPLIANCE_ENDPOINT, and whether the server wants tls://",
                      natsStatus_GetText(status));
  link->reason = status;
  if (status != NATS_OK)
    status = connect_in_background(link, &nc);
  if (status != NATS_OK)
    return fail_nats(err, status, "connecting to");
  return session_new(nc, &link->session, err);
}

enum diffd_status diffd_nats_link_open(const struct diffd_nats_url *url, const char *name,
                                       struct diffd_nats_link **ret, struct diffd_error *err) {
  enum diffd_status loaded = diffd_nats_load(err);
  if (loaded != DIFFD_OK)
    return loaded;
  struct diffd_nats_link *link = calloc(1, sizeof *link);
  if (link == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for a connection to NATS");
  (void)pthread_mutex_init(&link->lock, NULL);
  natsStatus made = natsOptions_Create(&link->options);
  if (made == NATS_OK)
    made = set_options(link->options, url, name);
  enum diffd_status status = made == NATS_OK ? first_connect(link, err) : fail_nats(err, made, "preparing");
  if (status != DIFFD_OK) {
    diffd_nats_link_close(link);
    return status;
  }
  link->reopened_ms = diffd_monotonic_ms();
  *ret = link;
  return DIFFD_OK;
}

void diffd_nats_link_close(struct diffd_nats_link *link) {
  if (link == NULL)
    return;
  if (link->session != NULL)
    release(link, link->session);
  natsOptions_Destroy(link->options);
  (void)pthread_mutex_destroy(&link->lock);
  free(link);
}

/* Where libnats gave up for good there is a new connection, at most once in a while. */
static void reopen_locked(struct diffd_nats_link *link) {
  uint64_t now = diffd_monotonic_ms();
  struct session *session = NULL;
  struct diffd_error ignored;
  natsConnection *nc = NULL;
  if (now - link->reopened_ms < REOPEN_MS)
    return;
  link->reopened_ms = now;
  if (connect_in_background(link, &nc) != NATS_OK || session_new(nc, &session, &ignored) != DIFFD_OK)
    return;
  struct session *old = link->session;
  link->session = session;
  if (--old->holders > 0)
    return; /* whoever holds it lets it go */
  natsConnection_Destroy(old->nc);
  free(old);
}

/* The present connection, held for the caller; fails where there is none. */
static enum diffd_status hold(struct diffd_nats_link *link, struct session **ret, struct diffd_error *err) {
  (void)pthread_mutex_lock(&link->lock);
  if (natsConnection_IsClosed(link->session->nc)) {
    const char *ignored = NULL;
    natsStatus reason = natsConnection_GetLastError(link->session->nc, &ignored);
    if (reason != NATS_OK)
      link->reason = reason;
    reopen_locked(link);
  }
  struct session *session = link->session;
  natsStatus reason = link->reason;
  bool connected = natsConnection_Status(session->nc) == NATS_CONN_STATUS_CONNECTED;
  if (connected)
    session->holders++;
  (void)pthread_mutex_unlock(&link->lock);
  if (!connected)
    return diffd_fail(err, DIFFD_UNAVAILABLE,
                      "there is no connection to NATS at present: see whether the server that "
                      "STREAM_APPLIANCE_ENDPOINT names can be reached%s%s",
                      reason != NATS_OK ? "; " : "", reason != NATS_OK ? natsStatus_GetText(reason) : "");
  *ret = session;
  return DIFFD_OK;
}

enum diffd_status diffd_nats_link_check(struct diffd_nats_link *link, struct diffd_error *err) {
  struct session *session;
  enum diffd_status status = hold(link, &session, err);
  if (status == DIFFD_OK)
    release(link, session);
  return status;
}

/* ---- sending ---- */

static enum diffd_status send_on(natsConnection *nc, const struct diffd_nats_post *post, const char *reply,
                                 struct diffd_error *err) {
  natsMsg *message = NULL;
  natsStatus status = post->body.len > INT_MAX ? NATS_MAX_PAYLOAD
                                               : natsMsg_Create(&message, post->subject, reply,
                                                                post->body.ptr, (int)post->body.len);
  for (size_t i = 0; status == NATS_OK && i < post->header_count; i++)
    status = natsMsgHeader_Set(message, post->headers[i].name, post->headers[i].value);
  if (status == NATS_OK)
    status = natsConnection_PublishMsg(nc, message);
  natsMsg_Destroy(message);
  return status == NATS_OK ? DIFFD_OK : fail_nats(err, status, "sending to");
}

enum diffd_status diffd_nats_publish(struct diffd_nats_link *link, const struct diffd_nats_post *post,
                                     struct diffd_error *err) {
  struct session *session;
  enum diffd_status status = hold(link, &session, err);
  if (status != DIFFD_OK)
    return status;
  status = send_on(session->nc, post, NULL, err);
  release(link, session);
  return status;
}

/* ---- inboxes ---- */

static uint64_t reconnects(natsConnection *nc) {
  natsStatistics *statistics = NULL;
  uint64_t count = 0;
  if (natsStatistics_Create(&statistics) == NATS_OK && natsConnection_GetStats(nc, statistics) == NATS_OK)
    (void)natsStatistics_GetCounts(statistics, NULL, NULL, NULL, NULL, &count);
  natsStatistics_Destroy(statistics);
  return count;
}

enum diffd_status diffd_nats_inbox_open(struct diffd_nats_link *link, struct diffd_nats_inbox **ret,
                                        struct diffd_error *err) {
  struct diffd_nats_inbox *inbox = calloc(1, sizeof *inbox);
  if (inbox == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory to ask NATS");
  inbox->link = link;
  enum diffd_status status = hold(link, &inbox->session, err);
  if (status != DIFFD_OK) {
    free(inbox);
    return status;
  }
  inbox->reconnects = reconnects(inbox->session->nc);
  natsStatus made = natsInbox_Create(&inbox->subject);
  if (made == NATS_OK)
    made = natsConnection_SubscribeSync(&inbox->subscription, inbox->session->nc, inbox->subject);
  if (made != NATS_OK) {
    diffd_nats_inbox_close(inbox);
    return fail_nats(err, made, "listening to");
  }
  *ret = inbox;
  return DIFFD_OK;
}

void diffd_nats_inbox_close(struct diffd_nats_inbox *inbox) {
  if (inbox == NULL)
    return;
  natsSubscription_Destroy(inbox->subscription);
  natsInbox_Destroy(inbox->subject);
  release(inbox->link, inbox->session);
  free(inbox);
}

enum diffd_status diffd_nats_inbox_post(struct diffd_nats_inbox *inbox, const struct diffd_nats_post *post,
                                        struct diffd_error *err) {
  return send_on(inbox->session->nc, post, inbox->subject, err);
}

static bool is_lost(const struct diffd_nats_inbox *inbox) {
  natsConnection *nc = inbox->session->nc;
  return natsConnection_Status(nc) != NATS_CONN_STATUS_CONNECTED || reconnects(nc) != inbox->reconnects;
}

/* Waits a moment, or less. DIFFD_END where nothing came. */
static enum diffd_status look(struct diffd_nats_inbox *inbox, uint64_t wait_ms, natsMsg **ret,
                              struct diffd_error *err) {
  natsStatus got =
      natsSubscription_NextMsg(ret, inbox->subscription, (int64_t)(wait_ms < LOOK_MS ? wait_ms : LOOK_MS));
  if (got == NATS_OK)
    return DIFFD_OK;
  if (got == NATS_TIMEOUT && !is_lost(inbox))
    return DIFFD_END;
  if (got == NATS_NO_RESPONDERS)
    return diffd_fail(err, DIFFD_NOT_FOUND, "nobody at NATS listens to that subject");
  if (got == NATS_TIMEOUT)
    return diffd_fail(err, DIFFD_UNAVAILABLE, "the connection to NATS was lost while it was asked");
  return fail_nats(err, got, "waiting for");
}

enum diffd_status diffd_nats_inbox_next(struct diffd_nats_inbox *inbox, const struct diffd_context *ctx,
                                        uint64_t timeout_ms, natsMsg **ret, struct diffd_error *err) {
  uint64_t until = diffd_monotonic_ms() + timeout_ms;
  for (uint64_t now = diffd_monotonic_ms(); now < until; now = diffd_monotonic_ms()) {
    if (diffd_context_stopping(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "the wait for NATS was ended");
    enum diffd_status status = look(inbox, until - now, ret, err);
    if (status != DIFFD_END)
      return status;
  }
  return DIFFD_END;
}

natsMsg *diffd_nats_inbox_drain(struct diffd_nats_inbox *inbox) {
  natsMsg *message = NULL;
  if (!inbox->draining && natsSubscription_DrainTimeout(inbox->subscription, DRAIN_MS) != NATS_OK)
    return NULL;
  inbox->draining = true;
  return natsSubscription_NextMsg(&message, inbox->subscription, DRAIN_MS) == NATS_OK ? message : NULL;
}

/* ---- questions ---- */

static enum diffd_status wait_for_answer(struct diffd_nats_inbox *inbox, const struct diffd_context *ctx,
                                         uint64_t timeout_ms, natsMsg **ret, struct diffd_error *err) {
  uint64_t now = diffd_monotonic_ms();
  uint64_t until = now + timeout_ms;
  bool stopping = false;
  for (; now < until; now = diffd_monotonic_ms()) {
    if (!stopping && diffd_context_stopping(ctx)) {
      stopping = true;
      until = until < now + STOPPING_GRACE_MS ? until : now + STOPPING_GRACE_MS;
    }
    if (diffd_context_cancelled(ctx))
      break;
    enum diffd_status status = look(inbox, until - now, ret, err);
    if (status != DIFFD_END)
      return status;
  }
  if (stopping || diffd_context_cancelled(ctx))
    return diffd_fail(err, DIFFD_CANCELLED, "the wait for an answer of NATS was ended");
  return diffd_fail(err, DIFFD_UNAVAILABLE, "NATS did not answer within %llu ms",
                    (unsigned long long)timeout_ms);
}

enum diffd_status diffd_nats_request(struct diffd_nats_link *link, const struct diffd_context *ctx,
                                     const struct diffd_nats_post *post, uint64_t timeout_ms, natsMsg **ret,
                                     struct diffd_error *err) {
  struct diffd_nats_inbox *inbox = NULL;
  natsMsg *message = NULL;
  enum diffd_status status = diffd_nats_inbox_open(link, &inbox, err);
  if (status != DIFFD_OK)
    return status;
  status = diffd_nats_inbox_post(inbox, post, err);
  if (status == DIFFD_OK)
    status = wait_for_answer(inbox, ctx, timeout_ms, &message, err);
  diffd_nats_inbox_close(inbox);
  if (status != DIFFD_OK)
    return status;
  *ret = message;
  return DIFFD_OK;
}

const char *diffd_nats_message_status(natsMsg *message, const char **ret_text) {
  const char *status = NULL;
  const char *text = NULL;
  if (natsMsg_GetDataLength(message) > 0 || natsMsgHeader_Get(message, "Status", &status) != NATS_OK)
    return "";
  if (natsMsgHeader_Get(message, "Description", &text) != NATS_OK)
    text = "";
  *ret_text = text;
  return status;
}
