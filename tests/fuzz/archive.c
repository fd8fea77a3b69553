/* Whatever bytes claim to be an archive: what is refused leaves nothing; what the check accepts
 * unpacks below its folder, into regular files of at most the allowed size, and nothing else. */
#include "file.h"
#include "mem.h"
#include "path.h"
#include "scratch.h"
#include "unpack.h"

#include <sys/stat.h>

enum { MOST_BYTES = 1 << 20 };

struct census {
    const char *dir;
    int64_t bytes;
};

static int count(void *ctx, const char *relative, struct rn_err *err)
{
    struct census *c = ctx;
    struct stat st;
    char *path = rn_join(c->dir, relative);
    (void)err;
    RN_ASSERT(lstat(path, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 07111));
    char *bounded = rn_xprintf("/%s/", relative);
    RN_ASSERT(!strstr(bounded, "/../"));
    free(bounded);
    c->bytes += (int64_t)st.st_size;
    free(path);
    return RN_OK;
}

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct rn_unpack u = {.strip = n ? bytes[n - 1] % 2 : 0, .max_bytes = MOST_BYTES};
    struct rn_err err = {0};
    const char *path = scratch_put(bytes, n);
    char out[96], member[96];
    rn_io.fsync = no_sync;
    snprintf(out, sizeof out, "%s/out", scratch_folder());
    snprintf(member, sizeof member, "%s/member", scratch_folder());
    int checked = rn_archive_check(path, NULL, &u, &err);
    RN_ASSERT(checked == RN_OK || (checked == RN_ECORRUPT && err.msg[0]));
    int unpacked = rn_archive_unpack(path, out, &u, NULL);
    RN_ASSERT(unpacked == checked);
    RN_ASSERT(rn_exists(out) == (unpacked == RN_OK));
    if (unpacked == RN_OK) {
        struct census c = {out, 0};
        RN_ASSERT(rn_walk(out, count, &c, NULL) == RN_OK && c.bytes <= MOST_BYTES);
        rn_remove_tree(out, NULL);
    }
    char hex[RN_HEX];
    int64_t size_bytes;
    int rc = rn_zip_member(path, "a.jsonl", member, MOST_BYTES, hex, &size_bytes, NULL);
    RN_ASSERT(rn_exists(member) == (rc == RN_OK));
    unlink(member);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
