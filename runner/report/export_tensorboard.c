/* Event files of a whole run. One file a stage, named by its first number's time: made again it
 * replaces itself. */
#include "exports.h"
#include "facts.h"
#include "file.h"
#include "hparams.h"
#include "mem.h"
#include "path.h"
#include "tfevents.h"

#include <stdlib.h>
#include <string.h>

static void put_row(struct rn_str *s, const struct rn_curves *c, size_t row,
                    struct rn_metric_value *values)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_curves; i++)
        if (c->curves[i].known[row])
            values[n++] = (struct rn_metric_value){c->curves[i].name, c->curves[i].values[row]};
    if (n > 0)
        rn_tfevents_scalars(s, c->times_s[row], c->steps[row], values, n);
}

static void put_settings(struct rn_str *s, const struct rn_curves *c, json_t *config)
{
    struct rn_hparams h;
    rn_hparams_of(&h, config, c->stage);
    if (h.n)
        rn_tfevents_hparams(s, c->times_s[0], h.items, h.n);
    rn_hparams_release(&h);
}

static int write_events(const struct rn_curves *c, json_t *config, const char *path,
                        struct rn_err *err)
{
    struct rn_writer w;
    struct rn_str s = {0};
    struct rn_metric_value *values = rn_xalloc((c->n_curves + 1) * sizeof *values);
    int rc = rn_writer_open(&w, path, err);
    if (rc == RN_OK) {
        rn_tfevents_begin(&s, c->times_s[0], c->steps[0]);
        put_settings(&s, c, config);
        for (size_t row = 0; row < c->n; row++) {
            put_row(&s, c, row, values);
            rn_writer_add(&w, s.p, s.n);
            rn_str_clear(&s);
        }
        for (size_t i = 0; i < c->n_said; i++)
            rn_tfevents_text(&s, c->said[i].time_s, c->said[i].step, c->said[i].name,
                             c->said[i].text);
        rn_writer_add(&w, s.p ? s.p : "", s.n);
        rc = rn_writer_commit(&w, NULL, err);
    }
    free(values);
    rn_str_release(&s);
    return rc;
}

static int export_stages(const struct rn_numbers *n, json_t *config, FILE *out, const char *folder,
                         struct rn_err *err)
{
    for (size_t i = 0; i < n->n; i++) {
        const struct rn_curves *c = &n->stages[i];
        char *dir = rn_join(folder, c->stage),
             *name = rn_tfevents_name(c->times_s[0], "runnel", 0, 0);
        char *path = rn_join(dir, name);
        int rc = rn_mkdirs(dir, err);
        if (rc == RN_OK)
            rc = write_events(c, config, path, err);
        if (rc == RN_OK)
            fprintf(out, "%s\n", path);
        free(path);
        free(name);
        free(dir);
        RN_TRY(rc);
    }
    return RN_OK;
}

int rn_export_tensorboard(const struct rn_numbers *n, FILE *out, const char *folder,
                          struct rn_err *err)
{
    json_t *config = json_object(); /* of an imported log there is none */
    rn_facts_config(config, n->dir, NULL);
    int rc = export_stages(n, config, out, folder, err);
    json_decref(config);
    return rc;
}
