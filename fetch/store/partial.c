#define _GNU_SOURCE
#include "partial.h"

#include "file.h"
#include "mem.h"
#include "owner.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = RN_BEHIND_BYTES, SMALL = 1 << 16, SPARES = 256, KEY = 32 };
/* Of a body that is still to come, and of one that is whole. */
enum { PRIVATE = 0600, READ_ONLY = 0444 };

struct rn_partials {
    char *dir;
    struct rn_owner me;
    char *mine;   /* how names of this process's files go on behind the key */
    char **names; /* of .part files, sorted: those of one key stand together */
    size_t n;
    atomic_bool made;         /* the folder is there */
    atomic_bool kept;         /* this process left some too */
    struct rn_behind *behind; /* made for the first full buffer */
    pthread_mutex_t mutex;    /* of the spares */
    unsigned char *spare[SPARES];
    size_t n_spare;
};

/* --- the folder --- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int rn_partials_open(struct rn_partials **out, const char *cache_dir, struct rn_err *err)
{
    struct rn_partials *all = rn_new(struct rn_partials);
    size_t cap = 0;
    all->dir = rn_join(cache_dir, "partial");
    pthread_mutex_init(&all->mutex, NULL);
    all->me = rn_owner_self();
    all->mine = rn_owner_name(&all->me, "");
    *out = all;
    DIR *d = opendir(all->dir); /* made when the first body needs it */
    for (struct dirent *e; d && (e = readdir(d));)
        if (rn_ends_with(e->d_name, ".part"))
            RN_PUSH(all->names, all->n, cap, rn_xdup(e->d_name));
    if (d)
        closedir(d);
    else if (errno != ENOENT)
        return rn_fail_errno(err, RN_PATH(all->dir), "cannot list");
    if (all->n)
        qsort(all->names, all->n, sizeof *all->names, by_name);
    return RN_OK;
}

void rn_partials_free(struct rn_partials *all)
{
    if (!all)
        return;
    rn_behind_free(all->behind);
    for (size_t i = 0; i < all->n; i++)
        free(all->names[i]);
    while (all->n_spare > 0)
        free(all->spare[--all->n_spare]);
    pthread_mutex_destroy(&all->mutex);
    free(all->names);
    free(all->mine);
    free(all->dir);
    free(all);
}

static bool is_old(const char *path, double older_than_s)
{
    struct stat st;
    return lstat(path, &st) == 0 && difftime(time(NULL), st.st_mtime) >= older_than_s;
}

size_t rn_partials_sweep(const char *cache_dir, double older_than_s)
{
    char *dir = rn_join(cache_dir, "partial");
    size_t removed = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        char *path = rn_join(dir, e->d_name);
        if (e->d_name[0] != '.' && rn_owner_is_gone(e->d_name, path) && is_old(path, older_than_s))
            removed += unlink(path) == 0;
        free(path);
    }
    if (d)
        closedir(d);
    free(dir);
    return removed;
}

/* --- finding --- */

bool rn_partials_hold(const struct rn_partials *all, const char *key)
{
    for (size_t i = 0; i < all->n; i++)
        if (strncmp(all->names[i], key, KEY) == 0)
            return true;
    return false;
}

/* The largest file of this key that no living process owns, claimed: it now has p's names.
 * False: there is none, or others were faster. */
static bool claim_one(const struct rn_partials *all, const char *key, struct rn_partial *p,
                      struct rn_owner *was)
{
    int64_t best_bytes = 0;
    char *best = NULL;
    for (size_t i = 0; i < all->n; i++) {
        const char *name = all->names[i];
        if (strncmp(name, key, KEY) != 0 || name[KEY] != '.')
            continue;
        char *path = rn_join(all->dir, name);
        int64_t size_bytes = rn_file_size(path);
        bool better = size_bytes > best_bytes && rn_owner_is_gone(name, path);
        if (better) {
            free(best);
            best = rn_xdup(path);
            best_bytes = size_bytes;
        }
        free(path);
    }
    if (!best)
        return false;
    bool ours = rn_owner_parse(rn_basename(best), was) && rn_io.rename(best, p->path) == 0;
    if (ours)
        rn_origin_move(best, p->path);
    free(best);
    return ours;
}

