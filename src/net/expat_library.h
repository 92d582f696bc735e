/* SPDX-License-Identifier: Apache-2.0
 *
 * expat, loaded when XML is read: base/lazy_library.h says why. Include this in place of <expat.h>; its
 * functions are called by their own names.
 */
#ifndef DIFFD_NET_EXPAT_LIBRARY_H
#define DIFFD_NET_EXPAT_LIBRARY_H

#include <expat.h>

#include "base/lazy_library.h"

#define DIFFD_EXPAT(X)                                                                                       \
  X(XML_ErrorString)                                                                                         \
  X(XML_GetCurrentLineNumber)                                                                                \
  X(XML_GetErrorCode)                                                                                        \
  X(XML_Parse)                                                                                               \
  X(XML_ParserCreate)                                                                                        \
  X(XML_ParserFree)                                                                                          \
  X(XML_SetCharacterDataHandler)                                                                             \
  X(XML_SetElementHandler)                                                                                   \
  X(XML_SetStartDoctypeDeclHandler)                                                                          \
  X(XML_SetUserData)                                                                                         \
  X(XML_StopParser)

struct diffd_expat {
  DIFFD_EXPAT(DIFFD_LAZY_MEMBER)
};
extern struct diffd_expat diffd_expat;

/* Before any other call of the library: what reads XML calls it itself. */
enum diffd_status diffd_expat_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define XML_ErrorString                diffd_expat.XML_ErrorString
#define XML_GetCurrentLineNumber       diffd_expat.XML_GetCurrentLineNumber
#define XML_GetErrorCode               diffd_expat.XML_GetErrorCode
#define XML_Parse                      diffd_expat.XML_Parse
#define XML_ParserCreate               diffd_expat.XML_ParserCreate
#define XML_ParserFree                 diffd_expat.XML_ParserFree
#define XML_SetCharacterDataHandler    diffd_expat.XML_SetCharacterDataHandler
#define XML_SetElementHandler          diffd_expat.XML_SetElementHandler
#define XML_SetStartDoctypeDeclHandler diffd_expat.XML_SetStartDoctypeDeclHandler
#define XML_SetUserData                diffd_expat.XML_SetUserData
#define XML_StopParser                 diffd_expat.XML_StopParser

#endif
