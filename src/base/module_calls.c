/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of the public module interfaces: each goes through its object's table, and destroying
 * nothing is allowed.
 */
#include <string.h>

#include "diffd/change.h"
#include "diffd/differ.h"
#include "diffd/graph.h"
#include "diffd/grapher.h"
#include "diffd/http_client.h"
#include "diffd/log.h"
#include "diffd/marker.h"
#include "diffd/middleware.h"
#include "diffd/queuer.h"
#include "diffd/stat.h"
#include "diffd/storage.h"

enum diffd_status diffd_reader_read(struct diffd_reader *reader, void *buf, size_t cap, size_t *ret_len,
                                    struct diffd_error *err) {
  return reader->ops->read(reader, buf, cap, ret_len, err);
}

int diffd_reader_file(struct diffd_reader *reader) {
  return reader->ops->file != NULL ? reader->ops->file(reader) : -1;
}

void diffd_reader_interrupt(struct diffd_reader *reader) {
  if (reader->ops->interrupt != NULL)
    reader->ops->interrupt(reader);
}

void diffd_reader_destroy(struct diffd_reader *reader) {
  if (reader != NULL)
    reader->ops->destroy(reader);
}

enum diffd_status diffd_writer_write(struct diffd_writer *writer, const void *buf, size_t len,
                                     struct diffd_error *err) {
  return writer->ops->write(writer, buf, len, err);
}

enum diffd_status diffd_writer_commit(struct diffd_writer *writer, struct diffd_error *err) {
  return writer->ops->commit(writer, err);
}

void diffd_writer_destroy(struct diffd_writer *writer) {
  if (writer != NULL)
    writer->ops->destroy(writer);
}

struct diffd_edges_head diffd_edges_head(struct diffd_edges *edges) {
  return edges->ops->head(edges);
}

struct diffd_node diffd_edges_node(struct diffd_edges *edges, uint32_t index) {
  return edges->ops->node(edges, index);
}

struct diffd_span diffd_edges_name(struct diffd_edges *edges, uint32_t index) {
  return edges->ops->name(edges, index);
}

enum diffd_status diffd_edges_rewind(struct diffd_edges *edges, struct diffd_error *err) {
  return edges->ops->rewind(edges, err);
}

enum diffd_status diffd_edges_next(struct diffd_edges *edges, struct diffd_flow_edge *batch, size_t cap,
                                   size_t *ret_count, struct diffd_error *err) {
  return edges->ops->next(edges, batch, cap, ret_count, err);
}

void diffd_edges_destroy(struct diffd_edges *edges) {
  if (edges != NULL)
    edges->ops->destroy(edges);
}

void diffd_graph_clean_up(struct diffd_graph *graph) {
  diffd_reader_destroy(graph->dot);
  diffd_edges_destroy(graph->edges);
  graph->dot = NULL;
  graph->edges = NULL;
}

void diffd_change_sink_destroy(struct diffd_change_sink *sink) {
  if (sink != NULL)
    sink->ops->destroy(sink);
}

enum diffd_status diffd_storage_get(struct diffd_storage *storage, const struct diffd_context *ctx,
                                    const char *id, struct diffd_reader **ret, int64_t *ret_size,
                                    struct diffd_error *err) {
  return storage->ops->get(storage, ctx, id, ret, ret_size, err);
}

enum diffd_status diffd_storage_exists(struct diffd_storage *storage, const struct diffd_context *ctx,
                                       const char *id, struct diffd_error *err) {
  return storage->ops->exists(storage, ctx, id, err);
}

enum diffd_status diffd_storage_put(struct diffd_storage *storage, const struct diffd_context *ctx,
                                    const char *id, struct diffd_writer **ret, struct diffd_error *err) {
  return storage->ops->put(storage, ctx, id, ret, err);
}

void diffd_storage_destroy(struct diffd_storage *storage) {
  if (storage != NULL)
    storage->ops->destroy(storage);
}

enum diffd_status diffd_marker_mark(struct diffd_marker *marker, const struct diffd_context *ctx,
                                    const char *id, struct diffd_error *err) {
  return marker->ops->mark(marker, ctx, id, err);
}

enum diffd_status diffd_marker_unmark(struct diffd_marker *marker, const struct diffd_context *ctx,
                                      const char *id, struct diffd_error *err) {
  return marker->ops->unmark(marker, ctx, id, err);
}

enum diffd_status diffd_marker_check(struct diffd_marker *marker, const struct diffd_context *ctx,
                                     const char *id, struct diffd_error *err) {
  return marker->ops->check(marker, ctx, id, err);
}

void diffd_marker_destroy(struct diffd_marker *marker) {
  if (marker != NULL)
    marker->ops->destroy(marker);
}

enum diffd_status diffd_queuer_queue(struct diffd_queuer *queuer, const struct diffd_context *ctx,
                                     const struct diffd_job *job, struct diffd_error *err) {
  return queuer->ops->queue(queuer, ctx, job, err);
}

