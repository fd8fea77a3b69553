/* locks.h - which locks a runs directory has, and where they lie.
 *
 *     runs/<tag>/.lock                      the run: its journal, numbers, links
 *     runs/.locks/<kind>-<progresskey16>    work on a key: attempt and checkpoints in the store,
 *                                           which runs of several tags may want to make
 *
 * Who takes both takes the run's first. How such a lock works is in lock.h. */
#ifndef RN_LOCKS_H
#define RN_LOCKS_H

#include "lock.h"

struct rn_plan;

/* Makes the run's directory. RN_ELOCKED: another process works on the run. */
int rn_lock_take_run(struct rn_lock *, const char *runs, const char *tag, struct rn_err *);
/* As rn_lock_held. */
bool rn_lock_held_run(const char *run_dir, char *owner, size_t owner_bytes);

/* work: "<kind>-<progresskey16>", see rn_store_name; what: "stage 'base'", for the message. */
int rn_lock_take_work(struct rn_lock *, const char *runs, const char *work, const char *what,
                      struct rn_err *);
/* The same for what a planned stage works on; its keys must be known. */
int rn_lock_take_stage(struct rn_lock *, const struct rn_plan *, size_t stage, struct rn_err *);
/* Somebody works on what the stage would, or was killed while at it. */
bool rn_lock_lies_on_stage(const struct rn_plan *, size_t stage);

#endif
