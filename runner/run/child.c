#define _GNU_SOURCE /* pipe2 */
#include "child.h"

#include "clock.h"
#include "signals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- the child's side --- */

static void redirect(int log_fd)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    close(nothing);
}

_Noreturn static void live(pid_t runner, int fd, void (*body)(void *, struct rn_wire *), void *ctx,
                           int log_fd, const sigset_t *mask)
{
    struct rn_wire wire;
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != runner)
        _exit(1); /* it died before we asked for the signal */
    rn_signals_in_child();
    redirect(log_fd);
    sigprocmask(SIG_SETMASK, mask, NULL);
    rn_wire_init(&wire, fd);
    body(ctx, &wire);
    fflush(stdout);
    fflush(stderr);
    _exit(0); /* what the runner would do at its exit is not ours to do */
}

static bool is_among(int fd, const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fds[i] == fd)
            return true;
    return false;
}

void rn_child_keep_only(const int *fds, size_t n)
{
    DIR *d = opendir("/proc/self/fd");
    for (struct dirent *e; d && (e = readdir(d));) {
        int fd = (int)strtol(e->d_name, NULL, 10); /* "." and "..": 0 */
        if (fd > STDERR_FILENO && fd != dirfd(d) && !is_among(fd, fds, n))
            close(fd);
    }
    if (d)
        closedir(d);
}

/* --- the runner's side --- */

/* The inherited buffers would be written twice. */
static pid_t fork_clean(sigset_t *old)
{
    sigset_t all;
    fflush(stdout);
    fflush(stderr);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, old);
    return fork();
}

int rn_child_start(struct rn_child *c, void (*body)(void *, struct rn_wire *), void *ctx,
                   int log_fd, struct rn_err *err)
{
    int ends[2];
    sigset_t mask;
    pid_t runner = getpid();
    *c = (struct rn_child){.fd = -1};
    if (pipe2(ends, O_CLOEXEC) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot make a pipe");
    pid_t pid = fork_clean(&mask);
    if (pid == 0) {
        close(ends[0]);
        live(runner, ends[1], body, ctx, log_fd, &mask);
    }
    int e = errno;
    close(ends[1]);
    if (pid < 0)
        close(ends[0]);
    else
        setpgid(pid, pid); /* whoever comes first: it must be so before we signal the group */
    if (pid > 0)
        rn_signals_guard(pid);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = e;
    if (pid < 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot start a process for the stage");
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *c = (struct rn_child){.pid = pid, .fd = ends[0]};
    return RN_OK;
}

static void close_pipe(struct rn_child *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

bool rn_child_hears(struct rn_child *c, struct rn_news *news)
{
    if (rn_inbox_next(&c->inbox, news))
        return true;
    if (c->fd < 0)
        return false;
    if (!rn_inbox_read(&c->inbox, c->fd))
        close_pipe(c);
    return rn_inbox_next(&c->inbox, news);
}

bool rn_child_hear_out(struct rn_child *c, double patience_s,
                       void (*hear)(void *, const struct rn_news *), void *ctx)
{
    double until_s = rn_clock_s() + patience_s, left_s;
    struct rn_news news;
    while (c->fd >= 0 && (left_s = until_s - rn_clock_s()) > 0) {
        struct pollfd fd = {.fd = c->fd, .events = POLLIN};
        poll(&fd, 1, (int)(left_s * 1000) + 1);
        while (rn_child_hears(c, &news))
            hear(ctx, &news);
    }
    return c->fd < 0;
}

/* Its number is ours until we wait for it: nobody else can be hit by the kill. */
bool rn_child_ended(struct rn_child *c, int *status)
{
    siginfo_t info = {0};
    if (c->pid == 0 || waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        info.si_pid == 0)
        return false;
    rn_child_kill(c);
    rn_signals_unguard(c->pid);
    while (waitpid(c->pid, status, 0) < 0 && errno == EINTR)
        continue;
    c->pid = 0;
    return true;
}

void rn_child_ask(const struct rn_child *c)
{
    if (c->pid > 0)
        kill(c->pid, SIGTERM);
}

void rn_child_kill(const struct rn_child *c)
{
    if (c->pid > 0)
        kill(-c->pid, SIGKILL);
}

static void forget(struct rn_child *c)
{
    close_pipe(c);
    rn_inbox_release(&c->inbox);
    *c = (struct rn_child){.fd = -1};
}

void rn_child_release(struct rn_child *c)
{
    if (c->pid > 0) {
        rn_child_kill(c);
        rn_signals_unguard(c->pid);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    forget(c);
}

void rn_child_leave(struct rn_child *c)
{
    enum { TRIES = 100, TRY_MS = 10 };
    bool gone = c->pid == 0;
    rn_child_kill(c);
    if (!gone)
        rn_signals_unguard(c->pid);
    for (int i = 0; !gone && i < TRIES; i++) {
        gone = waitpid(c->pid, NULL, WNOHANG) != 0;
        if (!gone)
            poll(NULL, 0, TRY_MS);
    }
    forget(c);
}

/* --- how it ended --- */

const char *rn_child_signal_name(int status)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGKILL, "SIGKILL"}, {SIGABRT, "SIGABRT"},
                 {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},   {SIGILL, "SIGILL"},
                 {SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"},   {SIGXCPU, "SIGXCPU"},
                 {SIGXFSZ, "SIGXFSZ"}, {SIGSYS, "SIGSYS"},   {SIGTRAP, "SIGTRAP"},
                 {SIGHUP, "SIGHUP"},   {SIGPIPE, "SIGPIPE"}, {SIGQUIT, "SIGQUIT"}};
    for (size_t i = 0; WIFSIGNALED(status) && i < RN_COUNT(names); i++)
        if (names[i].number == WTERMSIG(status))
            return names[i].name;
    return WIFSIGNALED(status) ? "a signal" : NULL;
}

const char *rn_child_fate(int status, char buf[64])
{
    const char *name = rn_child_signal_name(status);
    if (name)
        snprintf(buf, 64, "was ended by %s", name);
    else
        snprintf(buf, 64, "ended with status %d and no word", WEXITSTATUS(status));
    return buf;
}