/* Digests the first bytes of the file anew. */
static bool hash_prefix(struct rn_partial *p, int64_t size_bytes)
{
    rn_sha256_restart(&p->sha);
    unsigned char *buf = rn_xalloc(BUFFER);
    int64_t done = 0;
    for (ssize_t got; done < size_bytes; done += got) {
        size_t want = size_bytes - done < BUFFER ? (size_t)(size_bytes - done) : BUFFER;
        got = pread(p->fd, buf, want, (off_t)done);
        if (got <= 0)
            break;
        rn_sha256_add(&p->sha, buf, (size_t)got);
    }
    free(buf);
    return done == size_bytes && ftruncate(p->fd, (off_t)size_bytes) == 0 &&
           lseek(p->fd, (off_t)size_bytes, SEEK_SET) == (off_t)size_bytes;
}

static void close_file(struct rn_partial *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static void forget_file(struct rn_partial *p)
{
    if (p->fd < 0 && !p->sealed)
        return;
    close_file(p);
    p->sealed = false;
    unlink(p->path);
    if (p->described)
        rn_origin_forget(p->path);
    p->described = false;
}

/* An owner elsewhere may only seem dead: it must not write into what we go on with. */
static bool make_own_copy(struct rn_partial *p)
{
    char *copy = rn_xprintf("%s.own", p->path);
    unlink(copy);
    bool good = rn_copy_bytes(p->path, copy, NULL) == RN_OK && rn_io.rename(copy, p->path) == 0;
    if (!good)
        unlink(copy);
    free(copy);
    return good;
}

/* How many of the bytes that are there may be used; the rest of what p needs to know. */
static int64_t usable(struct rn_partial *p, const struct rn_owner *was, bool proven)
{
    struct stat st;
    int64_t synced_bytes = 0;
    bool told = rn_origin_read(&p->origin, p->path, &synced_bytes);
    if (!told)
        p->origin = (struct rn_origin){.total_bytes = -1};
    if (fstat(p->fd, &st) != 0 || !S_ISREG(st.st_mode) || (!told && !proven))
        return 0;
    bool certain = proven || rn_owner_same_boot(was);
    return certain || st.st_size < synced_bytes ? (int64_t)st.st_size : synced_bytes;
}

static void go_on(struct rn_partial *p, const struct rn_owner *was, bool proven)
{
    bool alone = rn_owner_same_place(was) || make_own_copy(p);
    chmod(p->path, 0600); /* a proven one was read-only already */
    p->fd = open(p->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    p->described = true;
    int64_t size_bytes = alone && p->fd >= 0 ? usable(p, was, proven) : 0;
    if (size_bytes > 0 && hash_prefix(p, size_bytes)) {
        p->size_bytes = size_bytes;
        return;
    }
    struct rn_origin none = {.total_bytes = -1};
    rn_partial_begin(p, &none);
}

static int make_folder(struct rn_partials *all, struct rn_err *err)
{
    if (atomic_load(&all->made))
        return RN_OK;
    int rc = rn_mkdirs(all->dir, err);
    if (rc == RN_OK)
        atomic_store(&all->made, true);
    else
        rn_hint(err, "set RUNNEL_CACHE to a directory that can be written");
    return rc;
}

int rn_partial_open(struct rn_partial *p, struct rn_partials *all, const char *key, bool proven,
                    struct rn_err *err)
{
    RN_ASSERT(strlen(key) == KEY);
    struct rn_owner was = all->me;
    *p = (struct rn_partial){.path = rn_xprintf("%s/%s%s.part", all->dir, key, all->mine),
                             .all = all,
                             .origin = {.total_bytes = -1},
                             .fd = -1};
    rn_sha256_init(&p->sha);
    int rc = make_folder(all, err);
    bool look = rc == RN_OK && (atomic_load(&all->kept) || rn_partials_hold(all, key));
    if (look && (rn_exists(p->path) || claim_one(all, key, p, &was)))
        go_on(p, &was, proven);
    if (rc != RN_OK)
        rn_partial_drop(p);
    return rc;
}

/* --- filling --- */

/* Waits until nothing of this body is on its way to the file. */
static void settle(struct rn_partial *p)
{
    if (!p->drain.sha)
        return; /* nothing ever was */
    int failed = rn_behind_settle(p->all->behind, &p->drain);
    if (!p->failed)
        p->failed = failed;
}

/* Memory that was just used is the fastest to fill again. */
static unsigned char *take_spare(struct rn_partials *all)
{
    pthread_mutex_lock(&all->mutex);
    unsigned char *buf = all->n_spare > 0 ? all->spare[--all->n_spare] : NULL;
    pthread_mutex_unlock(&all->mutex);
    return buf ? buf : rn_xrealloc(NULL, SMALL, 1);
}

static void put_spare(struct rn_partials *all, unsigned char *buf)
{
    pthread_mutex_lock(&all->mutex);
    if (all->n_spare < SPARES) {
        all->spare[all->n_spare++] = buf;
        buf = NULL;
    }
    pthread_mutex_unlock(&all->mutex);
    free(buf);
}

static void free_buffer(struct rn_partial *p)
{
    if (p->buf_bytes == BUFFER)
        rn_behind_take_back(p->all->behind, p->buf);
    else if (p->buf_bytes == SMALL)
        put_spare(p->all, p->buf);
    else
        free(p->buf);
    p->buf = NULL;
    p->buf_bytes = 0;
}

void rn_partial_begin(struct rn_partial *p, const struct rn_origin *origin)
{
    settle(p);
    rn_sha256_restart(&p->sha);
    forget_file(p);
    free_buffer(p); /* the next is as large as this body needs */
    p->drain = (struct rn_drain){.fd = -1};
    p->origin = *origin;
    p->size_bytes = 0;
    p->buffered = 0;
    p->whole = false;
}

static void make_file(struct rn_partial *p, mode_t mode)
{
    p->fd = open(p->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (p->fd < 0)
        p->failed = errno;
}

static bool is_whole(const struct rn_partial *p)
{
    return p->size_bytes == p->origin.total_bytes;
}

static void write_out(struct rn_partial *p)
{
    settle(p);
    if (p->buffered)
        p->whole = (int64_t)p->buffered == p->size_bytes;
    if (!p->failed && p->fd < 0)
        make_file(p, is_whole(p) ? READ_ONLY : PRIVATE);
    if (!p->failed && p->buffered) {
        rn_sha256_add(&p->sha, p->buf, p->buffered);
        if (rn_write_all(p->fd, p->buf, p->buffered) < p->buffered)
            p->failed = errno;
    }
    p->buffered = 0;
}

/* What of a body is on disk is described there. */
static void put_out(struct rn_partial *p)
{
    if (p->fd < 0)
        p->described = rn_origin_write(&p->origin, p->path, 0);
    write_out(p);
}

/* A full buffer goes to the file while the wire fills another one: on a fast line, digest and disk
 * take as long as the wire does. */
static void hand_over(struct rn_partial *p)
{
    if (p->fd < 0) {
        p->described = rn_origin_write(&p->origin, p->path, 0);
        make_file(p, PRIVATE);
    }
    p->buffered = 0;
    if (p->failed)
        return;
    if (!p->drain.sha) { /* once: threads read it from now on */
        p->drain.fd = p->fd;
        p->drain.sha = &p->sha;
    }
    p->failed = rn_behind_put(p->all->behind, &p->drain, p->buf);
    p->buf = rn_behind_buffer(p->all->behind);
}

/* No larger than the body, where that is known: most bodies of a large set are small. */
static void make_buffer(struct rn_partial *p)
{
    int64_t left = p->origin.total_bytes - p->size_bytes;
    p->buf_bytes = left <= 0 || left > BUFFER ? BUFFER : left > SMALL ? (size_t)left : SMALL;
    if (p->buf_bytes < BUFFER) {
        p->buf = p->buf_bytes == SMALL ? take_spare(p->all) : rn_xrealloc(NULL, p->buf_bytes, 1);
        return;
    }
    if (!p->all->behind)
        p->all->behind = rn_behind_new();
    p->buf = rn_behind_buffer(p->all->behind);
}

void rn_partial_add(struct rn_partial *p, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    if (!p->buf)
        make_buffer(p);
    p->size_bytes += (int64_t)n;
    while (n > 0 && !p->failed) {
        if (p->buffered == BUFFER)
            hand_over(p);
        else if (p->buffered == p->buf_bytes)
            put_out(p); /* more than the server said there would be */
        size_t room = p->buf_bytes - p->buffered, take = n < room ? n : room;
        memcpy(p->buf + p->buffered, from, take);
        p->whole = false;
        p->buffered += take;
        from += take;
        n -= take;
    }
}

bool rn_partial_is_small(const struct rn_partial *p)
{
    return p->fd < 0 && !p->sealed && p->buf_bytes == SMALL;
}

int rn_partial_flush(struct rn_partial *p, char hex[RN_HEX], struct rn_err *err)
{
    write_out(p);
    if (p->failed) {
        errno = p->failed;
        return rn_fail_errno(err, RN_PATH(p->path), "cannot write");
    }
    if (hex)
        rn_sha256_now(&p->sha, hex);
    return RN_OK;
}

const void *rn_partial_bytes(const struct rn_partial *p)
{
    return p->whole && !p->failed ? p->buf : NULL;
}

int rn_partial_seal(struct rn_partial *p, bool sync, struct rn_err *err)
{
    RN_ASSERT(p->fd >= 0 && p->buffered == 0);
    struct stat st;
    int rc = RN_OK;
    bool sealed = fstat(p->fd, &st) == 0 && (st.st_mode & 0777) == READ_ONLY;
    if (!sealed && fchmod(p->fd, READ_ONLY) != 0)
        rc = rn_fail_errno(err, RN_PATH(p->path), "cannot make read-only");
    else if (sync && rn_io.fsync(p->fd) != 0)
        rc = rn_fail_errno(err, RN_PATH(p->path), "cannot sync");
    close_file(p);
    free_buffer(p);
    p->sealed = true;
    return rc;
}

int rn_partial_cut(struct rn_partial *p, int64_t size_bytes, struct rn_err *err)
{
    RN_TRY(rn_partial_flush(p, NULL, err));
    RN_ASSERT(size_bytes <= p->size_bytes);
    p->whole = false;
    if (!hash_prefix(p, size_bytes))
        return rn_fail_errno(err, RN_PATH(p->path), "cannot read again what was received");
    p->size_bytes = size_bytes;
    return RN_OK;
}

/* --- leaving --- */

static void release(struct rn_partial *p)
{
    settle(p);
    close_file(p);
    rn_sha256_drop(&p->sha);
    free_buffer(p);
    free(p->path);
    *p = (struct rn_partial){.fd = -1};
}

void rn_partial_keep(struct rn_partial *p)
{
    settle(p);
    if (p->path && p->size_bytes > 0 && (p->fd >= 0 || p->buffered || p->sealed)) {
        int64_t written = p->size_bytes - (int64_t)p->buffered;
        if (!p->sealed)
            write_out(p);
        bool synced = !p->failed && rn_sync(p->path, rn_io.fsync, NULL) == RN_OK;
        if (p->fd >= 0 || p->sealed)
            rn_origin_write(&p->origin, p->path, synced ? p->size_bytes : p->failed ? 0 : written);
        atomic_store(&p->all->kept, true);
    }
    release(p);
}

void rn_partial_drop(struct rn_partial *p)
{
    settle(p);
    if (p->path)
        forget_file(p);
    release(p);
}

void rn_partial_leave(struct rn_partial *p)
{
    if (p->path && p->described)
        rn_origin_forget(p->path);
    release(p);
}
