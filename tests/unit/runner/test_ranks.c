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

Test(ranks, take_the_card_of_their_number_on_the_host)
{
    static const struct {
        const char *what, *env[6], *device, *own; /* NULL: refused */
        int cards;
    } of[] = {
        {"a rank alone takes what is said", {NULL}, "cuda:3", "cuda:3", 1},
        {"or the first", {NULL}, "cuda", "cuda", 1},
        {"two ranks on a host take a card each",
         {"RANK=5", "WORLD_SIZE=6", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2"},
         "cuda",
         "cuda:1",
         2},
        {"where nobody counts those on the host, there are as many as the number says",
         {"RANK=5", "WORLD_SIZE=6", "LOCAL_RANK=1"},
         "cuda",
         "cuda:1",
         2},
        {"the processor is one for all",
         {"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2"},
         "cpu",
         "cpu",
         2},
        {"one card is not for two",
         {"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=1", "LOCAL_WORLD_SIZE=2"},
         "cuda:1",
         NULL,
         2},
        {"but for the only one on its host",
         {"RANK=1", "WORLD_SIZE=2", "LOCAL_RANK=0", "LOCAL_WORLD_SIZE=1"},
         "cuda:1",
         "cuda:1",
         1},
        {"whom srun shows its own cards alone takes the first of them",
         {"SLURM_PROCID=3", "SLURM_STEP_NUM_TASKS=4", "SLURM_LOCALID=3", "SLURM_GPUS_PER_TASK=1",
          "SLURM_STEP_TASKS_PER_NODE=4"},
         "cuda",
         "cuda:0",
         1},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct row row = {0};
        struct rn_ranks r;
        char *own;
        memcpy(row.env, of[i].env, sizeof of[i].env);
        set(&row);
        cr_assert(rn_ranks_detect(&r, NULL) == RN_OK, "%s", of[i].what);
        cr_expect_eq(rn_ranks_cards(&r), of[i].cards, "%s", of[i].what);
        int rc = rn_ranks_device(&r, of[i].device, &own, NULL);
        cr_expect_eq(rc, of[i].own ? RN_OK : RN_EUSAGE, "%s", of[i].what);
        cr_expect(of[i].own ? own && strcmp(own, of[i].own) == 0 : !own, "%s: %s", of[i].what, own);
        free(own);
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
