/* core_bundle.h - CORE's tasks as its bundle describes them.
 *
 *     struct rn_core c;
 *     RN_TRY(rn_core_open(&c, "eval_bundle", err));
 *     use(c.tasks, c.n);
 *     rn_core_release(&c); */
#ifndef RN_CORE_BUNDLE_H
#define RN_CORE_BUNDLE_H

#include "core_rows.h"
#include "mem.h"

struct rn_core {
    struct rn_arena arena;
    struct rn_core_task *tasks; /* core.yaml's order */
    size_t n, cap;
};
/* An unpacked bundle: core.yaml, eval_meta_data.csv, eval_data/. RN_ECORRUPT with file and line. */
int rn_core_open(struct rn_core *, const char *dir, struct rn_err *);
void rn_core_release(struct rn_core *);

#endif
