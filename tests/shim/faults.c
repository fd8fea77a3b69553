/* librunnel-faults.so - preloaded by tests: the nth call in a folder fails, or is the last.
 *
 *     RN_FAULT_STATE   file of struct faults_state, made by the test: counts over all processes
 *     RN_FAULT_BELOW   folder; calls on other paths do not count
 *     RN_FAULT_ONLY    a path must hold this text as well ("" or unset: any)
 *     RN_FAULT_CALLS   which calls count: "write fsync rename open malloc net"
 *     RN_FAULT_WHO     "runner" (the process that was started), "stages" (its children), "all"
 *     RN_FAULT_AT      which of them breaks, from 1; 0: only count
 *     RN_FAULT_DO      kill-before, kill-after, kill-torn (half a write, then the end) of the
 *                      caller;
 *                      group-before, group-after, group-torn of everybody; term (SIGTERM, goes on);
 *                      short (half a write); EIO, ENOSPC, EINTR, ENOMEM, ECONNRESET
 *
 *     RN_FAULT_LOCKS   "none": fcntl() knows no locks, "lies": it grants each to everybody
 *
 * Memory counts by place, not by call: an allocation counts when its stack of callers is new, and
 * only after the first counted open, so that a sweep ends some day. Calls that glibc makes inside
 * itself (stdio, opendir) are not seen. */
#define _GNU_SOURCE
#include "faults.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct faults_state *state;
static const char *below, *only, *calls, *who, *action;
static long break_at;
static pid_t loaded_in;
static __thread bool inside; /* the shim's own calls are nobody's */

static const char *setting(const char *name)
{
    const char *v = getenv(name);
    return v ? v : "";
}

__attribute__((constructor)) static void load(void)
{
    void *warm[1];
    backtrace(warm, 1); /* loads its library now */
    int fd = open(setting("RN_FAULT_STATE"), O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    void *p = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    below = setting("RN_FAULT_BELOW");
    only = setting("RN_FAULT_ONLY");
    calls = setting("RN_FAULT_CALLS");
    who = setting("RN_FAULT_WHO");
    action = setting("RN_FAULT_DO");
    break_at = strtol(setting("RN_FAULT_AT"), NULL, 10);
    loaded_in = getpid();
    state = p == MAP_FAILED ? NULL : p;
}

static bool my_process(void)
{
    bool child = getpid() != loaded_in;
    return strcmp(who, child ? "runner" : "stages") != 0;
}

static bool my_path(const char *path)
{
    char whole[PATH_MAX];
    if (*path != '/' && getcwd(whole, sizeof whole / 2)) {
        strcat(whole, "/");
        strncat(whole, path, sizeof whole - strlen(whole) - 1);
        path = whole;
    }
    return strncmp(path, below, strlen(below)) == 0 && strstr(path, only);
}

/* Counts the call; true if it is the one that breaks. */
static bool breaks(const char *call, const char *path)
{
    long n = atomic_fetch_add(&state->calls, 1) + 1;
    if (n != break_at)
        return false;
    snprintf(state->where, sizeof state->where, "%s %s of the %s", call, path,
             getpid() == loaded_in ? "runner" : "stage");
    atomic_store(&state->fired, 1);
    return true;
}

static bool breaks_on_path(const char *call, const char *path)
{
    if (!state || inside || !strstr(calls, call))
        return false;
    int e = errno;
    bool hit = my_process() && my_path(path) && breaks(call, path);
    errno = e;
    return hit;
}

static bool breaks_on_fd(const char *call, int fd)
{
    char link[64], path[PATH_MAX];
    if (!state || inside || !strstr(calls, call))
        return false;
    int e = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    errno = e;
    path[n > 0 ? n : 0] = '\0';
    return breaks_on_path(call, path);
}

/* A call on a connection to somewhere: no path tells whose it is. A connection that broke is dead,
 * whatever its owner does with it then. */
static bool breaks_on_net(int fd, int family)
{
    bool hit = state && !inside && strstr(calls, "net") && my_process() &&
               (family == AF_INET || family == AF_INET6) && breaks("net", "a connection");
    if (hit)
        shutdown(fd, SHUT_RDWR);
    return hit;
}

static int family_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t n = sizeof at;
    int e = errno;
    bool known = getsockname(fd, (struct sockaddr *)&at, &n) == 0;
    errno = e;
    return known ? at.ss_family : AF_UNSPEC;
}

static void end_now(void)
{
    if (strncmp(action, "group", 5) == 0) {
        kill(loaded_in, SIGKILL);
        kill(0, SIGKILL); /* a stage leads a group of its own */
    }
    kill(getpid(), SIGKILL);
    pause();
}
static bool ends_with(const char *word)
{
    const char *dash = strchr(action, '-');
    return dash && strcmp(dash + 1, word) == 0;
}

/* What happens to the call that breaks: true if it is not made, with errno. */
static bool refuse(void)
{
    static const struct {
        const char *name;
        int number;
    } errors[] = {{"EIO", EIO},
                  {"ENOSPC", ENOSPC},
                  {"EINTR", EINTR},
                  {"ENOMEM", ENOMEM},
                  {"ECONNRESET", ECONNRESET}};
    if (ends_with("before"))
        end_now();
    if (strcmp(action, "term") == 0)
        raise(SIGTERM);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(action, errors[i].name) == 0) {
            errno = errors[i].number;
            return true;
        }
    return false;
}
static void afterwards(void)
{
    if (ends_with("after") || ends_with("torn"))
        end_now();
}

