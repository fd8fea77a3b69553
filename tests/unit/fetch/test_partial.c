/* Bytes that outlive their process, and who may go on with them. */
#include "../scratch.h"
#include "partial.h"

#include "file.h"
#include "mem.h"
#include "owner.h"
#include "path.h"
#include "process.h"
#include "str.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char key[] = "0123456789abcdef0123456789abcdef";
static const struct rn_origin origin = {
    .url_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    .etag = "\"v1\"",
    .total_bytes = 3000000};
static char *folder;
static unsigned char *text;
enum { TEXT = 3000000, HALF = 2000000 };

static void up(void)
{
    scratch_up();
    folder = rn_join(dir, "partial");
    text = rn_xalloc(TEXT);
    for (size_t i = 0; i < TEXT; i++)
        text[i] = (unsigned char)(i * 31 >> 5);
}

static void down(void)
{
    scratch_down();
    free(folder);
    free(text);
}

TestSuite(partial, .init = up, .fini = down, .timeout = 300);

static struct rn_partials *open_all(void)
{
    struct rn_partials *all;
    cr_assert_eq(rn_partials_open(&all, dir, NULL), RN_OK);
    return all;
}

/* What a child process that is killed leaves after HALF bytes. */
static void leave_half(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct rn_partial p;
        struct rn_partials *all = open_all();
        rn_partial_open(&p, all, key, false, NULL);
        rn_partial_begin(&p, &origin);
        rn_partial_add(&p, text, HALF);
        rn_partial_flush(&p, NULL, NULL);
        _exit(0);
    }
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

static char *only_file(const char *suffix)
{
    char *found = NULL, *cmd = rn_xprintf("ls %s/*%s 2>/dev/null", folder, suffix);
    FILE *p = popen(cmd, "r");
    char line[512];
    while (fgets(line, sizeof line, p)) {
        cr_assert_null(found, "two files where one should be");
        line[strcspn(line, "\n")] = '\0';
        found = rn_xdup(line);
    }
    pclose(p);
    free(cmd);
    return found;
}

/* Renames the orphan as if somebody else had left it. */
static void disown(const char *from, const char *to)
{
    const char *suffixes[] = {".part", ".meta"};
    for (int i = 0; i < 2; i++) {
        char *old = only_file(suffixes[i]);
        cr_assert(old);
        char *at = strstr(old, from);
        cr_assert(at, "%s has no %s", old, from);
        char *name = rn_xprintf("%.*s%s%s", (int)(at - old), old, to, at + strlen(from));
        cr_assert_eq(rename(old, name), 0);
        free(name);
        free(old);
    }
}

static void finish_and_compare(struct rn_partial *p)
{
    char hex[RN_HEX], whole[RN_HEX];
    rn_partial_add(p, text + p->size_bytes, TEXT - (size_t)p->size_bytes);
    cr_assert_eq(rn_partial_flush(p, hex, NULL), RN_OK);
    rn_sha256_hex(text, TEXT, whole);
    cr_assert_str_eq(hex, whole);
    cr_assert_eq(rn_sha256_file(p->path, hex, NULL, NULL), RN_OK);
    cr_assert_str_eq(hex, whole, "the digest is of other bytes than the file's");
}

Test(partial, a_dead_owners_bytes_are_claimed_by_one_and_digested_again)
{
    int go[2], status;
    char c;
    leave_half();
    cr_assert_eq(pipe(go), 0);
    pid_t child = fork(); /* has seen the same folder and comes too late */
    if (child == 0) {
        struct rn_partials *seen = open_all();
        struct rn_partial late;
        bool saw = rn_partials_hold(seen, key) && read(go[0], &c, 1) == 1;
        rn_partial_open(&late, seen, key, false, NULL);
        _exit(saw && late.size_bytes == 0 ? 0 : 1);
    }
    usleep(100000);
    struct rn_partials *all = open_all();
    struct rn_partial p;
    cr_assert_eq(rn_partial_open(&p, all, key, false, NULL), RN_OK);
    cr_assert_eq(write(go[1], "", 1), 1);
    cr_assert_eq(p.size_bytes, HALF);
    cr_assert_str_eq(p.origin.etag, "\"v1\"");
    cr_assert_eq(p.origin.total_bytes, TEXT);
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0, "two owners of one file");
    finish_and_compare(&p);
    rn_partial_drop(&p);
    cr_assert_null(only_file(".part"));
    cr_assert_null(only_file(".meta"));
    rn_partials_free(all);
}

