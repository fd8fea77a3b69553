/* Files appear under their name only when whole: each write, fsync and rename fails in turn. */
#include "../scratch.h"
#include "file.h"
#include "mem.h"
#include "path.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls_left; /* the call that finds 0 fails */
static int wanted_errno = ENOSPC;

static bool fails_now(void)
{
    if (calls_left-- != 0)
        return false;
    errno = wanted_errno;
    return true;
}

static ssize_t counted_write(int fd, const void *bytes, size_t n)
{
    return fails_now() ? -1 : write(fd, bytes, n);
}

static int counted_fsync(int fd)
{
    return fails_now() ? -1 : fsync(fd);
}

static int counted_rename(const char *from, const char *to)
{
    return fails_now() ? -1 : rename(from, to);
}

static ssize_t short_write(int fd, const void *bytes, size_t n)
{
    return write(fd, bytes, n < 7 ? n : 7);
}

static void leave(void)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_remove_tree(dir, &err), RN_OK, "%s", err.msg);
    cr_assert_not(rn_exists(dir));
}

static int count_file(void *ctx, const char *relative, struct rn_err *err)
{
    (void)relative;
    (void)err;
    ++*(int *)ctx;
    return RN_OK;
}

static int files_in(const char *root)
{
    int n = 0;
    struct rn_err err = {0};
    cr_assert_eq(rn_walk(root, count_file, &n, &err), RN_OK, "%s", err.msg);
    return n;
}

static int write_big(const char *path, struct rn_err *err)
{
    enum { SIZE = 600000 }; /* more than two buffers */
    char *bytes = rn_xalloc(SIZE);
    int rc = rn_file_write(path, bytes, SIZE, err);
    free(bytes);
    return rc;
}

Test(file, a_name_appears_only_when_the_file_is_whole, .init = scratch_up, .fini = leave)
{
    char *path = rn_join(dir, "out.bin");
    rn_io = (struct rn_io){counted_write, counted_fsync, counted_rename};
    int n = 0;
    for (bool ok = false; !ok; n++) {
        struct rn_err err = {0};
        calls_left = n;
        ok = write_big(path, &err) == RN_OK;
        if (ok)
            break;
        cr_assert_eq(err.code, RN_ENOSPACE, "call %d: %s", n, err.msg);
        bool renamed = calls_left < 0 && rn_exists(path); /* only the directory was not synced */
        cr_assert(!renamed || rn_file_size(path) == 600000, "call %d left half a file", n);
        cr_assert_eq(files_in(dir), renamed ? 1 : 0, "call %d left something behind", n);
        unlink(path);
    }
    cr_assert_geq(n, 6, "3 writes, fsync, rename and fsync of the directory");
    cr_assert_eq(rn_file_size(path), 600000);
    free(path);
}

Test(file, an_old_file_stays_when_the_new_one_fails, .init = scratch_up, .fini = leave)
{
    char *path = rn_join(dir, "f"), *text;
    struct rn_err err = {0};
    cr_assert_eq(rn_file_write(path, "old", 3, &err), RN_OK);
    rn_io.rename = counted_rename;
    calls_left = 0;
    wanted_errno = EIO;
    cr_assert_eq(rn_file_write(path, "new", 3, &err), RN_EIO);
    rn_io.rename = rename;
    struct rn_err none = {0};
    cr_assert_eq(rn_file_read(path, 100, &text, NULL, &none), RN_OK);
    cr_assert_str_eq(text, "old");
    free(text);
    free(path);
}

Test(file, short_writes_are_continued, .init = scratch_up, .fini = leave)
{
    char *path = rn_join(dir, "f"), *text, hex[RN_HEX], expected[RN_HEX];
    struct rn_writer w;
    struct rn_err err = {0};
    size_t n;
    rn_io.write = short_write;
    cr_assert_eq(rn_writer_open(&w, path, &err), RN_OK);
    for (int i = 0; i < 100; i++)
        rn_writer_printf(&w, "line %d\n", i);
    cr_assert_eq(rn_writer_commit(&w, hex, &err), RN_OK, "%s", err.msg);
    rn_writer_abort(&w); /* safe after commit */
    cr_assert_eq(rn_file_read(path, 10000, &text, &n, &err), RN_OK);
    rn_sha256_hex(text, n, expected);
    cr_assert_str_eq(hex, expected);
    free(text);
    free(path);
}

