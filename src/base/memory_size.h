/* SPDX-License-Identifier: Apache-2.0
 *
 * How much memory a process may have, so that defaults can be a share of it.
 */
#ifndef DIFFD_BASE_MEMORY_SIZE_H
#define DIFFD_BASE_MEMORY_SIZE_H

#include <stdint.h>

/* The smallest of what the machine has, what RLIMIT_DATA and RLIMIT_AS allow, and what the control groups of
 * the process do. In bytes, never 0. */
uint64_t diffd_memory_size(void);

/* What the control groups alone allow, or UINT64_MAX. A group's limit holds for all groups in it, so those
 * around it are asked as well: cgroup v2's memory.max, v1's memory.limit_in_bytes, see cgroups(7). `self` is
 * /proc/self/cgroup, `root` where the groups are mounted, /sys/fs/cgroup; in a container the path that `self`
 * tells may not be there, and what is mounted is the container's own. */
uint64_t diffd_memory_of_cgroups(const char *self, const char *root);

#endif
