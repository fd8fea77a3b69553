#define _GNU_SOURCE
#include "file.h"

#include "mem.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Not all file systems know the flag; a link is as atomic and does not replace either. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    return link(from, to) == 0 ? unlink(from) : -1;
}

struct rn_io rn_io = {
    .write = write, .fsync = fsync, .syncfs = syncfs, .rename = rename, .rename_new = rename_new};

enum { BUFFER = 1 << 18 };

bool rn_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool rn_absent(const char *path)
{
    return !rn_exists(path) && (errno == ENOENT || errno == ENOTDIR);
}

int64_t rn_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

int rn_sync(const char *path, int (*sync)(int fd), struct rn_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    int rc = sync(fd) == 0 ? RN_OK : rn_fail_errno(err, RN_PATH(path), "cannot sync");
    close(fd);
    return rc;
}

static int fsync_parent(const char *path, struct rn_err *err)
{
    char *dir = rn_dirname(path);
    int rc = rn_sync(dir, rn_io.fsync, err);
    free(dir);
    return rc;
}

/* A name that might not last does not stay: the next attempt makes and syncs it. */
static int make_dir(const char *path, bool lasting, struct rn_err *err)
{
    if (mkdir(path, 0777) != 0)
        return errno == EEXIST ? RN_OK : rn_fail_errno(err, RN_PATH(path), "cannot make directory");
    int rc = lasting ? fsync_parent(path, err) : RN_OK;
    if (rc != RN_OK)
        rmdir(path);
    return rc;
}

static int make_dirs(const char *path, bool lasting, struct rn_err *err)
{
    char *p = rn_xdup(path);
    int rc = RN_OK;
    for (char *s = p + 1; rc == RN_OK; s++) {
        if (*s != '/' && *s != '\0')
            continue;
        char c = *s;
        *s = '\0';
        rc = make_dir(p, lasting, err);
        *s = c;
        if (c == '\0')
            break;
    }
    free(p);
    return rc;
}

int rn_mkdirs(const char *path, struct rn_err *err)
{
    return make_dirs(path, false, err);
}

int rn_mkdirs_lasting(const char *path, struct rn_err *err)
{
    return make_dirs(path, true, err);
}

int rn_rename(const char *from, const char *to, struct rn_err *err)
{
    if (rn_io.rename(from, to) != 0)
        return rn_fail_errno(err, RN_PATH(to), "cannot rename %s to this name", from);
    return fsync_parent(to, err);
}

/* --- writer --- */

int rn_writer_open(struct rn_writer *w, const char *path, struct rn_err *err)
{
    *w = (struct rn_writer){.path = rn_xdup(path), .fd = -1};
    char *dir = rn_dirname(path);
    w->tmp = rn_xprintf("%s/.%s.%ld.tmp", dir, rn_basename(path), (long)getpid());
    free(dir);
    w->fd = open(w->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w->fd < 0) {
        int rc = rn_fail_errno(err, RN_PATH(path), "cannot create");
        rn_writer_abort(w);
        return rc;
    }
    rn_sha256_init(&w->sha);
    return RN_OK;
}