void diffd_queuer_destroy(struct diffd_queuer *queuer) {
  if (queuer != NULL)
    queuer->ops->destroy(queuer);
}

enum diffd_status diffd_job_source_take(struct diffd_job_source *source, const struct diffd_context *ctx,
                                        struct diffd_lease *ret, struct diffd_error *err) {
  return source->ops->take(source, ctx, ret, err);
}

enum diffd_status diffd_job_source_done(struct diffd_job_source *source, const struct diffd_lease *lease,
                                        struct diffd_error *err) {
  return source->ops->done(source, lease, err);
}

enum diffd_status diffd_job_source_fail(struct diffd_job_source *source, const struct diffd_lease *lease,
                                        bool permanent, const char *reason, enum diffd_retry *ret,
                                        struct diffd_error *err) {
  return source->ops->fail(source, lease, permanent, reason, ret, err);
}

enum diffd_status diffd_job_source_give_back(struct diffd_job_source *source, const struct diffd_lease *lease,
                                             int64_t not_before, struct diffd_error *err) {
  return source->ops->give_back(source, lease, not_before, err);
}

enum diffd_status diffd_job_source_each_pending(struct diffd_job_source *source,
                                                enum diffd_status (*each)(void *arg,
                                                                          const struct diffd_job *job,
                                                                          struct diffd_error *err),
                                                void *arg, struct diffd_error *err) {
  return source->ops->each_pending(source, each, arg, err);
}

void diffd_job_source_destroy(struct diffd_job_source *source) {
  if (source != NULL)
    source->ops->destroy(source);
}

enum diffd_status diffd_grapher_get(struct diffd_grapher *grapher, const struct diffd_context *ctx,
                                    struct diffd_window window, struct diffd_graph *ret,
                                    struct diffd_error *err) {
  return grapher->ops->get(grapher, ctx, window, ret, err);
}

int64_t diffd_grapher_ready_at(struct diffd_grapher *grapher, struct diffd_window window) {
  return grapher->ops->ready_at != NULL ? grapher->ops->ready_at(grapher, window) : INT64_MIN;
}

void diffd_grapher_destroy(struct diffd_grapher *grapher) {
  if (grapher != NULL)
    grapher->ops->destroy(grapher);
}

enum diffd_status diffd_differ_diff(struct diffd_differ *differ, const struct diffd_context *ctx,
                                    const struct diffd_job *job, struct diffd_change_sink *sink,
                                    struct diffd_error *err) {
  return differ->ops->diff(differ, ctx, job, sink, err);
}

int64_t diffd_differ_ready_at(struct diffd_differ *differ, const struct diffd_job *job) {
  return differ->ops->ready_at != NULL ? differ->ops->ready_at(differ, job) : INT64_MIN;
}

void diffd_differ_destroy(struct diffd_differ *differ) {
  if (differ != NULL)
    differ->ops->destroy(differ);
}

void diffd_log_event(struct diffd_log *log, enum diffd_log_level level, const char *message,
                     const struct diffd_log_field *fields, size_t field_count, const char *place) {
  if (log != NULL)
    log->ops->event(log, level, message, fields, field_count, place);
}

void diffd_log_destroy(struct diffd_log *log) {
  if (log != NULL)
    log->ops->destroy(log);
}

enum diffd_status diffd_http_client_send(struct diffd_http_client *client, const struct diffd_context *ctx,
                                         const struct diffd_http_request *request,
                                         struct diffd_http_response *ret, struct diffd_error *err) {
  return client->ops->send(client, ctx, request, ret, err);
}

void diffd_http_client_destroy(struct diffd_http_client *client) {
  if (client != NULL)
    client->ops->destroy(client);
}

const char *diffd_http_response_header(const struct diffd_http_response *response, const char *name) {
  for (size_t i = 0; i < response->header_count; i++)
    if (strcmp(response->headers[i].name, name) == 0)
      return response->headers[i].value;
  return NULL;
}

void diffd_stat_record(struct diffd_stat *stat, enum diffd_stat_kind kind, const char *name, double value,
                       const char *const *tags, size_t tag_count) {
  if (stat != NULL)
    stat->ops->record(stat, kind, name, value, tags, tag_count);
}

void diffd_stat_destroy(struct diffd_stat *stat) {
  if (stat != NULL)
    stat->ops->destroy(stat);
}

enum diffd_verdict diffd_middleware_before(struct diffd_middleware *middleware,
                                           const struct diffd_context *ctx,
                                           const struct diffd_request *request,
                                           struct diffd_response *response) {
  return middleware->ops->before(middleware, ctx, request, response);
}

void diffd_middleware_after(struct diffd_middleware *middleware, const struct diffd_context *ctx,
                            const struct diffd_request *request, struct diffd_response *response) {
  if (middleware->ops->after != NULL)
    middleware->ops->after(middleware, ctx, request, response);
}

void diffd_middleware_destroy(struct diffd_middleware *middleware) {
  if (middleware != NULL)
    middleware->ops->destroy(middleware);
}
