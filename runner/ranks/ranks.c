#include "ranks.h"

#include "mem.h"
#include "str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { JOB_WORDS = 4 };

struct launcher {
    const char *name;
    const char *rank, *world, *local_rank, *local_world;
    const char *job[JOB_WORDS]; /* what tells one start from another */
    const char *tasks, *node;   /* in place of local_world: a list by node, and which one this is */
    const char *dealt;          /* set where each task is shown its own GPUs alone */
};

/* First match wins. Slurm's world is the step's: SLURM_NTASKS stands in the shell of an allocation,
 * too, where nobody started so many processes. */
static const struct launcher launchers[] = {
    {"RUNNEL_RANK",
     "RUNNEL_RANK",
     "RUNNEL_WORLD",
     "RUNNEL_LOCAL_RANK",
     "RUNNEL_LOCAL_WORLD",
     {"RUNNEL_JOB"}},
    {"torchrun",
     "RANK",
     "WORLD_SIZE",
     "LOCAL_RANK",
     "LOCAL_WORLD_SIZE",
     {"TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", "MASTER_ADDR", "MASTER_PORT"}},
    {"mpirun",
     "OMPI_COMM_WORLD_RANK",
     "OMPI_COMM_WORLD_SIZE",
     "OMPI_COMM_WORLD_LOCAL_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE",
     {"PMIX_NAMESPACE", "OMPI_MCA_orte_precondition_transports", "OMPI_MCA_ess_base_jobid"}},
    {"PMI",
     "PMI_RANK",
     "PMI_SIZE",
     "MPI_LOCALRANKID",
     "MPI_LOCALNRANKS",
     {"PMI_JOBID", "PMI_PORT", "SLURM_JOB_ID", "SLURM_STEP_ID"}},
    {"srun",
     "SLURM_PROCID",
     "SLURM_STEP_NUM_TASKS",
     "SLURM_LOCALID",
     NULL,
     {"SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"},
     "SLURM_STEP_TASKS_PER_NODE",
     "SLURM_NODEID",
     "SLURM_GPUS_PER_TASK"},
    {"flux", "FLUX_TASK_RANK", "FLUX_JOB_SIZE", "FLUX_TASK_LOCAL_ID", NULL, {"FLUX_JOB_ID"}},
};

/* -1: no such number. */
static int number_of(const char *text)
{
    char *end;
    errno = 0;
    long n = text && *text ? strtol(text, &end, 10) : -1;
    return n >= 0 && n <= INT_MAX && errno == 0 && *end == '\0' ? (int)n : -1;
}

static int number_in(const char *variable)
{
    return variable ? number_of(getenv(variable)) : -1;
}

/* "2(x3),1": tasks, times so many nodes. */
int rn_ranks_slurm_tasks(const char *list, int node)
{
    for (int before = 0; list && *list;) {
        char *end;
        long tasks = strtol(list, &end, 10), nodes = 1;
        if (end == list || tasks < 1 || tasks > RN_RANKS_MAX)
            return 0;
        if (strncmp(end, "(x", 2) == 0) {
            nodes = strtol(end + 2, &end, 10);
            if (nodes < 1 || nodes > INT_MAX - before || *end++ != ')')
                return 0;
        }
        if (node >= before && node < before + nodes)
            return (int)tasks;
        before += (int)nodes;
        list = *end == ',' ? end + 1 : "";
    }
    return 0;
}

static void find_local(struct rn_comm_seat *s, const struct launcher *l)
{
    int node = number_in(l->node);
    s->local_rank = number_in(l->local_rank);
    s->local_world = l->tasks ? rn_ranks_slurm_tasks(getenv(l->tasks), node < 0 ? 0 : node)
                              : number_in(l->local_world);
    if (s->local_rank < 0)
        s->local_rank = 0;
    if (s->local_world < 1 || s->local_world > s->world)
        s->local_world = 0;
}

static void name_job(struct rn_ranks *r, const struct launcher *l)
{
    struct rn_str s = {0};
    rn_str_puts(&s, l->name);
    for (int i = 0; i < JOB_WORDS && l->job[i]; i++) {
        const char *word = getenv(l->job[i]);
        rn_str_printf(&s, "\n%s", word ? word : "");
    }
    rn_sha256_hex(s.p, s.n, r->job);
    rn_str_release(&s);
}

static int check(const struct launcher *l, const struct rn_comm_seat *s, struct rn_err *err)
{
    if (s->rank >= 0 && s->world >= 1 && s->rank < s->world && s->world <= RN_RANKS_MAX)
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "%s=%.40s with %s=%.40s names no one of 1 to %d processes", l->rank,
                   getenv(l->rank), l->world, getenv(l->world), RN_RANKS_MAX);
}

int rn_ranks_detect(struct rn_ranks *r, struct rn_err *err)
{
    *r = (struct rn_ranks){.seat = {.world = 1, .local_world = 1}};
    for (size_t i = 0; i < RN_COUNT(launchers) && !r->launcher; i++) {
        const struct launcher *l = &launchers[i];
        if (!getenv(l->rank) || !getenv(l->world))
            continue;
        r->seat.rank = number_in(l->rank);
        r->seat.world = number_in(l->world);
        RN_TRY(check(l, &r->seat, err));
        find_local(&r->seat, l);
        name_job(r, l);
        r->launcher = l->name;
        r->dealt = l->dealt && getenv(l->dealt);
    }
    return RN_OK;
}

int rn_ranks_cards(const struct rn_ranks *r)
{
    int here = r->seat.local_world > 0 ? r->seat.local_world : r->seat.local_rank + 1;
    return r->dealt ? 1 : here;
}

int rn_ranks_device(const struct rn_ranks *r, const char *device, char **own, struct rn_err *err)
{
    int cards = rn_ranks_cards(r);
    bool one = strchr(device, ':') || strcmp(device, "cpu") == 0;
    *own = NULL;
    if (strchr(device, ':') && cards > 1)
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                       "--device %.40s is one card, and %d ranks on this host want their own: "
                       "without the number each takes its own",
                       device, cards);
    *own = one || r->seat.world == 1
               ? rn_xdup(device)
               : rn_xprintf("%s:%d", device, r->dealt ? 0 : r->seat.local_rank);
    return RN_OK;
}
