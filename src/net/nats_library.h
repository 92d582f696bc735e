/* SPDX-License-Identifier: Apache-2.0
 *
 * libnats, loaded when a queue on NATS is set: base/lazy_library.h says why. Include this in place of
 * <nats/nats.h>; its functions are called by their own names.
 */
#ifndef DIFFD_NET_NATS_LIBRARY_H
#define DIFFD_NET_NATS_LIBRARY_H

#include <nats/nats.h>

#include "base/lazy_library.h"

#define DIFFD_NATS(X)                                                                                        \
  X(natsConnection_Connect)                                                                                  \
  X(natsConnection_Destroy)                                                                                  \
  X(natsConnection_GetLastError)                                                                             \
  X(natsConnection_GetStats)                                                                                 \
  X(natsConnection_IsClosed)                                                                                 \
  X(natsConnection_PublishMsg)                                                                               \
  X(natsConnection_Status)                                                                                   \
  X(natsConnection_SubscribeSync)                                                                            \
  X(natsInbox_Create)                                                                                        \
  X(natsInbox_Destroy)                                                                                       \
  X(natsMsgHeader_Get)                                                                                       \
  X(natsMsgHeader_Set)                                                                                       \
  X(natsMsg_Create)                                                                                          \
  X(natsMsg_Destroy)                                                                                         \
  X(natsMsg_GetData)                                                                                         \
  X(natsMsg_GetDataLength)                                                                                   \
  X(natsMsg_GetReply)                                                                                        \
  X(natsOptions_Create)                                                                                      \
  X(natsOptions_Destroy)                                                                                     \
  X(natsOptions_SetErrorHandler)                                                                             \
  X(natsOptions_SetExpectedHostname)                                                                         \
  X(natsOptions_SetMaxPingsOut)                                                                              \
  X(natsOptions_SetMaxReconnect)                                                                             \
  X(natsOptions_SetName)                                                                                     \
  X(natsOptions_SetPingInterval)                                                                             \
  X(natsOptions_SetReconnectWait)                                                                            \
  X(natsOptions_SetRetryOnFailedConnect)                                                                     \
  X(natsOptions_SetSecure)                                                                                   \
  X(natsOptions_SetServers)                                                                                  \
  X(natsOptions_SetTimeout)                                                                                  \
  X(natsOptions_SetToken)                                                                                    \
  X(natsOptions_SetUserInfo)                                                                                 \
  X(natsOptions_SetWriteDeadline)                                                                            \
  X(natsStatistics_Create)                                                                                   \
  X(natsStatistics_Destroy)                                                                                  \
  X(natsStatistics_GetCounts)                                                                                \
  X(natsStatus_GetText)                                                                                      \
  X(natsSubscription_Destroy)                                                                                \
  X(natsSubscription_DrainTimeout)                                                                           \
  X(natsSubscription_NextMsg)                                                                                \
  X(nats_CloseAndWait)

struct diffd_nats {
  DIFFD_NATS(DIFFD_LAZY_MEMBER)
};
extern struct diffd_nats diffd_nats;

/* Before any other call of the library. */
enum diffd_status diffd_nats_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define natsConnection_Connect              diffd_nats.natsConnection_Connect
#define natsConnection_Destroy              diffd_nats.natsConnection_Destroy
#define natsConnection_GetLastError         diffd_nats.natsConnection_GetLastError
#define natsConnection_GetStats             diffd_nats.natsConnection_GetStats
#define natsConnection_IsClosed             diffd_nats.natsConnection_IsClosed
#define natsConnection_PublishMsg           diffd_nats.natsConnection_PublishMsg
#define natsConnection_Status               diffd_nats.natsConnection_Status
#define natsConnection_SubscribeSync        diffd_nats.natsConnection_SubscribeSync
#define natsInbox_Create                    diffd_nats.natsInbox_Create
#define natsInbox_Destroy                   diffd_nats.natsInbox_Destroy
#define natsMsgHeader_Get                   diffd_nats.natsMsgHeader_Get
#define natsMsgHeader_Set                   diffd_nats.natsMsgHeader_Set
#define natsMsg_Create                      diffd_nats.natsMsg_Create
#define natsMsg_Destroy                     diffd_nats.natsMsg_Destroy
#define natsMsg_GetData                     diffd_nats.natsMsg_GetData
#define natsMsg_GetDataLength               diffd_nats.natsMsg_GetDataLength
#define natsMsg_GetReply                    diffd_nats.natsMsg_GetReply
#define natsOptions_Create                  diffd_nats.natsOptions_Create
#define natsOptions_Destroy                 diffd_nats.natsOptions_Destroy
#define natsOptions_SetErrorHandler         diffd_nats.natsOptions_SetErrorHandler
#define natsOptions_SetExpectedHostname     diffd_nats.natsOptions_SetExpectedHostname
#define natsOptions_SetMaxPingsOut          diffd_nats.natsOptions_SetMaxPingsOut
#define natsOptions_SetMaxReconnect         diffd_nats.natsOptions_SetMaxReconnect
#define natsOptions_SetName                 diffd_nats.natsOptions_SetName
#define natsOptions_SetPingInterval         diffd_nats.natsOptions_SetPingInterval
#define natsOptions_SetReconnectWait        diffd_nats.natsOptions_SetReconnectWait
#define natsOptions_SetRetryOnFailedConnect diffd_nats.natsOptions_SetRetryOnFailedConnect
#define natsOptions_SetSecure               diffd_nats.natsOptions_SetSecure
#define natsOptions_SetServers              diffd_nats.natsOptions_SetServers
#define natsOptions_SetTimeout              diffd_nats.natsOptions_SetTimeout
#define natsOptions_SetToken                diffd_nats.natsOptions_SetToken
#define natsOptions_SetUserInfo             diffd_nats.natsOptions_SetUserInfo
#define natsOptions_SetWriteDeadline        diffd_nats.natsOptions_SetWriteDeadline
#define natsStatistics_Create               diffd_nats.natsStatistics_Create
#define natsStatistics_Destroy              diffd_nats.natsStatistics_Destroy
#define natsStatistics_GetCounts            diffd_nats.natsStatistics_GetCounts
#define natsStatus_GetText                  diffd_nats.natsStatus_GetText
#define natsSubscription_Destroy            diffd_nats.natsSubscription_Destroy
#define natsSubscription_DrainTimeout       diffd_nats.natsSubscription_DrainTimeout
#define natsSubscription_NextMsg            diffd_nats.natsSubscription_NextMsg
#define nats_CloseAndWait                   diffd_nats.nats_CloseAndWait

#endif
