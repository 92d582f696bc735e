/* SPDX-License-Identifier: Apache-2.0 */
#include "net/credentials.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/thread.h"
#include "diffd/log.h"
#include "net/credentials_provider.h"

enum {
  ADVISORY_SECONDS = 300, /* with less left than this, one caller renews them while others go on */
  MANDATORY_SECONDS = 60, /* with less left than this, all wait for the renewal */
  PAUSE_MS = 10000,       /* between two renewals of credentials that still hold */
  WAIT_SLICE_MS = 50,
  SHARED_FILES = 2,
};

/* What shows that a file was changed. */
struct file_stamp {
  dev_t dev;
  ino_t ino;
  off_t size;
  struct timespec modified;
};

struct diffd_credentials_source {
  struct diffd_credentials_options options;
  struct diffd_shared_files files;
  bool has_files;

  pthread_mutex_t lock; /* guards all that follows */
  pthread_cond_t done;  /* a renewal ended */
  struct diffd_credentials current;
  bool has_current;
  bool refused;    /* current is no good whatever its expiry says */
  bool from_files; /* current came from the shared files */
  struct file_stamp stamps[SHARED_FILES];
  bool renewing;             /* by one caller, with the lock free */
  uint64_t renewals;         /* that have ended */
  enum diffd_status outcome; /* of the last one */
  struct diffd_error failure;
  int64_t not_before_ms;     /* monotonic: no renewal of credentials that still hold before this */
  int64_t no_refusal_before; /* likewise: no refusal counts before this */
};

enum need { FRESH, WISHED, NEEDED };

/* ---- life ---- */

enum diffd_status diffd_credentials_source_new(const struct diffd_credentials_options *options,
                                               struct diffd_credentials_source **ret,
                                               struct diffd_error *err) {
  struct diffd_error unread;
  struct diffd_credentials_source *source = calloc(1, sizeof *source);
  if (source == NULL)
    return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the AWS credentials");
  source->options = *options;
  /* Paths that cannot be are told when credentials are asked for. */
  source->has_files = diffd_shared_files_find(options->config, &source->files, &unread) == DIFFD_OK;
  int errnum = pthread_mutex_init(&source->lock, NULL);
  if (errnum != 0) {
    free(source);
    return diffd_fail_errno(err, errnum, "making a lock");
  }
  enum diffd_status status = diffd_cond_init(&source->done, err);
  if (status != DIFFD_OK) {
    (void)pthread_mutex_destroy(&source->lock);
    free(source);
    return status;
  }
  *ret = source;
  return DIFFD_OK;
}

void diffd_credentials_source_destroy(struct diffd_credentials_source *source) {
  if (source == NULL)
    return;
  (void)pthread_cond_destroy(&source->done);
  (void)pthread_mutex_destroy(&source->lock);
  diffd_credentials_wipe(&source->current);
  free(source);
}

/* ---- is it time? ---- */

static void stamp_files(const struct diffd_credentials_source *source,
                        struct file_stamp stamps[static SHARED_FILES]) {
  const char *const paths[SHARED_FILES] = {source->files.credentials, source->files.config};
  for (size_t i = 0; i < SHARED_FILES; i++) {
    struct stat st;
    memset(&stamps[i], 0, sizeof stamps[i]);
    if (!source->has_files || paths[i][0] == '\0' || stat(paths[i], &st) != 0)
      continue;
    stamps[i].dev = st.st_dev;
    stamps[i].ino = st.st_ino;
    stamps[i].size = st.st_size;
    stamps[i].modified = st.st_mtim;
  }
}

static bool files_changed_locked(const struct diffd_credentials_source *source) {
  struct file_stamp now[SHARED_FILES];
  if (!source->from_files)
    return false;
  stamp_files(source, now);
  for (size_t i = 0; i < SHARED_FILES; i++)
    if (now[i].dev != source->stamps[i].dev || now[i].ino != source->stamps[i].ino ||
        now[i].size != source->stamps[i].size ||
        now[i].modified.tv_sec != source->stamps[i].modified.tv_sec ||
        now[i].modified.tv_nsec != source->stamps[i].modified.tv_nsec)
      return true;
  return false;
}

static int64_t monotonic_ms(const struct diffd_credentials_source *source) {
  return source->options.clock->monotonic_ms(source->options.clock->arg);
}

/* Whether there are credentials that nobody refused and that are not over yet. */
static bool hold_locked(const struct diffd_credentials_source *source) {
  return source->has_current && !source->refused &&
         source->current.expires_at > source->options.clock->wall(source->options.clock->arg).seconds;
}