/* From the first open below the folder on, memory counts. */
static void arm(const char *path)
{
    if (state && !atomic_load(&state->armed) && my_path(path))
        atomic_store(&state->armed, 1);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* One wrapper: `test` counts, the call is made unless it is refused. */
#define WRAP(type, name, params, args, test)                                                       \
    type name params                                                                               \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
        if (!real)                                                                                 \
            real = REAL(name);                                                                     \
        if (!(test))                                                                               \
            return real args;                                                                      \
        if (refuse())                                                                              \
            return -1;                                                                             \
        type got = real args;                                                                      \
        afterwards();                                                                              \
        return got;                                                                                \
    }
WRAP(int, fsync, (int fd), (fd), breaks_on_fd("fsync", fd))
WRAP(int, syncfs, (int fd), (fd), breaks_on_fd("fsync", fd))
WRAP(int, fdatasync, (int fd), (fd), breaks_on_fd("fsync", fd))
WRAP(int, ftruncate, (int fd, off_t n), (fd, n), breaks_on_fd("write", fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), breaks_on_path("rename", to))
WRAP(int, renameat2, (int d, const char *from, int e, const char *to, unsigned flags),
     (d, from, e, to, flags), breaks_on_path("rename", to))
WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n),
     breaks_on_net(fd, to->sa_family))
WRAP(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags),
     breaks_on_net(fd, family_of(fd)))
WRAP(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags),
     breaks_on_net(fd, family_of(fd)))
WRAP(int, symlink, (const char *to, const char *path), (to, path), breaks_on_path("rename", path))
WRAP(int, link, (const char *from, const char *to), (from, to), breaks_on_path("rename", to))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), breaks_on_path("open", path))

/* Half of a write, where the fault is of that kind. */
#define WRAP_WRITE(name, params, args, halved)                                                     \
    ssize_t name params                                                                            \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
        if (!real)                                                                                 \
            real = REAL(name);                                                                     \
        if (!breaks_on_fd("write", fd))                                                            \
            return real args;                                                                      \
        if (refuse())                                                                              \
            return -1;                                                                             \
        bool part = n > 1 && (ends_with("torn") || strcmp(action, "short") == 0);                  \
        ssize_t got = part ? real halved : real args;                                              \
        afterwards();                                                                              \
        return got;                                                                                \
    }
WRAP_WRITE(write, (int fd, const void *p, size_t n), (fd, p, n), (fd, p, n / 2))
WRAP_WRITE(pwrite, (int fd, const void *p, size_t n, off_t at), (fd, p, n, at), (fd, p, n / 2, at))

#define WRAP_OPEN(name)                                                                            \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        static __typeof__(&name) real;                                                             \
        if (!real)                                                                                 \
            real = REAL(name);                                                                     \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                      \
        va_end(ap);                                                                                \
        arm(path);                                                                                 \
        if (!breaks_on_path("open", path))                                                         \
            return real(path, flags, mode);                                                        \
        if (refuse())                                                                              \
            return -1;                                                                             \
        int fd = real(path, flags, mode);                                                          \
        afterwards();                                                                              \
        return fd;                                                                                 \
    }
WRAP_OPEN(open)
WRAP_OPEN(open64)

/* --- locks, as some network file systems have them --- */

int fcntl(int fd, int cmd, ...)
{
    static __typeof__(&fcntl) real;
    if (!real)
        real = REAL(fcntl);
    va_list ap;
    va_start(ap, cmd);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    const char *locks = setting("RN_FAULT_LOCKS");
    if (!*locks || (cmd != F_OFD_SETLK && cmd != F_OFD_GETLK))
        return real(fd, cmd, arg);
    if (strcmp(locks, "none") == 0) {
        errno = ENOLCK;
        return -1;
    }
    if (cmd == F_OFD_GETLK)
        ((struct flock *)arg)->l_type = F_UNLCK;
    return 0;
}

/* --- memory --- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static uint64_t stack_hash(void)
{
    void *frames[14];
    int n = backtrace(frames, 14);
    uint64_t h = 1469598103934665603u;
    for (int i = 3; i < n; i++)
        h = (h ^ (uint64_t)(uintptr_t)frames[i]) * 1099511628211u;
    return h ? h : 1;
}

/* First time that this stack allocates? */
static bool new_place(uint64_t h)
{
    for (size_t i = 0; i < FAULTS_PLACES; i++) {
        uint64_t *slot = &state->places[(h + i) % FAULTS_PLACES];
        if (*slot == h)
            return false;
        if (*slot == 0) {
            *slot = h;
            return true;
        }
    }
    return false;
}

static bool no_memory(void)
{
    if (!state || inside || !strstr(calls, "malloc") || !atomic_load(&state->armed))
        return false;
    inside = true;
    bool hit = my_process() && new_place(stack_hash()) && breaks("malloc", "");
    inside = false;
    if (hit)
        errno = ENOMEM;
    return hit;
}

void *malloc(size_t n)
{
    return no_memory() ? NULL : __libc_malloc(n);
}
void *calloc(size_t n, size_t each)
{
    return no_memory() ? NULL : __libc_calloc(n, each);
}
void *realloc(void *p, size_t n)
{
    return no_memory() ? NULL : __libc_realloc(p, n);
}
void *aligned_alloc(size_t align, size_t n)
{
    return no_memory() ? NULL : __libc_memalign(align, n);
}
