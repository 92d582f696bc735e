/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials out of texts: the fields of JSON answers, small files, and what may stand in a header.
 */
#ifndef DIFFD_NET_CREDENTIALS_TEXT_H
#define DIFFD_NET_CREDENTIALS_TEXT_H

#include "net/credentials.h"
#include "net/fetch.h"

/* Fills *ret with texts that may stand in a header; the token may be absent. Expires never. DIFFD_INVALID
 * says which is empty, too long or holds a character that it cannot hold, without showing it. */
enum diffd_status diffd_credentials_set(struct diffd_span access_key_id, struct diffd_span secret_access_key,
                                        struct diffd_span session_token, struct diffd_credentials *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;

/* Reads the JSON that instance metadata and containers answer with: AccessKeyId, SecretAccessKey, Token,
 * Expiration (RFC 3339; absent: never), and, where Code is not "Success", what went wrong. DIFFD_INVALID,
 * DIFFD_UNAVAILABLE (with Code and Message), DIFFD_NO_MEMORY. */
enum diffd_status diffd_credentials_from_json(struct diffd_span text, struct diffd_credentials *ret,
                                              struct diffd_error *err) DIFFD_MUST_CHECK;

/* Fails with the answer's status and what its body says for people: a JSON object's code and message. */
enum diffd_status diffd_answer_refused(const struct diffd_answer *answer, const char *url,
                                       struct diffd_error *err);

/* Reads a small file whole; NUL-terminated. DIFFD_NOT_FOUND where there is none, DIFFD_TOO_LARGE, DIFFD_IO,
 * DIFFD_INVALID (a folder, a pipe), DIFFD_NO_MEMORY; the texts name the file. The caller wipes and cleans up.
 */
enum diffd_status diffd_small_file_read(const char *path, size_t max_bytes, struct diffd_buffer *ret,
                                        struct diffd_error *err) DIFFD_MUST_CHECK;
void diffd_buffer_wipe(struct diffd_buffer *buffer); /* wipes, and cleans up */

/* A token as a file or a variable holds it: without the white space around. DIFFD_INVALID where it is empty
 * or holds what a header cannot. */
enum diffd_status diffd_token_trim(struct diffd_span text, const char *what, struct diffd_span *ret,
                                   struct diffd_error *err) DIFFD_MUST_CHECK;

#endif
