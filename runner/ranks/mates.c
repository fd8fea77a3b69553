#include "mates.h"

#include "clock.h"
#include "file.h"
#include "mem.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- what a rank is told --- */

static const char *const words[] = {"RUNNEL_RANK", "RUNNEL_WORLD", "RUNNEL_LOCAL_RANK",
                                    "RUNNEL_LOCAL_WORLD", "RUNNEL_JOB"};

static void say_rank(const struct rn_mates *m, int rank)
{
    char numbers[4][16];
    const int values[] = {rank, m->world, rank, m->world};
    for (size_t i = 0; i < RN_COUNT(values); i++) {
        snprintf(numbers[i], sizeof numbers[i], "%d", values[i]);
        setenv(words[i], numbers[i], 1);
    }
    setenv("RUNNEL_JOB", m->job, 1);
}

/* What a stage starts is no rank of this run. */
static void unsay_rank(void)
{
    for (size_t i = 0; i < RN_COUNT(words); i++)
        unsetenv(words[i]);
}

int rn_mates_seat(struct rn_mates *m, struct rn_ranks *ranks, int world, struct rn_err *err)
{
    unsigned char bytes[(sizeof m->job - 1) / 2];
    bool one_of_ours = ranks->launcher && strcmp(ranks->launcher, words[0]) == 0;
    RN_ASSERT(world >= 1 && world <= RN_RANKS_MAX);
    *m = (struct rn_mates){0};
    if (one_of_ours && ranks->seat.world == world)
        return RN_OK;
    if (ranks->seat.world > 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "--gpus starts the ranks on this machine, and this is one of %d that %s "
                       "started",
                       ranks->seat.world, ranks->launcher);
    m->world = world;
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return rn_fail_errno(err, RN_NOWHERE, "no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(m->job + 2 * i, 3, "%02x", bytes[i]);
    say_rank(m, 0);
    int rc = rn_ranks_detect(ranks, err);
    unsay_rank();
    ranks->launcher = "--gpus";
    return rc;
}

/* --- their processes --- */

/* The words of this process's own command line; in the heap of a process that ends or becomes
 * another. */
static char **own_words(void)
{
    enum { CAP = 1 << 22 };
    char *text = rn_xalloc(CAP + 2), **list = NULL, *last = NULL;
    size_t n = 0, cap = 0, size_bytes = rn_file_head("/proc/self/cmdline", text, CAP);
    for (char *p = text; p < text + size_bytes; p += strlen(p) + 1)
        RN_PUSH(list, n, cap, p);
    RN_PUSH(list, n, cap, last);
    return list;
}

_Noreturn static void become(const struct rn_mates *m, int rank, pid_t rank_0)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != rank_0)
        _exit(1); /* it died before we asked for the signal */
    say_rank(m, rank);
    execv("/proc/self/exe", own_words());
    _exit(1);
}

int rn_mates_start(struct rn_mates *m, struct rn_err *err)
{
    pid_t me = getpid();
    fflush(stdout);
    fflush(stderr);
    for (int rank = 1; rank < m->world; rank++) {
        m->pids[rank] = fork();
        if (m->pids[rank] == 0)
            become(m, rank, me);
        if (m->pids[rank] > 0)
            continue;
        m->pids[rank] = 0;
        rn_fail_errno(err, RN_NOWHERE, "cannot start rank %d", rank);
        rn_mates_end(m, 0);
        return err ? (int)err->code : RN_EIO;
    }
    return RN_OK;
}

static bool all_ended(struct rn_mates *m)
{
    bool ended = true;
    for (int rank = 1; rank < m->world; rank++) {
        if (m->pids[rank] && waitpid(m->pids[rank], NULL, WNOHANG) != 0)
            m->pids[rank] = 0;
        ended = ended && !m->pids[rank];
    }
    return ended;
}

void rn_mates_end(struct rn_mates *m, double patience_s)
{
    enum { LOOK_US = 2000 };
    double until_s = rn_clock_s() + patience_s;
    while (!all_ended(m) && rn_clock_s() < until_s)
        usleep(LOOK_US);
    for (int rank = 1; rank < m->world; rank++) {
        if (!m->pids[rank])
            continue;
        kill(m->pids[rank], SIGKILL);
        while (waitpid(m->pids[rank], NULL, 0) < 0 && errno == EINTR)
            continue;
        m->pids[rank] = 0;
    }
}
