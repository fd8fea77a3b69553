/* Who this process is among others, by what launchers put into the environment. */
#include "ranks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *what;
    const char *env[12];  /* NAME=value */
    const char *launcher; /* NULL: alone */
    struct rn_comm_seat seat;
};

/* Environments as the launchers make them. */
static const struct row rows[] = {
    {"nobody said anything", {NULL}, NULL, {0, 1, 0, 1}},
    {"our own words",
     {"RUNNEL_RANK=1", "RUNNEL_WORLD=4", "RUNNEL_LOCAL_RANK=1", "RUNNEL_LOCAL_WORLD=2"},
     "RUNNEL_RANK",
     {1, 4, 1, 2}},
    {"torchrun",
     {"RANK=3", "WORLD_SIZE=8", "LOCAL_RANK=3", "LOCAL_WORLD_SIZE=8", "MASTER_ADDR=a"},
     "torchrun",
     {3, 8, 3, 8}},
    {"mpirun",
     {"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2", "OMPI_COMM_WORLD_LOCAL_RANK=1",
      "OMPI_COMM_WORLD_LOCAL_SIZE=2"},
     "mpirun",
     {1, 2, 1, 2}},
    {"mpirun inside a Slurm allocation",
     {"OMPI_COMM_WORLD_RANK=1", "OMPI_COMM_WORLD_SIZE=2", "SLURM_PROCID=0",
      "SLURM_STEP_NUM_TASKS=1"},
     "mpirun",
     {1, 2, 0, 0}},
    {"a PMI launcher",
     {"PMI_RANK=2", "PMI_SIZE=3", "MPI_LOCALRANKID=0", "MPI_LOCALNRANKS=1"},
     "PMI",
     {2, 3, 0, 1}},
    {"srun on two nodes, three tasks and one",
     {"SLURM_PROCID=3", "SLURM_STEP_NUM_TASKS=4", "SLURM_LOCALID=0", "SLURM_NODEID=1",
      "SLURM_STEP_TASKS_PER_NODE=3,1"},
     "srun",
     {3, 4, 0, 1}},
    {"flux", {"FLUX_TASK_RANK=1", "FLUX_JOB_SIZE=2", "FLUX_TASK_LOCAL_ID=0"}, "flux", {1, 2, 0, 0}},
    {"a shell in a Slurm allocation of four tasks",
     {"SLURM_NTASKS=4", "SLURM_JOB_ID=1"},
     NULL,
     {0, 1, 0, 1}},
    {"a batch script of four tasks",
     {"SLURM_NTASKS=4", "SLURM_PROCID=0", "SLURM_LOCALID=0"},
     NULL,
     {0, 1, 0, 1}},
    {"RANK of something else", {"RANK=3"}, NULL, {0, 1, 0, 1}},
    {"mpirun of one", {"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=1"}, "mpirun", {0, 1, 0, 0}},
};

static void set(const struct row *row)
{
    clearenv();
    for (size_t i = 0; row->env[i]; i++)
        putenv((char *)row->env[i]);
}

Test(ranks, are_found_in_the_words_of_each_launcher)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rn_ranks r;
        set(&rows[i]);
        cr_assert(rn_ranks_detect(&r, NULL) == RN_OK, "%s", rows[i].what);
        const struct rn_comm_seat *s = &r.seat, *w = &rows[i].seat;
        cr_expect(s->rank == w->rank && s->world == w->world && s->local_rank == w->local_rank &&
                      s->local_world == w->local_world,
                  "%s: %d of %d, here %d of %d", rows[i].what, s->rank, s->world, s->local_rank,
                  s->local_world);
        cr_expect(rows[i].launcher ? r.launcher && strcmp(r.launcher, rows[i].launcher) == 0
                                   : !r.launcher,
                  "%s: by %s", rows[i].what, r.launcher ? r.launcher : "nobody");
    }
}

Test(ranks, of_two_starts_are_told_apart)
{
    struct rn_ranks one, other;
    struct row row = {
        .env = {"OMPI_COMM_WORLD_RANK=0", "OMPI_COMM_WORLD_SIZE=2", "PMIX_NAMESPACE=1", NULL}};
    set(&row);
    cr_assert(rn_ranks_detect(&one, NULL) == RN_OK);
    row.env[0] = "OMPI_COMM_WORLD_RANK=1";
    set(&row);
    cr_assert(rn_ranks_detect(&other, NULL) == RN_OK);
    cr_expect_str_eq(one.job, other.job, "ranks of one start have one job");
    row.env[2] = "PMIX_NAMESPACE=2";
    set(&row);
    cr_assert(rn_ranks_detect(&other, NULL) == RN_OK);
    cr_expect_str_neq(one.job, other.job);
}

Test(ranks, that_make_no_sense_are_refused)
{
    static const struct row bad[] = {
        {.env = {"RANK=2", "WORLD_SIZE=2"}},  {.env = {"RANK=-1", "WORLD_SIZE=2"}},
        {.env = {"RANK=x", "WORLD_SIZE=2"}},  {.env = {"RANK=0", "WORLD_SIZE=0"}},
        {.env = {"RANK=", "WORLD_SIZE=2"}},   {.env = {"RANK=0", "WORLD_SIZE=99999"}},
        {.env = {"RANK=0 ", "WORLD_SIZE=2"}}, {.env = {"RANK=0", "WORLD_SIZE=9999999999999999999"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rn_ranks r;
        struct rn_err err = {0};
        set(&bad[i]);
        cr_expect(rn_ranks_detect(&r, &err) == RN_EUSAGE, "%s %s", bad[i].env[0], bad[i].env[1]);
        cr_expect(strstr(err.msg, "RANK="), "%s", err.msg);
    }
}

Test(ranks, on_a_node_are_counted_in_the_words_of_slurm)
{
    static const struct {
        const char *list;
        int node, tasks;
    } of[] = {{"3,1", 0, 3},     {"3,1", 1, 1},
              {"3,1", 2, 0},     {"2(x3)", 2, 2},
              {"2(x3),5", 3, 5}, {"2(x3),5", 4, 0},
              {"", 0, 0},        {NULL, 0, 0},
              {"2(x", 0, 0},     {"x", 0, 0},
              {"2(x-1)", 0, 0},  {"99999", 0, 0},
              {"4", 0, 4},       {"1(x2147483647),7(x2)", 0, 1}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        cr_expect_eq(rn_ranks_slurm_tasks(of[i].list, of[i].node), of[i].tasks, "%s node %d",
                     of[i].list ? of[i].list : "(none)", of[i].node);
}
