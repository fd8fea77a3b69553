#define _GNU_SOURCE /* F_OFD_SETLK */
#include "lock.h"

#include "clock.h"
#include "json.h"
#include "mem.h"
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ORPHANS_MS = 5000, RETRY_MS = 2 };
enum { RECORD = 320 }; /* bytes, padded: rewriting it never changes the file's size */

/* --- the record of an owner --- */

struct owner {
    char host[128], boot[RN_BOOT_ID];
    long long pid, start; /* start: clock ticks since the boot */
    double since_s, beat_s;
};

static struct owner this_process(void)
{
    struct owner me = {.host = "localhost", .pid = getpid(), .start = rn_process_start(getpid())};
    gethostname(me.host, sizeof me.host - 1);
    rn_boot_id(me.boot);
    return me;
}

static bool read_owner(int fd, struct owner *o)
{
    char text[RECORD + 1];
    json_t *doc = NULL;
    ssize_t n = pread(fd, text, RECORD, 0);
    bool known = n > 0 && rn_json_parse(text, (size_t)n, RN_NOWHERE, &doc, NULL) == RN_OK &&
                 json_is_object(doc);
    *o = (struct owner){.pid = rn_json_int(doc, "pid", -1),
                        .start = rn_json_int(doc, "start", -1),
                        .since_s = rn_json_real(doc, "since", 0),
                        .beat_s = rn_json_real(doc, "beat", 0)};
    snprintf(o->host, sizeof o->host, "%s", rn_json_str(doc, "host", "an unknown host"));
    snprintf(o->boot, sizeof o->boot, "%s", rn_json_str(doc, "boot", ""));
    json_decref(doc);
    return known && o->pid > 0;
}

/* Best effort: where locks work, the lock holds without it. */
static void write_owner(struct rn_lock *lock)
{
    struct owner me = this_process();
    char line[RECORD + 1];
    lock->beat_s = rn_time_s();
    json_t *doc = json_pack("{s:s, s:s, s:I, s:I, s:f, s:f}", "host", me.host, "boot", me.boot,
                            "pid", (json_int_t)me.pid, "start", (json_int_t)me.start, "since",
                            lock->since_s, "beat", lock->beat_s);
    char *text = doc ? rn_json_canonical(doc) : rn_xdup("");
    int n = snprintf(line, sizeof line, "%-*s\n", RECORD - 1, text);
    if (n != RECORD || pwrite(lock->fd, line, RECORD, 0) != RECORD)
        errno = 0;
    free(text);
    json_decref(doc);
}

static bool same_process(const struct owner *a, const struct owner *b)
{
    return a->pid == b->pid && a->start == b->start && strcmp(a->boot, b->boot) == 0;
}

static bool lives(const struct owner *o)
{
    struct owner me = this_process();
    if (same_process(o, &me))
        return false; /* we are not in our own way */
    if (*o->boot && strcmp(o->boot, me.boot) == 0)
        return o->start > 0 && rn_process_start(o->pid) == o->start;
    return strcmp(o->host, me.host) != 0 && rn_time_s() - o->beat_s < RN_LOCK_PATIENCE_S;
}

/* Seen from here: today's times need no date. */
static void describe(const struct owner *o, char *text, size_t text_bytes)
{
    char since[32] = "";
    struct tm tm;
    time_t t = (time_t)o->since_s;
    if (o->since_s > 0 && localtime_r(&t, &tm))
        strftime(since, sizeof since,
                 rn_time_s() - o->since_s < 72000 ? " since %H:%M:%S" : " since %Y-%m-%d %H:%M",
                 &tm);
    snprintf(text, text_bytes, "pid %lld on %s%s", o->pid, o->host, since);
}

/* --- taking it --- */

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

static int fail_locked(int fd, const char *path, const char *what, struct rn_err *err)
{
    struct owner o;
    char text[192] = "another process";
    if (read_owner(fd, &o))
        describe(&o, text, sizeof text);
    int rc = rn_fail(err, RN_ELOCKED, RN_PATH(path), "%s is in use by %s", what, text);
    rn_hint(err, "wait for it to end, or end it: the lock goes with its process");
    return rc;
}