Test(partial, a_living_owners_bytes_are_left_alone)
{
    struct rn_partials *all = open_all();
    struct rn_partial mine, theirs;
    rn_partial_open(&mine, all, key, false, NULL);
    rn_partial_begin(&mine, &origin);
    rn_partial_add(&mine, text, HALF);
    rn_partial_flush(&mine, NULL, NULL);
    enum { OTHER_START = 77 };
    int64_t start = rn_process_start(getpid());
    pid_t child = fork();
    if (child == 0) {
        if (rn_process_start(getppid()) != start)
            _exit(OTHER_START);
        struct rn_partials *later = open_all();
        rn_partial_open(&theirs, later, key, true, NULL);
        bool alone = theirs.size_bytes == 0 && rn_partials_sweep(dir, 0) == 0;
        rn_partial_drop(&theirs);
        _exit(alone ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == OTHER_START)
        cr_skip_test("SKIP: an emulator tells a process another start than it tells others");
    cr_assert_eq(status, 0);
    finish_and_compare(&mine);
    rn_partial_drop(&mine);
    rn_partials_free(all);
}

Test(partial, a_process_number_used_again_is_another_owner)
{
    struct rn_owner me = rn_owner_self(), other = me;
    other.start++;
    char *ours = rn_owner_name(&me, key), *gone = rn_owner_name(&other, key);
    char *our_name = rn_xprintf("%s.part", ours), *gone_name = rn_xprintf("%s.part", gone);
    cr_assert(!rn_owner_is_gone(our_name, "/dev/null"));
    cr_assert(rn_owner_is_gone(gone_name, "/dev/null"));
    cr_assert(!rn_owner_is_gone("notes.txt", "/dev/null"), "not ours to judge");
    free(gone_name);
    free(our_name);
    free(gone);
    free(ours);
}

Test(partial, after_a_power_cut_only_synced_bytes_count_unless_a_digest_follows)
{
    struct rn_owner me = rn_owner_self();
    char boot[16];
    snprintf(boot, sizeof boot, ".%s-", me.boot);
    leave_half();
    disown(boot, ".00000000-");
    struct rn_partials *all = open_all();
    struct rn_partial p;
    cr_assert_eq(rn_partial_open(&p, all, key, true, NULL), RN_OK);
    cr_assert_eq(p.size_bytes, HALF, "a digest will tell");
    rn_partial_drop(&p);
    rn_partials_free(all);
    leave_half();
    disown(boot, ".00000000-");
    all = open_all();
    cr_assert_eq(rn_partial_open(&p, all, key, false, NULL), RN_OK);
    cr_assert_eq(p.size_bytes, 0, "they were never synced");
    rn_partial_drop(&p);
    rn_partials_free(all);
}

Test(partial, what_another_machine_left_is_copied_when_it_is_old)
{
    struct rn_owner me = rn_owner_self();
    leave_half();
    disown(me.place, "elsewhere-4026531836");
    struct rn_partials *all = open_all();
    struct rn_partial p;
    rn_partial_open(&p, all, key, true, NULL);
    cr_assert_eq(p.size_bytes, 0, "it may be at work");
    rn_partial_drop(&p);
    rn_partials_free(all);
    char *path = only_file(".part");
    struct timespec old[2] = {{time(NULL) - 3600, 0}, {time(NULL) - 3600, 0}};
    struct stat before, after;
    utimensat(AT_FDCWD, path, old, 0);
    stat(path, &before);
    free(path);
    all = open_all();
    rn_partial_open(&p, all, key, true, NULL);
    cr_assert_eq(p.size_bytes, HALF);
    stat(p.path, &after);
    cr_assert_neq(before.st_ino, after.st_ino, "its owner could still write there");
    finish_and_compare(&p);
    rn_partial_drop(&p);
    rn_partials_free(all);
}

Test(partial, bytes_of_an_unknown_origin_are_worth_nothing_without_a_digest)
{
    static const char *const damage[] = {"", "runnel-partial 1\norigin x\n", "garbage\n"};
    for (size_t i = 0; i < RN_COUNT(damage); i++) {
        leave_half();
        char *meta = only_file(".meta");
        FILE *f = fopen(meta, "w");
        fputs(damage[i], f);
        fclose(f);
        struct rn_partials *all = open_all();
        struct rn_partial p;
        rn_partial_open(&p, all, key, false, NULL);
        cr_assert_eq(p.size_bytes, 0, "damage %zu", i);
        rn_partial_drop(&p);
        rn_partials_free(all);
        free(meta);
    }
}

Test(partial, a_cut_digests_what_is_left)
{
    struct rn_partials *all = open_all();
    struct rn_partial p;
    rn_partial_open(&p, all, key, false, NULL);
    rn_partial_begin(&p, &origin);
    rn_partial_add(&p, text, HALF);
    cr_assert_eq(rn_partial_cut(&p, HALF - 100000, NULL), RN_OK);
    cr_assert_eq(p.size_bytes, HALF - 100000);
    finish_and_compare(&p);
    rn_partial_drop(&p);
    rn_partials_free(all);
}

Test(partial, orphans_are_swept_and_nothing_else)
{
    leave_half();
    char *note = rn_join(folder, "notes.txt");
    rn_file_write(note, "mine", 4, NULL);
    cr_assert_eq(rn_partials_sweep(dir, 3600), 0, "too young");
    cr_assert_eq(rn_partials_sweep(dir, 0), 2, "the bytes and what they belong to");
    cr_assert(rn_exists(note));
    free(note);
}
