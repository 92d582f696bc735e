/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands around the declarations of each public header: they have C's linkage in C++, too, and they are
 * what a shared libdiffd exports. Everything else is hidden (-fvisibility=hidden).
 */
#ifndef DIFFD_EXPORT_H
#define DIFFD_EXPORT_H

#ifdef __cplusplus
#define DIFFD_BEGIN_C extern "C" {
#define DIFFD_END_C   }
#else
#define DIFFD_BEGIN_C
#define DIFFD_END_C
#endif

#define DIFFD_PUBLIC_BEGIN DIFFD_BEGIN_C _Pragma("GCC visibility push(default)")
#define DIFFD_PUBLIC_END   _Pragma("GCC visibility pop") DIFFD_END_C

#endif
