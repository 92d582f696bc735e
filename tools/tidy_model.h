/* SPDX-License-Identifier: Apache-2.0
 *
 * What clang-tidy's analyzer is told of functions whose body it does not see: that failing returns a failure.
 * tools/check_source.py includes this before each source that it analyses; no build does.
 */
#ifndef DIFFD_TIDY_MODEL_H
#define DIFFD_TIDY_MODEL_H

#include "diffd/status.h"

#define diffd_fail(err, status, ...)       ((void)(diffd_fail)(err, status, __VA_ARGS__), (status))
#define diffd_fail_errno(err, errnum, ...) ((void)(diffd_fail_errno)(err, errnum, __VA_ARGS__), DIFFD_IO)
#define diffd_fail_within(err, ...)        ((void)(diffd_fail_within)(err, __VA_ARGS__), DIFFD_IO)

#endif
