#define _GNU_SOURCE /* pipe2 */
#include "signals.h"

#include "err.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* Signals belong to the process, so these are what cannot be passed down. */
static volatile sig_atomic_t stopping;
/* What the handler kills: the array it sees holds n_groups places, 0 is a free one. */
static pid_t *volatile groups;
static volatile sig_atomic_t n_groups;
static int wake[2] = {-1, -1};

static const int asking[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

static void wake_up(void)
{
    int e = errno;
    ssize_t n = write(wake[1], "", 1); /* full: awake already */
    (void)n;
    errno = e;
}

/* Nothing on disk needs us: every file that has its name is whole. */
static void on_asked(int number)
{
    (void)number;
    for (int i = 0; stopping && i < n_groups; i++)
        if (groups[i] > 0)
            kill(-groups[i], SIGKILL);
    if (stopping)
        _exit(rn_code_exit(RN_EQUIT));
    stopping = 1;
    wake_up();
}

/* Kernel and shell may both say that the terminal is gone: twice is once. */
static void on_hangup(int number)
{
    (void)number;
    stopping = 1;
    wake_up();
}

static void on_asked_in_child(int number)
{
    (void)number;
    stopping = 1;
}

static void on_child(int number)
{
    (void)number;
    wake_up();
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* nohup has the signal ignored, for our children too. */
static void handle_hangup(void (*handler)(int))
{
    struct sigaction now;
    if (sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
        handle(SIGHUP, handler);
}

void rn_signals_install(void)
{
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0)
        wake[0] = wake[1] = -1; /* out of descriptors: opening anything else will say so */
    for (size_t i = 0; i < RN_COUNT(asking); i++)
        handle(asking[i], on_asked);
    handle_hangup(on_hangup);
    handle(SIGCHLD, on_child);
    handle(SIGPIPE, SIG_IGN);
    handle(SIGXFSZ, SIG_IGN);
}

void rn_signals_in_child(void)
{
    close(wake[0]);
    close(wake[1]);
    wake[0] = wake[1] = -1;
    stopping = 0;
    n_groups = 0;
    for (size_t i = 0; i < RN_COUNT(asking); i++)
        handle(asking[i], on_asked_in_child);
    handle_hangup(on_asked_in_child);
    handle(SIGCHLD, SIG_DFL);
}

int rn_signals_fd(void)
{
    return wake[0];
}

void rn_signals_drain(void)
{
    char bytes[64];
    while (read(wake[0], bytes, sizeof bytes) > 0)
        continue;
}

/* A handler between any two of these lines finds an array as long as n_groups says. */
static void make_room(int places)
{
    pid_t *old = groups, *longer = rn_xalloc((size_t)places * sizeof *longer);
    for (int i = 0; i < n_groups; i++)
        longer[i] = old[i];
    atomic_signal_fence(memory_order_seq_cst);
    groups = longer;
    n_groups = places;
    free(old);
}

void rn_signals_guard(pid_t group)
{
    int i = 0;
    while (i < n_groups && groups[i] != 0)
        i++;
    if (i == n_groups)
        make_room(2 * n_groups + 8);
    groups[i] = group;
}

void rn_signals_unguard(pid_t group)
{
    for (int i = 0; i < n_groups; i++)
        if (groups[i] == group)
            groups[i] = 0;
}

bool rn_signals_stopping(void)
{
    return stopping != 0;
}

void rn_signals_stop(void)
{
    stopping = 1;
}

void rn_signals_reset(void)
{
    stopping = 0;
}