static enum need need_locked(const struct diffd_credentials_source *source) {
  if (!hold_locked(source))
    return NEEDED;
  if (files_changed_locked(source))
    return WISHED;
  int64_t left = source->current.expires_at - source->options.clock->wall(source->options.clock->arg).seconds;
  if (left > ADVISORY_SECONDS || monotonic_ms(source) < source->not_before_ms)
    return FRESH;
  return left > MANDATORY_SECONDS ? WISHED : NEEDED;
}

/* ---- renewal ---- */

/* Renews, with the lock free meanwhile; keeps what there was where that fails. */
static enum diffd_status renew_locked(struct diffd_credentials_source *source,
                                      const struct diffd_context *ctx, struct diffd_error *err) {
  const struct diffd_provider_call call = {.options = &source->options, .ctx = ctx};
  struct diffd_credentials made;
  bool from_files = false;
  source->renewing = true;
  /* Before the files are read, so that a change in between is seen at the next look. */
  stamp_files(source, source->stamps);
  (void)pthread_mutex_unlock(&source->lock);
  enum diffd_status status = diffd_credentials_chain(&call, &made, &from_files, err);
  (void)pthread_mutex_lock(&source->lock);
  if (status == DIFFD_OK) {
    source->current = made;
    source->has_current = true;
    source->refused = false;
    source->from_files = from_files;
    diffd_credentials_wipe(&made);
  } else {
    source->failure = *err;
  }
  source->not_before_ms = monotonic_ms(source) + PAUSE_MS;
  source->outcome = status;
  source->renewals++;
  source->renewing = false;
  (void)pthread_cond_broadcast(&source->done);
  return status;
}

/* Waits for the renewal that another caller is at. Its failure is ours as well, unless it was only told to
 * stop: many that wait must not ask one after the other. */
static enum diffd_status wait_locked(struct diffd_credentials_source *source, const struct diffd_context *ctx,
                                     struct diffd_error *err) {
  uint64_t before = source->renewals;
  while (source->renewing && source->renewals == before) {
    if (diffd_context_cancelled(ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "cancelled while waiting for AWS credentials");
    (void)diffd_cond_wait_ms(&source->done, &source->lock, WAIT_SLICE_MS);
  }
  if (source->outcome == DIFFD_OK || source->outcome == DIFFD_CANCELLED || hold_locked(source))
    return DIFFD_OK;
  *err = source->failure;
  return source->outcome;
}

/* One step towards good credentials; *ret_done says that the current ones are to be used. */
static enum diffd_status step_locked(struct diffd_credentials_source *source, const struct diffd_context *ctx,
                                     bool *ret_done, struct diffd_error *err) {
  enum need need = need_locked(source);
  *ret_done = need == FRESH || (need == WISHED && source->renewing);
  if (*ret_done)
    return DIFFD_OK;
  if (source->renewing)
    return wait_locked(source, ctx, err);
  enum diffd_status status = renew_locked(source, ctx, err);
  *ret_done = status == DIFFD_OK;
  if (status == DIFFD_OK || status == DIFFD_CANCELLED || !hold_locked(source))
    return status;
  diffd_log(ctx->log, DIFFD_LOG_WARN, "credentials-not-renewed", {"reason", err->detail, 0},
            {"expires_at", NULL, source->current.expires_at});
  *ret_done = true;
  return DIFFD_OK;
}

enum diffd_status diffd_credentials_get(struct diffd_credentials_source *source,
                                        const struct diffd_context *ctx, struct diffd_credentials *ret,
                                        struct diffd_error *err) {
  bool done = false;
  enum diffd_status status = DIFFD_OK;
  (void)pthread_mutex_lock(&source->lock);
  while (status == DIFFD_OK && !done) {
    status = diffd_context_cancelled(ctx) ? diffd_fail(err, DIFFD_CANCELLED, "cancelled")
                                          : step_locked(source, ctx, &done, err);
  }
  if (status == DIFFD_OK)
    *ret = source->current;
  (void)pthread_mutex_unlock(&source->lock);
  return status;
}

void diffd_credentials_refused(struct diffd_credentials_source *source,
                               const struct diffd_credentials *credentials) {
  (void)pthread_mutex_lock(&source->lock);
  /* A server that refuses all that it is shown must not make us ask for credentials with each request. */
  int64_t now_ms = monotonic_ms(source);
  if (source->has_current && !source->refused && now_ms >= source->no_refusal_before &&
      strcmp(source->current.access_key_id, credentials->access_key_id) == 0 &&
      strcmp(source->current.secret_access_key, credentials->secret_access_key) == 0 &&
      strcmp(source->current.session_token, credentials->session_token) == 0) {
    source->refused = true;
    source->no_refusal_before = now_ms + PAUSE_MS;
  }
  (void)pthread_mutex_unlock(&source->lock);
}
