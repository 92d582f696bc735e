/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/nats_queue_pull.h"

#include <stdio.h>
#include <string.h>

enum {
  EXPIRES_MS = 30000,
  LOST_MS = EXPIRES_MS + 5000, /* the server would have said that it ran out */
  SUBJECT_MAX = 512,
};

static void drop(struct diffd_nats_pull *pull) {
  diffd_nats_inbox_close(pull->inbox);
  pull->inbox = NULL;
  pull->asked = false;
}

static enum diffd_status ask(struct diffd_nats_pull *pull, const char *stream, const char *consumer,
                             struct diffd_error *err) {
  char subject[SUBJECT_MAX];
  char body[64];
  (void)snprintf(subject, sizeof subject, "$JS.API.CONSUMER.MSG.NEXT.%s.%s", stream, consumer);
  int len = snprintf(body, sizeof body, "{\"batch\":1,\"expires\":%d000000}", EXPIRES_MS);
  const struct diffd_nats_post post = {.subject = subject, .body = {body, (size_t)len}};
  enum diffd_status status = DIFFD_OK;
  if (pull->inbox == NULL)
    status = diffd_nats_inbox_open(pull->link, &pull->inbox, err);
  if (status == DIFFD_OK)
    status = diffd_nats_inbox_post(pull->inbox, &post, err);
  pull->asked = status == DIFFD_OK;
  return status;
}

/* What the server says instead of a message. DIFFD_END: ask again. */
static enum diffd_status heed(struct diffd_nats_pull *pull, natsMsg *message, struct diffd_error *err) {
  const char *text = "";
  const char *status = diffd_nats_message_status(message, &text);
  if (strcmp(status, "100") == 0) /* it only says that it is there */
    return DIFFD_END;
  pull->asked = false;
  if (strcmp(status, "408") == 0 || strcmp(status, "404") == 0)
    return DIFFD_END;
  return diffd_fail(err, strcmp(status, "409") == 0 ? DIFFD_NOT_FOUND : DIFFD_UNAVAILABLE,
                    "NATS gives no jobs out at present: %s %s", status, text);
}

static bool has_reply(natsMsg *message) {
  const char *reply = natsMsg_GetReply(message);
  return reply != NULL && reply[0] != '\0';
}

enum diffd_status diffd_nats_pull_next(struct diffd_nats_pull *pull, const struct diffd_context *ctx,
                                       const char *stream, const char *consumer, natsMsg **ret,
                                       struct diffd_error *err) {
  natsMsg *message = NULL;
  enum diffd_status status = pull->asked ? DIFFD_OK : ask(pull, stream, consumer, err);
  if (status == DIFFD_OK)
    status = diffd_nats_inbox_next(pull->inbox, ctx, LOST_MS, &message, err);
  if (status == DIFFD_CANCELLED)
    return status;
  if (status != DIFFD_OK) { /* DIFFD_END: the server would have said so; it lost the question */
    drop(pull);
    return status;
  }
  if (has_reply(message)) {
    pull->asked = false;
    *ret = message;
    return DIFFD_OK;
  }
  status = heed(pull, message, err);
  natsMsg_Destroy(message);
  if (status != DIFFD_END)
    drop(pull);
  return status;
}

natsMsg *diffd_nats_pull_stop(struct diffd_nats_pull *pull) {
  while (pull->inbox != NULL) {
    natsMsg *message = diffd_nats_inbox_drain(pull->inbox);
    if (message == NULL)
      drop(pull);
    else if (has_reply(message))
      return message;
    natsMsg_Destroy(message);
  }
  return NULL;
}
