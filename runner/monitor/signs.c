#include "signs.h"

#include "checkpoint.h"
#include "clock.h"
#include "file.h"
#include "machine.h"
#include "path.h"

#include <stdlib.h>
#include <sys/stat.h>

/* --- its work directory --- */

static void measure(struct rn_seen_save *seen, const struct rn_ckpt *c)
{
    int64_t step = rn_ckpt_pointed(c, "latest");
    if (step < 0 || (seen->size_bytes > 0 && step == seen->step))
        return;
    char *dir = rn_ckpt_path(c, step);
    *seen = (struct rn_seen_save){step, rn_tree_bytes(dir)};
    free(dir);
}

void rn_signs_of_work(struct rn_signs *s, struct rn_seen_save *seen, const char *work_dir)
{
    struct stat st;
    char *latest = rn_join(work_dir, "latest");
    measure(seen, &(struct rn_ckpt){.dir = work_dir});
    if (seen->size_bytes > 0)
        s->checkpoint_bytes = seen->size_bytes;
    if (stat(latest, &st) == 0) /* replaced when the newest checkpoint was whole */
        s->since_save_s = rn_time_s() - (double)st.st_mtime;
    s->disk_free_bytes = (double)rn_disk_free(work_dir);
    free(latest);
}

/* --- its keys --- */

static double number(const struct rn_key *keys, const void *cfg, const char *path)
{
    const struct rn_key *key = keys ? rn_schema_row(keys, path) : NULL;
    if (!key)
        return 0;
    const char *at = (const char *)cfg + key->offset;
    return key->type == RN_T_TIME ? *(const double *)at : (double)*(const int64_t *)at;
}

void rn_signs_of_keys(struct rn_signs *s, const struct rn_key *keys, const void *cfg)
{
    s->save_every_s = number(keys, cfg, "checkpoint.every_time");
    s->save_every_steps = number(keys, cfg, "checkpoint.every");
}

/* --- the cards --- */

void rn_signs_of_gpus(struct rn_signs *s, const struct rn_gauge *gauge)
{
    struct rn_reading r;
    if (!gauge || !rn_gauge_get(gauge, &r))
        return;
    s->hottest_c = r.hottest_c;
    s->slowdown_c = r.slowdown_c;
    s->throttled = r.throttled > 0;
    s->lost = (int)r.lost;
}