size_t rn_write_all(int fd, const void *bytes, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t got = rn_io.write(fd, (const char *)bytes + done, n - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

static void flush(struct rn_writer *w)
{
    if (!w->failed && rn_write_all(w->fd, w->buf, w->buffered) < w->buffered)
        w->failed = errno;
    w->buffered = 0;
}

void rn_writer_add(struct rn_writer *w, const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    if (w->sha.ctx)
        rn_sha256_add(&w->sha, p, n);
    w->size_bytes += n;
    if (!w->buf)
        w->buf = rn_xrealloc(NULL, BUFFER, 1);
    while (n > 0) {
        size_t room = BUFFER - w->buffered, take = n < room ? n : room;
        memcpy(w->buf + w->buffered, p, take);
        w->buffered += take;
        p += take;
        n -= take;
        if (w->buffered == BUFFER)
            flush(w);
    }
}

void rn_writer_printf(struct rn_writer *w, const char *fmt, ...)
{
    char small[512];
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, again);
    va_end(again);
    RN_ASSERT(n >= 0);
    if ((size_t)n < sizeof small) {
        rn_writer_add(w, small, (size_t)n);
    } else {
        char *big = rn_xalloc((size_t)n + 1);
        vsnprintf(big, (size_t)n + 1, fmt, ap);
        rn_writer_add(w, big, (size_t)n);
        free(big);
    }
    va_end(ap);
}

static int give_name(struct rn_writer *w, bool lasting, struct rn_err *err)
{
    if (lasting)
        return rn_rename(w->tmp, w->path, err);
    return rn_io.rename(w->tmp, w->path) == 0
               ? RN_OK
               : rn_fail_errno(err, RN_PATH(w->path), "cannot rename %s to this name", w->tmp);
}

static int commit(struct rn_writer *w, bool lasting, struct rn_err *err)
{
    flush(w);
    if (lasting && !w->failed && rn_io.fsync(w->fd) != 0)
        w->failed = errno;
    if (w->fd >= 0 && close(w->fd) != 0 && !w->failed)
        w->failed = errno;
    w->fd = -1;
    int rc = RN_OK;
    if (w->failed) {
        errno = w->failed;
        rc = rn_fail_errno(err, RN_PATH(w->path), "cannot write");
    } else {
        rc = give_name(w, lasting, err);
        if (rc == RN_OK) {
            free(w->tmp);
            w->tmp = NULL;
        }
    }
    rn_writer_abort(w);
    return rc;
}

int rn_writer_commit(struct rn_writer *w, char hex[RN_HEX], struct rn_err *err)
{
    if (hex)
        rn_sha256_done(&w->sha, hex);
    return commit(w, true, err);
}

int rn_writer_replace(struct rn_writer *w, struct rn_err *err)
{
    return commit(w, false, err);
}

void rn_writer_abort(struct rn_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    rn_sha256_drop(&w->sha);
    if (w->tmp)
        unlink(w->tmp);
    free(w->tmp);
    free(w->path);
    free(w->buf);
    *w = (struct rn_writer){.fd = -1};
}

static int write_whole(const char *path, const void *bytes, size_t n, bool lasting,
                       struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    rn_sha256_drop(&w.sha); /* nobody asks */
    rn_writer_add(&w, bytes, n);
    return commit(&w, lasting, err);
}

int rn_file_write(const char *path, const void *bytes, size_t n, struct rn_err *err)
{
    return write_whole(path, bytes, n, true, err);
}

int rn_file_replace(const char *path, const void *bytes, size_t n, struct rn_err *err)
{
    return write_whole(path, bytes, n, false, err);
}

/* --- reading --- */

/* A signal that comes meanwhile is no error. */
static ssize_t read_some(int fd, void *to, size_t n)
{
    ssize_t got;
    do
        got = read(fd, to, n);
    while (got < 0 && errno == EINTR);
    return got;
}

static int find_size(int fd, const char *path, size_t cap_bytes, size_t *size, struct rn_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot read");
    if (!S_ISREG(st.st_mode))
        return rn_fail(err, RN_EIO, RN_PATH(path), "not a regular file");
    if ((uint64_t)st.st_size > cap_bytes)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%lld bytes, expected at most %zu",
                       (long long)st.st_size, cap_bytes);
    *size = (size_t)st.st_size;
    return RN_OK;
}

static int read_all(int fd, const char *path, char *to, size_t size, struct rn_err *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = read_some(fd, to + done, size - done);
        if (got < 0)
            return rn_fail_errno(err, RN_PATH(path), "cannot read");
        if (got == 0)
            return rn_fail(err, RN_EIO, RN_PATH(path), "ended after %zu of %zu bytes", done, size);
        done += (size_t)got;
    }
    return RN_OK;
}

