/* SPDX-License-Identifier: Apache-2.0
 *
 * Any body of a worker's POST: what is accepted has an id that may name a file and windows that the API would
 * have accepted; what is refused has a text.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diff_id.h"
#include "net/job_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct diffd_job job;
  struct diffd_job same;
  struct diffd_error err = {0};
  bool own_id = false;
  enum diffd_status status =
      diffd_job_from_json((struct diffd_span){(const char *)data, size}, &job, &own_id, &err);
  if (status == DIFFD_INVALID) {
    if (err.detail[0] == '\0')
      abort();
    return 0;
  }
  if (status != DIFFD_OK || !diffd_job_id_is_valid(job.id, strlen(job.id)) ||
      diffd_job_from_windows(job.previous, job.next, NULL, &same, &err) != DIFFD_OK ||
      own_id != (strcmp(job.id, same.id) == 0))
    abort();
  return 0;
}
