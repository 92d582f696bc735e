/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/cli.h"

int main(int argc, char **argv, char **environment) {
  /* A file beyond `ulimit -f` is an error with a text then, as a full disk is, and not a sudden end. */
  (void)signal(SIGXFSZ, SIG_IGN);
  return diffd_cli_main(argc, argv, environment);
}
