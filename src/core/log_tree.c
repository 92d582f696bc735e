/* SPDX-License-Identifier: Apache-2.0 */
#include "core/log_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "core/log_names.h"
#include "diffd/log.h"

enum { CANCEL_EVERY_ENTRIES = 4096 };

struct log_file {
  char *path;
  struct stat_key {
    dev_t device;
    ino_t inode;
  } key;
  uint64_t bytes;
  bool regular;
  bool left_out;
};

struct diffd_log_tree {
  struct log_file *files;
  size_t count;
  size_t cap;
  struct diffd_flow_input *inputs;
  size_t input_count;
  uint64_t bytes;
};

/* Folders that still have to be read; the last one is next. */
struct pile {
  char **paths;
  size_t count;
  size_t cap;
};

struct walk {
  const struct diffd_context *ctx;
  const struct diffd_log_choice *choice;
  struct diffd_log_tree *tree;
  struct pile pile;
  void *seen; /* the folders read so far, a tsearch() tree of struct stat_key */
};

static struct diffd_span span_of(const char *text) {
  return (struct diffd_span){text, strlen(text)};
}

static struct diffd_span name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return span_of(slash != NULL ? slash + 1 : path);
}

static enum diffd_status no_memory(struct diffd_error *err) {
  return diffd_fail(err, DIFFD_NO_MEMORY, "no memory for the list of flow log files");
}

/* Makes room for one more element of `size` bytes. */
static bool grow(void **array, size_t count, size_t *cap, size_t size) {
  if (count < *cap)
    return true;
  size_t more = *cap < 64 ? 64 : *cap * 2;
  void *moved = reallocarray(*array, more, size);
  if (moved == NULL)
    return false;
  *array = moved;
  *cap = more;
  return true;
}

