/* SPDX-License-Identifier: Apache-2.0
 *
 * Folders for unit tests: made under $TMPDIR or /tmp, removed with all they hold.
 */
#ifndef DIFFD_BASE_TEST_DIR_H
#define DIFFD_BASE_TEST_DIR_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/durable_file.h"

enum { TEST_PATH_MAX = 4096 };

struct test_dir {
  char path[TEST_PATH_MAX / 2];
};

static inline int test_dir_remove_entry(const char *path, const struct stat *st, int type,
                                        struct FTW *place) {
  (void)st;
  (void)type;
  (void)place;
  return remove(path);
}

/* A cmocka set-up: *state becomes a struct test_dir. */
static inline int test_dir_make(void **state) {
  const char *parent = getenv("TMPDIR");
  struct test_dir *dir = calloc(1, sizeof *dir);
  if (dir == NULL)
    return -1;
  (void)snprintf(dir->path, sizeof dir->path, "%s/diffd-test-XXXXXX", parent != NULL ? parent : "/tmp");
  *state = dir;
  return mkdtemp(dir->path) != NULL ? 0 : -1;
}

static inline int test_dir_destroy(void **state) {
  struct test_dir *dir = *state;
  int result = nftw(dir->path, test_dir_remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free(dir);
  return result;
}

static inline const char *test_path(const struct test_dir *dir, const char *name,
                                    char path[static TEST_PATH_MAX]) {
  (void)snprintf(path, TEST_PATH_MAX, "%s/%s", dir->path, name);
  return path;
}

static inline void test_mkdir(const struct test_dir *dir, const char *name) {
  char path[TEST_PATH_MAX];
  assert_int_equal(mkdir(test_path(dir, name, path), 0700), 0);
}

static inline void test_write(const struct test_dir *dir, const char *name, const char *text) {
  char path[TEST_PATH_MAX];
  FILE *file = fopen(test_path(dir, name, path), "we");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

/* The file's first bytes, NUL-terminated; "(absent)" where there is none. */
static inline const char *test_read(const struct test_dir *dir, const char *name, char *text, size_t cap) {
  char path[TEST_PATH_MAX];
  FILE *file = fopen(test_path(dir, name, path), "re");
  if (file == NULL) {
    (void)snprintf(text, cap, "(absent)");
    return text;
  }
  text[fread(text, 1, cap - 1, file)] = '\0';
  assert_int_equal(fclose(file), 0);
  return text;
}

/* A durable folder of that name, made where it is missing, with tmp beside it. */
static inline struct diffd_durable_folder test_open_durable(const struct test_dir *dir, const char *name) {
  char path[TEST_PATH_MAX];
  (void)mkdir(test_path(dir, name, path), 0700);
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  (void)mkdir(test_path(dir, "tmp", path), 0700);
  int tmp_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  assert_true(fd >= 0 && tmp_fd >= 0);
  return (struct diffd_durable_folder){.fd = fd, .tmp_fd = tmp_fd, .path = name};
}

static inline void test_close_durable(const struct diffd_durable_folder *folder) {
  assert_int_equal(close(folder->fd), 0);
  assert_int_equal(close(folder->tmp_fd), 0);
}

/* The number of entries of a folder. */
static inline size_t test_count(const struct test_dir *dir, const char *name) {
  char path[TEST_PATH_MAX];
  DIR *folder = opendir(test_path(dir, name, path));
  assert_non_null(folder);
  size_t count = 0;
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      count++;
  assert_int_equal(closedir(folder), 0);
  return count;
}

#endif