int rn_file_read(const char *path, size_t cap_bytes, char **out, size_t *n, struct rn_err *err)
{
    void *buf = NULL;
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for its writer */
    int rc = fd < 0 ? rn_fail_errno(err, RN_PATH(path), "cannot open") : RN_OK;
    *out = NULL;
    RN_CHECK(rc);
    RN_CHECK(rc = find_size(fd, path, cap_bytes, &size, err));
    RN_CHECK(rc = rn_try_alloc(&buf, size + 1, 1, path, err));
    RN_CHECK(rc = read_all(fd, path, buf, size, err));
    *out = buf;
    buf = NULL;
    if (n)
        *n = size;
done:
    free(buf);
    if (fd >= 0)
        close(fd);
    return rc;
}

size_t rn_file_head(const char *path, void *head, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    for (ssize_t got = 1; fd >= 0 && n < cap && got > 0; n += got > 0 ? (size_t)got : 0)
        got = read_some(fd, (char *)head + n, cap - n);
    if (fd >= 0)
        close(fd);
    return n;
}

size_t rn_file_tail(const char *path, void *tail, size_t cap)
{
    FILE *f = fopen(path, "rb");
    off_t size = f && fseeko(f, 0, SEEK_END) == 0 ? ftello(f) : 0;
    off_t from = size > (off_t)cap ? size - (off_t)cap : 0;
    size_t n = size > 0 && fseeko(f, from, SEEK_SET) == 0 ? fread(tail, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return n;
}

/* Reads `in` to its end into `out`. */
static int pour(int in, int out, const char *from, const char *to, struct rn_err *err)
{
    unsigned char *buf = rn_xalloc(BUFFER);
    ssize_t got;
    int rc = RN_OK;
    while (rc == RN_OK && (got = read_some(in, buf, BUFFER)) != 0) {
        if (got < 0)
            rc = rn_fail_errno(err, RN_PATH(from), "cannot read");
        else if (rn_write_all(out, buf, (size_t)got) < (size_t)got)
            rc = rn_fail_errno(err, RN_PATH(to), "cannot write");
    }
    free(buf);
    return rc;
}

int rn_copy_bytes(const char *from, const char *to, struct rn_err *err)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return rn_fail_errno(err, RN_PATH(from), "cannot open");
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int rc = out < 0 ? rn_fail_errno(err, RN_PATH(to), "cannot create") : RN_OK;
    if (rc == RN_OK && ioctl(out, FICLONE, in) != 0)
        rc = pour(in, out, from, to, err);
    if (out >= 0 && close(out) != 0 && rc == RN_OK)
        rc = rn_fail_errno(err, RN_PATH(to), "cannot write");
    close(in);
    return rc;
}

static int add_all(struct rn_writer *w, int from_fd, const char *from, struct rn_err *err)
{
    unsigned char *buf = rn_xalloc(BUFFER);
    ssize_t got;
    while ((got = read_some(from_fd, buf, BUFFER)) > 0)
        rn_writer_add(w, buf, (size_t)got);
    int rc = got < 0 ? rn_fail_errno(err, RN_PATH(from), "cannot read") : RN_OK;
    free(buf);
    return rc;
}

static int copy_whole(const char *from, const char *to, struct rn_err *err)
{
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rn_fail_errno(err, RN_PATH(from), "cannot open");
    struct rn_writer w;
    int rc = rn_writer_open(&w, to, err);
    if (rc == RN_OK) {
        rc = add_all(&w, fd, from, err);
        if (rc == RN_OK)
            rc = rn_writer_commit(&w, NULL, err);
        else
            rn_writer_abort(&w);
    }
    close(fd);
    return rc;
}

int rn_copy_file(const char *from, const char *to, struct rn_err *err)
{
    char *tmp = rn_xprintf("%s.%ld.tmp", to, (long)getpid());
    unlink(tmp);
    int rc = link(from, tmp) == 0 ? rn_rename(tmp, to, err) : copy_whole(from, to, err);
    unlink(tmp); /* rename of two links to one file does nothing and leaves both */
    free(tmp);
    return rc;
}
