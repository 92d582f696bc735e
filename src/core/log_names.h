/* SPDX-License-Identifier: Apache-2.0
 *
 * What the names of flow log files and of their folders tell, as AWS writes them:
 *
 *   [prefix/]AWSLogs/[org/]ACCOUNT/vpcflowlogs/REGION/YYYY/MM/DD/[HH/]
 *   [prefix/]AWSLogs/[org/]aws-account-id=A/aws-service=vpcflowlogs/aws-region=R/year=Y/month=M/day=D/[hour=H/]
 *   ACCOUNT_vpcflowlogs_REGION_FLOWLOGID_YYYYMMDDTHHmmZ_HASH.log.gz
 *
 * Source: "Flow log files", docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-path.html. Pure functions.
 */
#ifndef DIFFD_CORE_LOG_NAMES_H
#define DIFFD_CORE_LOG_NAMES_H

#include "diffd/job.h"
#include "diffd/stream.h"

enum diffd_log_name_kind {
  DIFFD_LOG_NAME_OTHER, /* no flow log by its name */
  DIFFD_LOG_NAME_PLAIN, /* ends with .log */
  DIFFD_LOG_NAME_GZIP,  /* ends with .log.gz */
};

/* Tells a flow log file by its name, without folders. Names that begin with a dot are other. */
enum diffd_log_name_kind diffd_log_name_kind(struct diffd_span name);

/* True for a file name in AWS's form, with the second (of a full minute, UTC) at which it says that the file
 * was written. */
bool diffd_log_name_time(struct diffd_span name, int64_t *ret_written);

/* True for a folder that AWS's layout gives to one year, month, day or hour, with a window that holds
 * that time (366 days for every year, 31 for every month). The path may have anything before that part. */
bool diffd_log_folder_time(struct diffd_span path, struct diffd_window *ret);

/* Whether a file, or some file of a folder, may hold records of the window, when files are written up to
 * `late_seconds` after the records' time. Folders get an hour's grace at both ends: that AWS files each
 * log under exactly the day and hour in its name is nowhere promised. */
bool diffd_log_file_is_wanted(struct diffd_window window, int64_t late_seconds, int64_t written);
bool diffd_log_folder_is_wanted(struct diffd_window window, int64_t late_seconds, struct diffd_window folder);

#endif