static char synced[256]; /* names of the directories that were synced, in order */
static int noted_fsync(int fd)
{
    char link[64], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    size_t at = strlen(synced);
    snprintf(synced + at, sizeof synced - at, "%s ", rn_basename(path));
    return fails_now() ? -1 : 0;
}

Test(file, lasting_directories_have_their_names_on_disk, .init = scratch_up, .fini = leave)
{
    struct rn_err err = {0};
    char expected[128];
    cr_assert_eq(chdir(dir), 0);
    rn_io.fsync = noted_fsync;
    calls_left = -1;
    cr_assert_eq(rn_mkdirs_lasting("a/b/c", &err), RN_OK);
    snprintf(expected, sizeof expected, "%s a b ", rn_basename(dir));
    cr_expect_str_eq(synced, expected);
    cr_assert_eq(rn_mkdirs_lasting("a/b/c", &err), RN_OK);
    cr_expect_str_eq(synced, expected, "what was there costs nothing");
    calls_left = 1;
    cr_assert_neq(rn_mkdirs_lasting("a/x/y", &err), RN_OK);
    cr_expect(rn_exists("a/x") && !rn_exists("a/x/y"), "what may not last is made anew");
}

Test(file, reading_has_a_cap_and_wants_a_file, .init = scratch_up, .fini = leave)
{
    char *path = rn_join(dir, "f"), *text;
    struct rn_err write_err = {0}, large = {0}, folder = {0}, none = {0}, pipe = {0};
    cr_assert_eq(rn_file_write(path, "12345", 5, &write_err), RN_OK);
    cr_assert_eq(rn_file_read(path, 4, &text, NULL, &large), RN_ECORRUPT);
    cr_assert_null(text);
    cr_assert_eq(rn_file_read(dir, 100, &text, NULL, &folder), RN_EIO);
    cr_assert_eq(rn_file_read("/tmp/runnel/no/such", 100, &text, NULL, &none), RN_EIO);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(rn_file_read(path, 100, &text, NULL, &pipe), RN_EIO, "nobody writes there");
    free(path);
}

Test(file, the_head_of_a_file, .init = scratch_up, .fini = leave)
{
    char *path = rn_join(dir, "f"), head[4];
    struct rn_err err = {0};
    cr_assert_eq(rn_file_head(path, head, sizeof head), 0);
    cr_assert_eq(rn_file_write(path, "abc", 3, &err), RN_OK);
    cr_assert_eq(rn_file_head(path, head, 2), 2);
    cr_assert_eq(memcmp(head, "ab", 2), 0);
    cr_assert_eq(rn_file_head(path, head, sizeof head), 3);
    free(path);
}

Test(file, trees_are_removed_without_following_links, .init = scratch_up, .fini = leave)
{
    struct rn_err err = {0};
    char *kept = rn_join(dir, "kept"), *tree = rn_join(dir, "tree/a/b"),
         *top = rn_join(dir, "tree");
    char *link = rn_join(dir, "tree/link");
    cr_assert_eq(rn_mkdirs(tree, &err), RN_OK);
    cr_assert_eq(rn_mkdirs(tree, &err), RN_OK, "there already is fine");
    cr_assert_eq(rn_file_write(kept, "x", 1, &err), RN_OK);
    cr_assert_eq(symlink(dir, link), 0);
    cr_assert_eq(rn_remove_tree(top, &err), RN_OK);
    cr_assert_not(rn_exists(top));
    cr_assert(rn_exists(kept));
    cr_assert_eq(rn_remove_tree(top, &err), RN_OK, "absent is fine");
    free(kept);
    free(tree);
    free(top);
    free(link);
}

