/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over files that are kept, so that what fuzzing once found stays found in every test run,
 * with any compiler. Each file goes in whole and cut short at up to CUTS_MAX places, because a reader of
 * streams sees the end of its input anywhere. Links in place of libFuzzer's main.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CUTS_MAX = 48, FILE_MAX = 4 * 1024 * 1024 /* bytes */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* A target that needs something once before its first input defines this; libFuzzer calls it too. */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Each input stands in an allocation of exactly its size, where ASan sees the first byte read too far. */
static int run_once(const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len > 0 ? len : 1);
  if (copy == NULL)
    return -1;
  memcpy(copy, bytes, len);
  (void)LLVMFuzzerTestOneInput(copy, len);
  free(copy);
  return 0;
}

static int run_file(const char *path, size_t *runs) {
  static uint8_t bytes[FILE_MAX];
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    return -1;
  }
  size_t len = fread(bytes, 1, sizeof bytes, file);
  int bad = ferror(file) || !feof(file);
  (void)fclose(file);
  if (bad) {
    fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, FILE_MAX);
    return -1;
  }
  size_t step = len / CUTS_MAX + 1;
  for (size_t cut = 0; cut < len; cut += step, (*runs)++)
    if (run_once(bytes, cut) < 0)
      return -1;
  (*runs)++;
  return run_once(bytes, len);
}

static int run_folder(const char *folder, size_t *files, size_t *runs) {
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort);
  if (count < 0) {
    perror(folder);
    return -1;
  }
  int result = 0;
  for (int i = 0; i < count; i++) {
    char path[4096];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    free(entries[i]);
    if (result < 0 || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
      continue;
    /* The last name printed before a crash is the file that caused it. */
    printf("%s\n", path);
    (void)fflush(stdout);
    result = run_file(path, runs);
    (*files)++;
  }
  free(entries);
  return result;
}

int main(int argc, char **argv) {
  size_t files = 0;
  size_t runs = 0;
  if (LLVMFuzzerInitialize != NULL && LLVMFuzzerInitialize(&argc, &argv) != 0)
    return 1;
  for (int i = 1; i < argc; i++)
    if (run_folder(argv[i], &files, &runs) < 0)
      return 1;
  if (files == 0) {
    fprintf(stderr, "no input: give folders that hold the corpus of this target\n");
    return 1;
  }
  printf("%zu files, %zu inputs\n", files, runs);
  return 0;
}