static int compare_keys(const void *a, const void *b) {
  const struct stat_key *x = a, *y = b;
  if (x->device != y->device)
    return x->device < y->device ? -1 : 1;
  return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Notes a folder; *ret_new is false where it was there already. */
static enum diffd_status note_folder(struct walk *walk, const struct stat *st, bool *ret_new,
                                     struct diffd_error *err) {
  struct stat_key *key = malloc(sizeof *key);
  if (key == NULL)
    return no_memory(err);
  *key = (struct stat_key){st->st_dev, st->st_ino};
  void *node = tsearch(key, &walk->seen, compare_keys);
  bool is_new = node != NULL && *(struct stat_key **)node == key;
  if (!is_new)
    free(key);
  if (node == NULL)
    return no_memory(err);
  *ret_new = is_new;
  return DIFFD_OK;
}

/* Takes the path. */
static enum diffd_status add_file(struct diffd_log_tree *tree, char *path, const struct stat *st,
                                  struct diffd_error *err) {
  if (tree->count >= DIFFD_LOG_FILES_MAX) {
    free(path);
    return diffd_fail(err, DIFFD_TOO_LARGE, "there are more than %d flow log files: name a smaller folder",
                      DIFFD_LOG_FILES_MAX);
  }
  void *files = tree->files;
  if (!grow(&files, tree->count, &tree->cap, sizeof *tree->files)) {
    free(path);
    return no_memory(err);
  }
  tree->files = files;
  tree->files[tree->count++] = (struct log_file){
      .path = path,
      .key = {st->st_dev, st->st_ino},
      .bytes = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
      .regular = S_ISREG(st->st_mode),
  };
  return DIFFD_OK;
}

/* Takes the path. */
static enum diffd_status push(struct pile *pile, char *path, struct diffd_error *err) {
  void *paths = pile->paths;
  if (!grow(&paths, pile->count, &pile->cap, sizeof *pile->paths)) {
    free(path);
    return no_memory(err);
  }
  pile->paths = paths;
  pile->paths[pile->count++] = path;
  return DIFFD_OK;
}

static char *join(const char *folder, const char *name) {
  char *path = NULL;
  size_t len = strlen(folder);
  while (len > 0 && folder[len - 1] == '/')
    len--;
  return len <= PATH_MAX && asprintf(&path, "%.*s/%s", (int)len, folder, name) >= 0 ? path : NULL;
}

static bool folder_is_wanted(const struct diffd_log_choice *choice, const char *path) {
  struct diffd_window times;
  return choice->all || !diffd_log_folder_time(span_of(path), &times) ||
         diffd_log_folder_is_wanted(choice->window, choice->late_seconds, times);
}

static bool file_is_wanted(const struct diffd_log_choice *choice, const char *name) {
  int64_t written;
  return choice->all || !diffd_log_name_time(span_of(name), &written) ||
         diffd_log_file_is_wanted(choice->window, choice->late_seconds, written);
}

/* One entry of the folder `path`, which is open as `fd`. */
static enum diffd_status take_entry(struct walk *walk, const char *path, int fd, const struct dirent *entry,
                                    struct diffd_error *err) {
  struct stat st = {0};
  bool log = diffd_log_name_kind(span_of(entry->d_name)) != DIFFD_LOG_NAME_OTHER;
  bool folder = entry->d_type == DT_DIR;
  /* Most entries of a large tree are told by name and type alone. */
  if (entry->d_name[0] == '.' ||
      (entry->d_type == DT_REG && !(log && file_is_wanted(walk->choice, entry->d_name))))
    return DIFFD_OK;
  CLEANUP(freep) char *child = join(path, entry->d_name);
  if (child == NULL)
    return no_memory(err);
  if (!folder) {
    if (fstatat(fd, entry->d_name, &st, 0) != 0) {
      /* A link that leads nowhere leads to no flow logs; one that may not be followed may well. */
      bool nowhere = !log && (errno == ENOENT || errno == ELOOP);
      return nowhere ? DIFFD_OK : diffd_fail_errno(err, errno, "looking at %s", child);
    }
    folder = S_ISDIR(st.st_mode);
  }
  if (folder)
    return folder_is_wanted(walk->choice, child) ? push(&walk->pile, TAKE(child), err) : DIFFD_OK;
  if (!log || !file_is_wanted(walk->choice, entry->d_name))
    return DIFFD_OK;
  if (!S_ISREG(st.st_mode))
    return diffd_fail(err, DIFFD_IO, "%s is not a regular file: take it out of the flow logs", child);
  return add_file(walk->tree, TAKE(child), &st, err);
}

static int compare_down(const void *a, const void *b) {
  return strcmp(*(char *const *)b, *(char *const *)a);
}

static enum diffd_status read_entries(struct walk *walk, const char *path, DIR *dir,
                                      struct diffd_error *err) {
  size_t before = walk->pile.count, entries = 0;
  enum diffd_status status = DIFFD_OK;
  while (status == DIFFD_OK) {
    errno = 0;
    const struct dirent *entry = readdir(dir);
    if (entry == NULL && errno != 0)
      return diffd_fail_errno(err, errno, "reading the folder %s", path);
    if (entry == NULL)
      break;
    if (entries++ % CANCEL_EVERY_ENTRIES == 0 && diffd_context_cancelled(walk->ctx))
      return diffd_fail(err, DIFFD_CANCELLED, "looking for flow logs was cancelled");
    status = take_entry(walk, path, dirfd(dir), entry, err);
  }
  /* In order, so that a folder which is reached twice has the same name every time. */
  if (walk->pile.count > before)
    qsort(walk->pile.paths + before, walk->pile.count - before, sizeof *walk->pile.paths, compare_down);
  return status;
}

static enum diffd_status read_folder(struct walk *walk, const char *path, struct diffd_error *err) {
  struct stat st;
  bool is_new = false;
  DIR *dir = opendir(path);
  if (dir == NULL)
    return diffd_fail_errno(err, errno, "opening the folder %s", path);
  enum diffd_status status = DIFFD_OK;
  if (fstat(dirfd(dir), &st) != 0)
    status = diffd_fail_errno(err, errno, "looking at the folder %s", path);
  if (status == DIFFD_OK)
    status = note_folder(walk, &st, &is_new, err);
  if (status == DIFFD_OK && is_new)
    status = read_entries(walk, path, dir, err);
  (void)closedir(dir);
  return status;
}

static enum diffd_status walk_path(struct walk *walk, const char *path, struct diffd_error *err) {
  struct stat st = {0};
  CLEANUP(freep) char *copy = strdup(path);
  if (copy == NULL)
    return no_memory(err);
  if (strcmp(path, "-") == 0 ? fstat(STDIN_FILENO, &st) != 0 : stat(path, &st) != 0) {
    if (errno == ENOENT)
      return diffd_fail(err, DIFFD_NOT_FOUND, "there is no file or folder %s", path);
    return diffd_fail_errno(err, errno, "looking at %s", path);
  }
  if (strcmp(path, "-") == 0 || !S_ISDIR(st.st_mode))
    return add_file(walk->tree, TAKE(copy), &st, err);
  enum diffd_status status = push(&walk->pile, TAKE(copy), err);
  while (status == DIFFD_OK && walk->pile.count > 0) {
    CLEANUP(freep) char *folder = walk->pile.paths[--walk->pile.count];
    status = read_folder(walk, folder, err);
  }
  return status;
}

/* ---- each file once ---- */

static int compare_paths(const void *a, const void *b) {
  return strcmp(((const struct log_file *)a)->path, ((const struct log_file *)b)->path);
}

struct file_ref {
  struct log_file *file;
};

static int compare_files(const void *a, const void *b) {
  const struct log_file *x = ((const struct file_ref *)a)->file, *y = ((const struct file_ref *)b)->file;
  int keys = compare_keys(&x->key, &y->key);
  return keys != 0 ? keys : compare_paths(x, y);
}

static void leave_out(const struct walk *walk, struct log_file *file, const struct log_file *instead,
                      const char *reason) {
  file->left_out = true;
  diffd_log(walk->ctx->log, DIFFD_LOG_WARN, "log-file-skipped", {"log_file", file->path, 0},
            {"read_instead", instead->path, 0}, {"reason", reason, 0});
}

/* A file that has two names (links, a path given twice) is read under the first. */
static enum diffd_status leave_out_copies(const struct walk *walk, struct diffd_error *err) {
  struct diffd_log_tree *tree = walk->tree;
  CLEANUP(freep) struct file_ref *order = calloc(tree->count + 1, sizeof *order);
  if (order == NULL)
    return no_memory(err);
  for (size_t i = 0; i < tree->count; i++)
    order[i].file = &tree->files[i];
  qsort(order, tree->count, sizeof *order, compare_files);
  size_t first = 0;
  for (size_t i = 1; i < tree->count; i++) {
    if (compare_keys(&order[i].file->key, &order[first].file->key) != 0)
      first = i;
    else
      leave_out(walk, order[i].file, order[first].file, "it is the same file");
  }
  return DIFFD_OK;
}

/* `x.log` beside `x.log.gz` are the same records twice: somebody inflates, or compresses, just now. */
static enum diffd_status leave_out_inflated(const struct walk *walk, struct diffd_error *err) {
  struct diffd_log_tree *tree = walk->tree;
  for (size_t i = 0; i < tree->count; i++) {
    struct log_file *file = &tree->files[i];
    if (file->left_out || !file->regular || diffd_log_name_kind(name_of(file->path)) != DIFFD_LOG_NAME_PLAIN)
      continue;
    CLEANUP(freep) char *zipped = NULL;
    if (asprintf(&zipped, "%s.gz", file->path) < 0) {
      zipped = NULL;
      return no_memory(err);
    }
    const struct log_file wanted = {.path = zipped};
    const struct log_file *beside =
        bsearch(&wanted, tree->files, tree->count, sizeof *tree->files, compare_paths);
    /* Two names of one file: the other name was left out for this one. */
    if (beside != NULL && compare_keys(&beside->key, &file->key) != 0)
      leave_out(walk, file, beside, "both stand side by side");
  }
  return DIFFD_OK;
}

/* ---- inputs ---- */

static enum diffd_status open_input(void *arg, struct diffd_reader **ret, struct diffd_error *err) {
  const struct log_file *file = arg;
  if (strcmp(file->path, "-") == 0)
    return diffd_reader_from_fd(STDIN_FILENO, false, ret, err);
  /* Even of no text gzip makes a member. */
  if (file->regular && file->bytes == 0 && diffd_log_name_kind(name_of(file->path)) == DIFFD_LOG_NAME_GZIP)
    return diffd_fail(err, DIFFD_BAD_LOGS, "a .log.gz file of no bytes is cut short: fetch it again");
  CLEANUP(closep) int fd = open(file->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return diffd_fail_errno(err, errno, "opening");
  (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  enum diffd_status status = diffd_reader_from_fd(fd, true, ret, err);
  if (status == DIFFD_OK)
    fd = -1;
  return status;
}

static enum diffd_status make_inputs(struct walk *walk, struct diffd_error *err) {
  struct diffd_log_tree *tree = walk->tree;
  if (tree->count > 0)
    qsort(tree->files, tree->count, sizeof *tree->files, compare_paths);
  enum diffd_status status = leave_out_copies(walk, err);
  if (status == DIFFD_OK)
    status = leave_out_inflated(walk, err);
  if (status != DIFFD_OK)
    return status;
  tree->inputs = calloc(tree->count + 1, sizeof *tree->inputs);
  if (tree->inputs == NULL)
    return no_memory(err);
  bool known = true;
  for (size_t i = 0; i < tree->count; i++) {
    struct log_file *file = &tree->files[i];
    if (file->left_out)
      continue;
    known = known && file->regular;
    tree->bytes += file->bytes;
    tree->inputs[tree->input_count++] =
        (struct diffd_flow_input){.name = strcmp(file->path, "-") == 0 ? "standard input" : file->path,
                                  .open = open_input,
                                  .arg = file};
  }
  if (!known)
    tree->bytes = 0;
  return DIFFD_OK;
}

enum diffd_status diffd_log_tree_collect(const struct diffd_context *ctx, const char *const *paths,
                                         size_t path_count, const struct diffd_log_choice *choice,
                                         struct diffd_log_tree **ret, struct diffd_error *err) {
  struct walk walk = {.ctx = ctx, .choice = choice, .tree = calloc(1, sizeof(struct diffd_log_tree))};
  if (walk.tree == NULL)
    return no_memory(err);
  enum diffd_status status = DIFFD_OK;
  for (size_t i = 0; status == DIFFD_OK && i < path_count; i++)
    status = walk_path(&walk, paths[i], err);
  if (status == DIFFD_OK)
    status = make_inputs(&walk, err);
  while (walk.pile.count > 0)
    free(walk.pile.paths[--walk.pile.count]);
  free(walk.pile.paths);
  tdestroy(walk.seen, free);
  if (status != DIFFD_OK) {
    diffd_log_tree_destroy(walk.tree);
    return status;
  }
  *ret = walk.tree;
  return DIFFD_OK;
}

void diffd_log_tree_destroy(struct diffd_log_tree *tree) {
  if (tree == NULL)
    return;
  for (size_t i = 0; i < tree->count; i++)
    free(tree->files[i].path);
  free(tree->files);
  free(tree->inputs);
  free(tree);
}

const struct diffd_flow_input *diffd_log_tree_inputs(const struct diffd_log_tree *tree, size_t *ret_count) {
  *ret_count = tree->input_count;
  return tree->inputs;
}

uint64_t diffd_log_tree_bytes(const struct diffd_log_tree *tree) {
  return tree->bytes;
}