Test(file, copies_are_whole, .init = scratch_up, .fini = leave)
{
    struct rn_err err = {0};
    char *from = rn_join(dir, "from"), *to = rn_join(dir, "to"), *text;
    cr_assert_eq(rn_file_write(from, "abc", 3, &err), RN_OK);
    cr_assert_eq(rn_copy_file(from, to, &err), RN_OK);
    cr_assert_eq(rn_copy_file(from, to, &err), RN_OK, "over itself");
    cr_assert_eq(rn_file_read(to, 10, &text, NULL, &err), RN_OK);
    cr_assert_str_eq(text, "abc");
    cr_assert_eq(files_in(dir), 2);
    free(from);
    free(to);
    free(text);
}

Test(file, what_cannot_be_linked_is_copied, .init = scratch_up, .fini = leave)
{
    struct rn_err err = {0};
    char *to = rn_join(dir, "to"), *nothing = rn_join("/proc", "not-there"), head[100], *text;
    size_t n = rn_file_head("/proc/version", head, sizeof head);
    cr_assert_gt(n, 0);
    cr_assert_eq(rn_copy_file("/proc/version", to, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_file_read(to, 1000, &text, NULL, &err), RN_OK);
    cr_expect_eq(strncmp(text, head, n), 0);
    cr_expect_eq(rn_copy_file(nothing, to, &err), RN_EIO);
    cr_expect_eq(rn_copy_file("/proc", to, NULL), RN_EIO, "a folder");
    cr_expect_eq(files_in(dir), 1);
    free(text);
    free(nothing);
    free(to);
}

/* --- syncing trees --- */

static int n_fsyncs, n_syncfs;

static int tallied_fsync(int fd)
{
    n_fsyncs++;
    return fsync(fd);
}

static int tallied_syncfs(int fd)
{
    n_syncfs++;
    return fd < 0 ? -1 : 0;
}

static int refused_syncfs(int fd)
{
    (void)fd;
    errno = EIO;
    return -1;
}

static void make_tree(const char *folder, int n)
{
    char path[160];
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%d", folder, i);
        cr_assert_eq(rn_file_write(path, "x", 1, NULL), RN_OK);
    }
}

Test(file, a_tree_of_few_files_is_synced_each_and_a_large_folder_at_once, .init = scratch_up,
     .fini = leave)
{
    char few[128], many[128];
    snprintf(few, sizeof few, "%s/tree/few", dir);
    snprintf(many, sizeof many, "%s/tree/many", dir);
    cr_assert(rn_mkdirs(few, NULL) == RN_OK && rn_mkdirs(many, NULL) == RN_OK);
    make_tree(few, 3);
    make_tree(many, 100);
    struct rn_io real = rn_io;
    rn_io.fsync = tallied_fsync;
    rn_io.syncfs = tallied_syncfs;
    many[strlen(many) - strlen("/many")] = '\0'; /* both */
    cr_assert_eq(rn_fsync_tree(many, NULL), RN_OK);
    cr_expect_eq(n_syncfs, 1, "for the large folder");
    cr_expect_eq(n_fsyncs, 3 + 1 + 1, "three files, their folder, the one above");
    struct rn_err err = {0};
    rn_io.syncfs = refused_syncfs;
    cr_expect_eq(rn_fsync_tree(many, &err), RN_EIO);
    rn_io = real;
}

Test(file, what_can_be_done_without_is_not_synced, .init = scratch_up, .fini = leave)
{
    char path[128];
    struct rn_writer w;
    snprintf(path, sizeof path, "%s/memo", dir);
    struct rn_io real = rn_io;
    n_fsyncs = 0;
    rn_io.fsync = tallied_fsync;
    cr_assert_eq(rn_writer_open(&w, path, NULL), RN_OK);
    rn_writer_add(&w, "x", 1);
    cr_assert_eq(rn_writer_replace(&w, NULL), RN_OK);
    cr_expect_eq(rn_file_size(path), 1);
    cr_assert_eq(rn_file_replace(path, "xy", 2, NULL), RN_OK);
    cr_expect_eq(rn_file_size(path), 2);
    rn_io = real;
    cr_expect_eq(n_fsyncs, 0);
}
