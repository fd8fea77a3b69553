#include "mixture.h"

#include "mt19937.h"

#include <inttypes.h>
#include <stdlib.h>

enum { TASK_SHIFT = 40 }; /* an entry is task << 40 | row */

struct rn_mixture {
    struct rn_task **tasks;
    size_t n_tasks, cap_tasks;
    int64_t *entries;
    size_t n, cap;
    struct rn_str spec; /* what the digest is over */
    char digest[RN_HEX];
    bool closed;
};

struct rn_mixture *rn_mixture_new(void)
{
    return rn_new(struct rn_mixture);
}

void rn_mixture_free(struct rn_mixture *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n_tasks; i++)
        rn_task_free(m->tasks[i]);
    free(m->tasks);
    free(m->entries);
    rn_str_release(&m->spec);
    free(m);
}

int rn_mixture_add(struct rn_mixture *m, struct rn_task *task, int64_t rows, int64_t epochs,
                   struct rn_err *err)
{
    RN_ASSERT(!m->closed);
    int64_t index = (int64_t)m->n_tasks, all = rn_task_rows(task);
    RN_PUSH(m->tasks, m->n_tasks, m->cap_tasks, task);
    int64_t used = rows < 0 || rows > all ? all : rows;
    if (used == 0 || epochs < 1)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "no row of the task '%s' is in the mixture",
                       rn_task_name(task));
    if (epochs > (RN_MIXTURE_ROWS_MAX - (int64_t)m->n) / used)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "%" PRId64 " x %" PRId64 " rows of the task '%s' are too many (at most %d)",
                       epochs, used, rn_task_name(task), RN_MIXTURE_ROWS_MAX);
    for (int64_t e = 0; e < epochs; e++)
        for (int64_t i = 0; i < used; i++)
            RN_PUSH(m->entries, m->n, m->cap, index << TASK_SHIFT | i);
    rn_str_printf(&m->spec, "%s %" PRId64 " %" PRId64 "\n", rn_task_digest(task), used, epochs);
    return RN_OK;
}

void rn_mixture_close(struct rn_mixture *m)
{
    struct rn_mt r;
    rn_mt_seed(&r, 42);
    rn_mt_shuffle(&r, m->entries, m->n);
    rn_sha256_hex(m->spec.p ? m->spec.p : "", m->spec.n, m->digest);
    m->closed = true;
}

int64_t rn_mixture_rows(const struct rn_mixture *m)
{
    return (int64_t)m->n;
}
const char *rn_mixture_digest(const struct rn_mixture *m)
{
    return m->digest;
}

int rn_mixture_get(const struct rn_mixture *m, int64_t i, struct rn_conversation *c,
                   struct rn_err *err)
{
    RN_ASSERT(m->closed && i >= 0 && i < (int64_t)m->n);
    int64_t entry = m->entries[i];
    return rn_task_get(m->tasks[entry >> TASK_SHIFT], entry & (((int64_t)1 << TASK_SHIFT) - 1), c,
                       err);
}
