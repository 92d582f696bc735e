/* SPDX-License-Identifier: Apache-2.0
 *
 * The API: POST / asks for a diff, GET / (and HEAD /) fetches it. The answers to clients name their own
 * faults only; what a dependency said goes to the context's log.
 */
#ifndef DIFFD_HANDLERS_API_H
#define DIFFD_HANDLERS_API_H

#include "diffd/marker.h"
#include "diffd/queuer.h"
#include "diffd/storage.h"
#include "handlers/http.h"
#include "handlers/id_gate.h"

/* The modules that the API asks, and what keeps POSTs of one diff apart; borrowed. */
struct diffd_api {
  struct diffd_storage *storage;
  struct diffd_marker *marker;
  struct diffd_queuer *queuer;
  struct diffd_id_gate *gate;
};

/* Both answer by filling the response. Safe to call from several threads at once. */
void diffd_api_post(const struct diffd_api *api, const struct diffd_context *ctx,
                    const struct diffd_request *request, struct diffd_response *response);
void diffd_api_get(const struct diffd_api *api, const struct diffd_context *ctx,
                   const struct diffd_request *request, struct diffd_response *response);

/* What a query asks for. */
struct diffd_asked {
  struct diffd_job job; /* with the id of the canonical times */
  /* The id that the original gave to this spelling of the times, under which its objects may still lie; ""
   * where that is the same. */
  char spelled_id[DIFFD_JOB_ID_MAX + 1];
};

/* What both begin with. On DIFFD_INVALID the response is the 400, and logged. */
enum diffd_status diffd_api_asked(const struct diffd_context *ctx, const struct diffd_request *request,
                                  struct diffd_asked *ret, struct diffd_response *response) DIFFD_MUST_CHECK;
/* Logs what a dependency answered, and answers 500, or 503 where it is only busy or stopping. */
void diffd_api_failure(const struct diffd_context *ctx, const char *dependency, const struct diffd_error *err,
                       struct diffd_response *response);

#endif
