/* SPDX-License-Identifier: Apache-2.0
 *
 * OpenSSL, loaded when something is signed or an HTTP client is made: base/lazy_library.h says why. Include
 * this in place of <openssl/...>; its functions are called by their own names. Those of libcrypto are found
 * through libssl, which is linked with it.
 */
#ifndef DIFFD_NET_OPENSSL_LIBRARY_H
#define DIFFD_NET_OPENSSL_LIBRARY_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "base/lazy_library.h"

#define DIFFD_OPENSSL(X)                                                                                     \
  X(EVP_DecodeBlock)                                                                                         \
  X(EVP_Digest)                                                                                              \
  X(EVP_DigestFinal_ex)                                                                                      \
  X(EVP_DigestInit_ex)                                                                                       \
  X(EVP_DigestUpdate)                                                                                        \
  X(EVP_EncodeBlock)                                                                                         \
  X(EVP_MD_CTX_free)                                                                                         \
  X(EVP_MD_CTX_new)                                                                                          \
  X(EVP_md5)                                                                                                 \
  X(EVP_sha256)                                                                                              \
  X(HMAC)                                                                                                    \
  X(SHA256)                                                                                                  \
  X(SSL_CTX_get_ex_data)                                                                                     \
  X(SSL_CTX_set1_cert_store)                                                                                 \
  X(SSL_CTX_set_ex_data)                                                                                     \
  X(SSL_CTX_set_info_callback)                                                                               \
  X(SSL_get_SSL_CTX)                                                                                         \
  X(X509_STORE_free)                                                                                         \
  X(X509_STORE_new)                                                                                          \
  X(X509_STORE_set_default_paths)

struct diffd_openssl {
  DIFFD_OPENSSL(DIFFD_LAZY_MEMBER)
};
extern struct diffd_openssl diffd_openssl;

/* Before any other call of the library. Each function that hashes or encodes calls it itself: it costs
 * nothing beside that, and nobody has to remember it. */
enum diffd_status diffd_openssl_load(struct diffd_error *err) DIFFD_MUST_CHECK;

#define EVP_DecodeBlock              diffd_openssl.EVP_DecodeBlock
#define EVP_Digest                   diffd_openssl.EVP_Digest
#define EVP_DigestFinal_ex           diffd_openssl.EVP_DigestFinal_ex
#define EVP_DigestInit_ex            diffd_openssl.EVP_DigestInit_ex
#define EVP_DigestUpdate             diffd_openssl.EVP_DigestUpdate
#define EVP_EncodeBlock              diffd_openssl.EVP_EncodeBlock
#define EVP_MD_CTX_free              diffd_openssl.EVP_MD_CTX_free
#define EVP_MD_CTX_new               diffd_openssl.EVP_MD_CTX_new
#define EVP_md5                      diffd_openssl.EVP_md5
#define EVP_sha256                   diffd_openssl.EVP_sha256
#define HMAC                         diffd_openssl.HMAC
#define SHA256                       diffd_openssl.SHA256
#define SSL_CTX_get_ex_data          diffd_openssl.SSL_CTX_get_ex_data
#define SSL_CTX_set1_cert_store      diffd_openssl.SSL_CTX_set1_cert_store
#define SSL_CTX_set_ex_data          diffd_openssl.SSL_CTX_set_ex_data
#define SSL_CTX_set_info_callback    diffd_openssl.SSL_CTX_set_info_callback
#define SSL_get_SSL_CTX              diffd_openssl.SSL_get_SSL_CTX
#define X509_STORE_free              diffd_openssl.X509_STORE_free
#define X509_STORE_new               diffd_openssl.X509_STORE_new
#define X509_STORE_set_default_paths diffd_openssl.X509_STORE_set_default_paths

#endif
