#define _GNU_SOURCE /* F_OFD_SETLK */
#include "lock.h"

#include "file.h"
#include "json.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { OWNER_CAP = 4096, ORPHANS_MS = 5000, RETRY_MS = 2 };

static void read_owner(const char *path, char *owner, size_t owner_bytes)
{
    json_t *doc = NULL;
    if (rn_json_read(path, OWNER_CAP, &doc, NULL) == RN_OK && json_is_object(doc))
        snprintf(owner, owner_bytes, "pid %lld on %s", (long long)rn_json_int(doc, "pid", -1),
                 rn_json_str(doc, "host", "an unknown host"));
    else
        snprintf(owner, owner_bytes, "another process");
    json_decref(doc);
}

/* Best effort: the lock holds without it. */
static void write_owner(int fd)
{
    char host[128] = "localhost", line[256];
    gethostname(host, sizeof host - 1);
    json_t *doc = json_pack("{s:I, s:s}", "pid", (json_int_t)getpid(), "host", host);
    char *text = doc ? rn_json_canonical(doc) : NULL;
    int n = text ? snprintf(line, sizeof line, "%s\n", text) : 0;
    if (ftruncate(fd, 0) != 0 || (n > 0 && pwrite(fd, line, (size_t)n, 0) != n))
        errno = 0;
    free(text);
    json_decref(doc);
}

static struct flock whole_file(void)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
}

/* The previous owner may have removed the file between our open and our lock. */
static bool still_there(int fd, const char *path)
{
    struct stat mine, named;
    return fstat(fd, &mine) == 0 && stat(path, &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
}

static int fail_locked(const char *path, const char *what, struct rn_err *err)
{
    char owner[192];
    read_owner(path, owner, sizeof owner);
    int rc = rn_fail(err, RN_ELOCKED, RN_PATH(path), "%s is in use by %s", what, owner);
    rn_hint(err, "wait for it to end, or end it: the lock goes with its process");
    return rc;
}

/* The recorded owner of this machine is dead: what still holds the lock is a process that it left
 * behind, and the kernel is about to end that. */
static bool owner_is_gone(const char *path)
{
    char host[128] = "localhost";
    json_t *doc = NULL;
    gethostname(host, sizeof host - 1);
    bool gone = rn_json_read(path, OWNER_CAP, &doc, NULL) == RN_OK &&
                strcmp(rn_json_str(doc, "host", ""), host) == 0 && rn_json_int(doc, "pid", 0) > 0 &&
                kill((pid_t)rn_json_int(doc, "pid", 0), 0) != 0 && errno == ESRCH;
    json_decref(doc);
    return gone;
}

static bool worth_waiting(const char *path, int *waited_ms)
{
    if (*waited_ms >= ORPHANS_MS || !owner_is_gone(path))
        return false;
    struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    nanosleep(&pause, NULL);
    *waited_ms += RETRY_MS;
    return true;
}

int rn_lock_take(struct rn_lock *lock, const char *path, const char *what, struct rn_err *err)
{
    *lock = (struct rn_lock){.fd = -1};
    for (int waited_ms = 0;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return rn_fail_errno(err, RN_PATH(path), "cannot open the lock of %s", what);
        struct flock f = whole_file();
        if (fcntl(fd, F_OFD_SETLK, &f) != 0) {
            int e = errno;
            close(fd);
            if ((e == EAGAIN || e == EACCES) && worth_waiting(path, &waited_ms))
                continue;
            if (e == EAGAIN || e == EACCES)
                return fail_locked(path, what, err);
            errno = e;
            return rn_fail_errno(err, RN_PATH(path), "cannot lock %s", what);
        }
        if (still_there(fd, path)) {
            lock->fd = fd;
            lock->path = rn_xdup(path);
            write_owner(fd);
            return RN_OK;
        }
        close(fd);
    }
}

/* Removed while still held: whoever opened it meanwhile sees that it is gone and opens anew. */
void rn_lock_release(struct rn_lock *lock)
{
    if (lock->fd < 0)
        return;
    unlink(lock->path);
    close(lock->fd);
    free(lock->path);
    *lock = (struct rn_lock){.fd = -1};
}

bool rn_lock_held(const char *path, char *owner, size_t owner_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock f = whole_file();
    bool held = fcntl(fd, F_OFD_GETLK, &f) == 0 && f.l_type != F_UNLCK;
    close(fd);
    if (held && owner)
        read_owner(path, owner, owner_bytes);
    return held;
}
