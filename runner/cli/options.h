/* options.h - rows that several commands put into their option tables: each said once.
 *
 *     static const struct rn_opt opts[] = {RN_OPTS_PIPELINE, RN_OPTS_SLICE, {0}}; */
#ifndef RN_OPTIONS_H
#define RN_OPTIONS_H

#include "command.h"

#define RN_ARGS_PIPELINE "FILE [key=value ...]"

/* clang-format off */
#define RN_OPT_PROFILE {"profile", 'p', "PROFILE", "use this profile of the file"}
#define RN_OPT_CELL    {"cell", 0, "CELL", "this cell of the file's matrix, by name or number"}
#define RN_OPT_STAGE   {"stage", 0, "STAGE", "this stage only"}
#define RN_OPT_VERIFY                                                                             \
    {"verify", 0, "stat|hash",                                                                    \
     "hash again what changed since it was hashed (default), or everything"}

/* Which pipeline of the file: every command that takes a pipeline file has them. */
#define RN_OPTS_PIPELINE RN_OPT_PROFILE, RN_OPT_CELL

/* Which stages take part: target.h fills struct rn_run_how from them. */
#define RN_OPTS_SLICE                                                                             \
    {"from", 0, "STAGE", "earlier stages do not run"},                                            \
    {"until", 0, "STAGE", "later stages do not run"},                                             \
    {"only", 0, "STAGE", "no other stage runs"},                                                  \
    {"force", 0, "STAGE", "run it from the start although it is up to date (may repeat)"},        \
    {"yes", 0, "STAGE", "yes, put its costly work aside (may repeat)"},                           \
    {"accept-stale", 0, NULL, "with --from or --only: take inputs that are not up to date"}

#define RN_OPT_DEVICE  {"device", 0, "NAME", "where to compute: cpu, cuda (default: cpu)"}
#define RN_OPT_GPUS                                                                               \
    {"gpus", 0, "N", "train on so many GPUs of this machine, with a process for each"}
#define RN_OPT_THREADS {"threads", 0, "N", "processor threads (default: all)"}
#define RN_OPT_OFFLINE {"offline", 0, NULL, "no network: the cache and builtin sources only"}
#define RN_OPT_LOCKED  {"locked", 0, NULL, "the lock file must know every download already"}
/* clang-format on */

#endif