enum verdict { OURS, THEIRS, ORPHANS, NOBODYS, FAILED };

/* The owner of this boot is dead: what still holds the lock are processes that it left behind, and
 * the kernel is about to end those (child.h). */
static bool owner_is_gone(int fd)
{
    struct owner o, me = this_process();
    return read_owner(fd, &o) && *o.boot && strcmp(o.boot, me.boot) == 0 &&
           !same_process(&o, &me) && !lives(&o);
}

/* NOBODYS: this file system has no such locks; the record alone decides. */
static enum verdict ask_kernel(int fd)
{
    struct flock f = whole_file();
    if (fcntl(fd, F_OFD_SETLK, &f) == 0)
        return OURS;
    if (errno == EAGAIN || errno == EACCES)
        return owner_is_gone(fd) ? ORPHANS : THEIRS;
    return errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS ? NOBODYS : FAILED;
}

/* Without locks two that start in one moment both find it free: the record that stays wins. */
static bool record_stayed(int fd)
{
    struct owner o, me = this_process();
    nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    return read_owner(fd, &o) && same_process(&o, &me);
}

/* The file is open and, where the kernel has a say, ours. */
static int settle(struct rn_lock *lock, enum verdict kernel, const char *path, const char *what,
                  struct rn_err *err)
{
    struct owner o;
    bool before = read_owner(lock->fd, &o);
    if (before && lives(&o))
        return fail_locked(lock->fd, path, what, err);
    if (before)
        describe(&o, lock->took_over, sizeof lock->took_over);
    lock->since_s = rn_time_s();
    write_owner(lock);
    if (kernel == NOBODYS && !record_stayed(lock->fd))
        return fail_locked(lock->fd, path, what, err);
    return RN_OK;
}

static int try_take(struct rn_lock *lock, bool *again, bool patient, const char *path,
                    const char *what, struct rn_err *err)
{
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot open the lock of %s", what);
    enum verdict kernel = ask_kernel(lock->fd);
    if (kernel == FAILED)
        return rn_fail_errno(err, RN_PATH(path), "cannot lock %s", what);
    *again = (kernel == ORPHANS && patient) || !still_there(lock->fd, path);
    if (!*again && (kernel == THEIRS || kernel == ORPHANS))
        return fail_locked(lock->fd, path, what, err);
    return *again ? RN_OK : settle(lock, kernel, path, what, err);
}

int rn_lock_take(struct rn_lock *lock, const char *path, const char *what, struct rn_err *err)
{
    for (int waited_ms = 0;; waited_ms += RETRY_MS) {
        bool again = false;
        *lock = (struct rn_lock){.fd = -1};
        int rc = try_take(lock, &again, waited_ms < ORPHANS_MS, path, what, err);
        if (rc == RN_OK && !again) {
            lock->path = rn_xdup(path);
            return RN_OK;
        }
        if (lock->fd >= 0)
            close(lock->fd);
        lock->fd = -1;
        RN_TRY(rc);
        nanosleep(&(struct timespec){.tv_nsec = RETRY_MS * 1000000L}, NULL);
    }
}

void rn_lock_beat(struct rn_lock *lock)
{
    if (lock->fd >= 0 && rn_time_s() - lock->beat_s >= RN_LOCK_BEAT_S)
        write_owner(lock);
}

/* Removed while still held: whoever opened it meanwhile sees that it is gone and opens anew. */
void rn_lock_release(struct rn_lock *lock)
{
    if (lock->fd < 0)
        return;
    if (still_there(lock->fd, lock->path))
        unlink(lock->path);
    close(lock->fd);
    free(lock->path);
    *lock = (struct rn_lock){.fd = -1};
}

bool rn_lock_held(const char *path, char *owner, size_t owner_bytes)
{
    struct owner o;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct flock f = whole_file();
    bool known = read_owner(fd, &o);
    bool held = fcntl(fd, F_OFD_GETLK, &f) == 0 && f.l_type != F_UNLCK;
    close(fd);
    held = held || (known && lives(&o));
    if (held && owner && known)
        describe(&o, owner, owner_bytes);
    else if (held && owner)
        snprintf(owner, owner_bytes, "another process");
    return held;
}
