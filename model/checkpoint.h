/* checkpoint.h - a training state that is either whole or not there.
 *
 *     struct rn_ckpt c = {.dir = work_dir, .key = progress_key, .log = log};
 *     int64_t step;
 *     RN_TRY(rn_ckpt_find(&c, NULL, &step, err));                 newest that verifies, -1: none
 *     if (step >= 0)
 *         RN_TRY(rn_ckpt_load(&c, step, model, optim, &state, err));
 *     ...
 *     RN_TRY(rn_ckpt_save(&c, step, model, optim, state, err));
 *     RN_TRY(rn_ckpt_rotate(&c, step, keep, err));
 *
 *     <dir>/step_012750/
 *         model.safetensors        the weights
 *         optimizer.safetensors    moments
 *         config.json              what the model is
 *         state.json               what else the loop needs: place in the data, bests, ..
 *         manifest.json            {step, key, files: {name: {size, sha256}}}, written last
 *     <dir>/latest                 small files that hold a step, replaced by rename
 *     <dir>/latest_backup
 *     <dir>/best
 *     <dir>/epoch_00001
 *     <dir>/rolling_step_012750
 *
 * A directory is made under a temporary name and renamed when every file is synced, so it has a
 * step name only when whole; the manifest tells later damage. Tensors are canonical: they do not
 * depend on threads, device or world size. Directories that no name points to are removed by
 * rotate. */
#ifndef RN_CHECKPOINT_H
#define RN_CHECKPOINT_H

#include "log.h"
#include "memo.h"
#include "model.h"
#include "optim.h"
#include "str.h"

struct rn_ckpt {
    const char *dir; /* the stage's work directory */
    const char *key; /* progress key; a checkpoint of another key is refused */
    const struct rn_log *log;
    const json_t *extra;  /* further keys of config.json; may be NULL */
    int64_t steps;        /* the horizon: later checkpoints are passed over; 0: none is too late */
    struct rn_memo *memo; /* remembers what damaged files hold; may be NULL */
    bool glance; /* no file is read: whole is what has its sizes and is not remembered as damaged */
};

/* Saves under step_NNNNNN; does nothing if a verified one of this step is there already.
 * RN_ENOSPACE leaves everything as it was. */
int rn_ckpt_save(const struct rn_ckpt *, int64_t step, const struct rn_model *,
                 const struct rn_optim *optim, const json_t *state, struct rn_err *);

/* Makes a checkpoint of other work one of this: its files (linked where the file system can), under
 * this key. For a training that sets out as the other did. RN_ECORRUPT: `from` has none that
 * verifies. */
int rn_ckpt_take(const struct rn_ckpt *, const struct rn_ckpt *from, int64_t step, struct rn_err *);

/* Points a name at a step. */
int rn_ckpt_point(const struct rn_ckpt *, const char *name, int64_t step, struct rn_err *);
int64_t rn_ckpt_pointed(const struct rn_ckpt *, const char *name); /* -1: no such name */

/* latest_backup = latest, latest = step, adds rolling_step_NNNNNN, keeps the newest `keep` of
 * those, removes directories without a name. */
int rn_ckpt_rotate(const struct rn_ckpt *, int64_t step, int64_t keep, struct rn_err *);
/* The checkpoint of this step is the newest from now on: removes later ones and their names. */
int rn_ckpt_forget_after(const struct rn_ckpt *, int64_t step, struct rn_err *);

/* name NULL: the newest checkpoint that verifies and is not beyond the horizon, *step -1 if there
 * is none at all. Each one passed over is logged with the reason; if some are damaged and none
 * verifies: RN_ECORRUPT. A name ("best", "step_012750"): that one or RN_ECORRUPT. */
int rn_ckpt_find(const struct rn_ckpt *, const char *name, int64_t *step, struct rn_err *);

/* RN_OK if step_NNNNNN is whole: manifest, key (unless key is NULL), sizes, and digests but for a
 * glance. */
int rn_ckpt_verify(const struct rn_ckpt *, int64_t step, struct rn_err *);

/* Fills the weights and the optimizer's moments (optim may be NULL); *state is a new reference. */
int rn_ckpt_load(const struct rn_ckpt *, int64_t step, struct rn_model *, struct rn_optim *optim,
                 json_t **state, struct rn_err *);

char *rn_ckpt_path(const struct rn_ckpt *, int64_t step); /* <dir>/step_NNNNNN; caller frees */

/* Steps that have a directory, ascending; *steps is owned by the caller. */
size_t rn_ckpt_list(const struct rn_ckpt *, int64_t **steps);
/* Appends the names that point to a step: "best, latest", in the order of their bytes. */
void rn_ckpt_names(const struct rn_ckpt *, int64_t step, struct rn_str *);

/* Steps to which nothing points but a rolling name that is not among the newest `keep`: listed like
 * rn_ckpt_list, and removed. What others resume from, compare or export is never among them. For
 * whoever holds the lock of the work directory. */
size_t rn_ckpt_spare(const struct rn_ckpt *, int64_t keep, int64_t **steps);
int rn_ckpt_thin(const struct rn_ckpt *, int64_t keep, struct rn_err *);

#endif
