/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which providers are asked, and the text that tells why none had credentials.
 */
#include <stdio.h>
#include <string.h>

#include "net/credentials_provider.h"

struct link {
  const char *name;
  diffd_provider *provider;
  bool reads_files;
};

/* As AWS's SDKs for Go and C++ do it. */
static const struct link default_chain[] = {
    {"environment", diffd_environment_credentials, false},
    {"web identity", diffd_web_identity_credentials, false},
    {"profile", diffd_profile_credentials, true},
    {"container", diffd_container_credentials, false},
    {"instance metadata", diffd_metadata_credentials, false},
};
/* With USE_IAM=false: what somebody wrote down, and nothing that the surroundings give. */
static const struct link written_chain[] = {
    {"environment", diffd_environment_credentials, false},
    {"profile", diffd_profile_credentials, true},
};

enum { REASON_MAX = 160, LAST_REASON_MAX = 480, TRIED_MAX = 1200 };

static enum diffd_status fail(const struct diffd_provider_call *call, const char *tried,
                              struct diffd_error *err) {
  const char *advice = call->options->config->use_iam
                           ? "give the instance, task or pod a role, or set AWS_ACCESS_KEY_ID and "
                             "AWS_SECRET_ACCESS_KEY"
                           : "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_CREDENTIALS_FILE, or "
                             "USE_IAM=true for a role";
  return diffd_fail(err, DIFFD_UNAVAILABLE, "no AWS credentials: mend what is told here, or %s; tried: %s",
                    advice, tried);
}

enum diffd_status diffd_credentials_chain(const struct diffd_provider_call *call,
                                          struct diffd_credentials *ret, bool *ret_from_files,
                                          struct diffd_error *err) {
  bool use_iam = call->options->config->use_iam;
  const struct link *chain = use_iam ? default_chain : written_chain;
  size_t count = use_iam ? sizeof default_chain / sizeof default_chain[0]
                         : sizeof written_chain / sizeof written_chain[0];
  char tried[TRIED_MAX] = "";
  size_t len = 0;
  for (size_t i = 0; i < count; i++) {
    enum diffd_status status = chain[i].provider(call, ret, err);
    if (status == DIFFD_OK) {
      *ret_from_files = chain[i].reads_files;
      return status;
    }
    if (status == DIFFD_CANCELLED || status == DIFFD_NO_MEMORY)
      return status;
    bool goes_on = status == DIFFD_NOT_FOUND;
    int room = goes_on && i + 1 < count ? REASON_MAX : LAST_REASON_MAX;
    int added = snprintf(tried + len, sizeof tried - len, "%s%s: %.*s", i > 0 ? "; " : "", chain[i].name,
                         room, err->detail);
    len = added > 0 && (size_t)added < sizeof tried - len ? len + (size_t)added : sizeof tried - 1;
    if (!goes_on)
      break;
  }
  return fail(call, tried, err);
}
