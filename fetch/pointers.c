#include "pointers.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

void rn_pointers_add(struct rn_pointers *p, const struct rn_pointer *pointer, double now_s)
{
    if (p->n_waiting == 0)
        p->since_s = now_s;
    RN_PUSH(p->waiting, p->n_waiting, p->cap_waiting, *pointer);
}

bool rn_pointers_due(const struct rn_pointers *p, bool idle, double now_s)
{
    const double gather_s = 0.05;
    bool waited = idle || p->n_waiting >= RN_LFS_AT_ONCE || now_s - p->since_s >= gather_s;
    return p->n_waiting > 0 && p->n_out == 0 && waited;
}

static bool go_together(const struct rn_pointer *a, const struct rn_pointer *b)
{
    return strcmp(a->api_url, b->api_url) == 0 && a->auth == b->auth;
}

static void ask(struct rn_task *t)
{
    struct rn_pointers *p = (struct rn_pointers *)t;
    struct rn_lfs_want wants[RN_LFS_AT_ONCE];
    struct rn_who who = {0};
    if (p->f->who)
        who = rn_who_only(p->f->who, p->out[0].auth);
    struct rn_lfs_how how = {.who = &who,
                             .connect_s = p->f->connect_s,
                             .stall_s = p->f->stall_s,
                             .stopping = p->f->stopping,
                             .ctx = p->f->ctx};
    for (size_t i = 0; i < p->n_out; i++)
        wants[i] = p->out[i].want;
    rn_lfs_ask(&how, p->out[0].api_url, wants, p->n_out);
    for (size_t i = 0; i < p->n_out; i++)
        p->out[i].want = wants[i];
}

void rn_pointers_send(struct rn_pointers *p, const struct rn_fetcher *f, struct rn_pool *pool)
{
    const struct rn_pointer first = p->waiting[0];
    size_t left = 0;
    for (size_t i = 0; i < p->n_waiting; i++)
        if (p->n_out < RN_LFS_AT_ONCE && go_together(&first, &p->waiting[i]))
            p->out[p->n_out++] = p->waiting[i];
        else
            p->waiting[left++] = p->waiting[i];
    p->n_waiting = left;
    p->f = f;
    p->task.work = ask;
    rn_pool_add(pool, &p->task);
}

void rn_pointers_end(struct rn_pointers *p)
{
    for (size_t i = 0; i < p->n_out; i++)
        rn_lfs_want_release(&p->out[i].want);
    p->n_out = 0;
}

void rn_pointers_release(struct rn_pointers *p)
{
    rn_pointers_end(p);
    free(p->waiting);
    *p = (struct rn_pointers){0};
}
