/* stage.h - what a stage is. Stages and the runner both include this and never each other.
 *
 * A stage is one line in stages.def and one file stages/<kind with underscores>.c that defines
 *
 *     const struct rn_stage rn_stage_<name> = {.kind = "train-tokenizer", .run = run, ...};
 *
 * The runner parses the YAML with `keys`, resolves references, decides whether the stage must run,
 * makes an empty output directory and calls `run`. When run returns RN_OK the runner syncs, digests
 * and renames the directory into the store. A stage never decides whether it is stale, never writes
 * outside its out and work directories, never prints. It runs in a process of its own: what it does
 * to its memory, its threads and its signal mask ends with it. */
#ifndef RN_STAGE_H
#define RN_STAGE_H

#include "comm.h"
#include "log.h"
#include "memo.h"
#include "schema.h"

/* --- what the runner gives a stage --- */

struct rn_artifact_file {
    const char *name; /* relative to the artifact's directory, e.g. "shard_00003.parquet" */
    const char *path; /* openable */
    int64_t size_bytes;
    const char *sha256;
};
/* One output of an earlier stage, immutable and verified. */
struct rn_artifact {
    const char *kind;                     /* "files", "tokenizer", "tokens", "model", "scores" */
    const char *name;                     /* as the user wrote it: "data.shards[0:8]" */
    const char *dir;                      /* its directory */
    const char *digest;                   /* over names, sizes and digests of its files */
    const struct rn_artifact_file *files; /* in order: fetch entries as listed, otherwise by name */
    size_t n_files;
};

/* The paths of its files, in order; caller frees the array. */
const char **rn_artifact_paths(const struct rn_artifact *);

/* Work of an earlier run that sets out as this one and differs in nothing but its horizon. */
struct rn_earlier {
    const char *key, *work_dir; /* progress key, checkpoints */
};

/* A file of an output that is whole and verified while the stage still works on others. */
struct rn_arrival {
    const char *output;   /* "shards" */
    int64_t index, count; /* its place among the output's files, and how many there will be */
    const char *name;
    const char *path; /* where it stays, whatever becomes of out_dir: in the cache */
    int64_t size_bytes;
    const char *sha256;
    bool more; /* others follow at once: whoever wants to hear of files need not be woken yet */
};

/* What became of a file that a stage was to bring, in the words of `fetch --json`. */
struct rn_file_end {
    const char *file;    /* "data.shards/shard_00003.parquet" */
    const char *state;   /* "fetched", "cached" or "failed" */
    const char *sha256;  /* "": not known */
    int64_t size_bytes;  /* -1: not known */
    const char *trust;   /* whose word the digest rests on; "-": nobody's */
    const char *where;   /* the host that gave it; "": not known */
    const char *message; /* why it failed, or "" */
    bool more;           /* others follow at once */
};

struct rn_metric_value {
    const char *name; /* a name of the stage's metric table, or "<model>.<task>" for eval */
    double value;
};

/* What stands behind the calls below: the runner; tests bring their own. */
struct rn_estimate;
struct rn_stage;
struct rn_runner;
struct rn_job_ops {
    bool (*stopping)(struct rn_runner *);
    const struct rn_artifact *(*artifact)(struct rn_runner *, const struct rn_ref *);
    const struct rn_artifact *(*watched)(struct rn_runner *, const char *name);
    const struct rn_estimate *(*expected)(struct rn_runner *, const struct rn_ref *);
    void (*metrics)(struct rn_runner *, int64_t step, const struct rn_metric_value *, size_t n);
    void (*said)(struct rn_runner *, int64_t step, const char *name, const char *text);
    void (*histogram)(struct rn_runner *, int64_t step, const char *name, const double *bins,
                      size_t n);
    double (*last_metric)(struct rn_runner *, const char *name);
    int64_t (*metrics_offset)(struct rn_runner *);
    int (*metrics_cut)(struct rn_runner *, int64_t offset, struct rn_err *);
    void (*progress)(struct rn_runner *, double done, double total, const char *unit,
                     const char *text);
    void (*arrived)(struct rn_runner *, const struct rn_arrival *);
    void (*file_ended)(struct rn_runner *, const struct rn_file_end *);
};

/* One running stage. Fields are borrowed and constant during run. */
struct rn_job {
    const struct rn_stage *kind;
    const char *stage;        /* its name in the pipeline: "base" */
    const char *out_dir;      /* empty at the start; output NAME goes to out_dir/NAME/ */
    const char *work_dir;     /* of the progress key: survives kills and failures; checkpoints */
    const char *key;          /* progress key, hex: checkpoints must carry it */
    const char *pipeline_dir; /* local paths in the YAML are relative to it */
    const char *run_dir;      /* runs/<tag>: for quarantine and the like; not part of any digest */
    const char *lock_path;    /* <pipeline>.lock, pins of fetched files */
    /* For `estimate` all there is; for `run` what the estimate chose, if work_dir has nothing. */
    const struct rn_earlier *earlier;
    size_t n_earlier;
    const struct rn_estimate *expected; /* for `run`: what its estimate said; NULL: nobody asked */
    const char *resume_from;            /* checkpoint name from --resume-from, or NULL */
    const char *device;                 /* "cpu" */
    struct rn_comm *comm;               /* the ranks that train together; NULL: this one is alone */
    int ranks;                          /* how many an estimate is for; 0: alone */
    int threads;
    bool offline, locked;
    bool op_times;        /* tell at the end where the time of a training went */
    bool rehash;          /* an estimate reads what it would otherwise believe of sizes */
    struct rn_memo *memo; /* digests of files that have not changed; NULL: none are known */
    const struct rn_log *log;
    struct rn_runner *runner; /* opaque; for the calls below */
    const struct rn_job_ops *ops;
};

/* True once INT, TERM, USR1, USR2 or HUP came: finish the step, save, return RN_ESTOPPED. Cheap. */
static inline bool rn_job_stopping(const struct rn_job *j)
{
    return j->ops->stopping(j->runner);
}
/* The artifact behind a reference of the stage's config, NULL if the key was not given. */
static inline const struct rn_artifact *rn_job_artifact(const struct rn_job *j,
                                                        const struct rn_ref *r)
{
    return r->text ? j->ops->artifact(j->runner, r) : NULL;
}
/* The artifact behind `watch_in: {name: ...}`, NULL if the pipeline does not name one. */
static inline const struct rn_artifact *rn_job_watched(const struct rn_job *j, const char *name)
{
    return j->ops->watched(j->runner, name);
}
/* For `estimate`: what the stage behind a reference is expected to make, where there is no artifact
 * yet; NULL if nobody knows. */
static inline const struct rn_estimate *rn_job_expected(const struct rn_job *j,
                                                        const struct rn_ref *r)
{
    return r->stage && j->ops->expected ? j->ops->expected(j->runner, r) : NULL;
}
/* One line of metrics/<stage>.jsonl: {"step":..,"time":..,name:value..}. The last value of a name
 * is what gates and reports see. */
static inline void rn_job_metrics(const struct rn_job *j, int64_t step,
                                  const struct rn_metric_value *v, size_t n)
{
    j->ops->metrics(j->runner, step, v, n);
}
/* A text beside the numbers of a step, "sample/0": what the model said. UTF-8. Optional. */
static inline void rn_job_said(const struct rn_job *j, int64_t step, const char *name,
                               const char *text)
{
    if (j->ops->said)
        j->ops->said(j->runner, step, name, text);
}
/* How the values of a tensor are spread, for whoever shows it: n bins of left end, right end and
 * count, rising. A picture of a moment, kept nowhere else. Optional. */
static inline void rn_job_histogram(const struct rn_job *j, int64_t step, const char *name,
                                    const double *bins, size_t n)
{
    if (j->ops->histogram)
        j->ops->histogram(j->runner, step, name, bins, n);
}
/* The last value written under this name, also by the part of the run before a resume; NaN: none.
 * Times live here, and not in checkpoints, whose bytes must not depend on a clock. */
static inline double rn_job_last_metric(const struct rn_job *j, const char *name)
{
    return j->ops->last_metric(j->runner, name);
}
/* Where the metrics file ends now (flushed and synced); kept in a checkpoint. */
static inline int64_t rn_job_metrics_offset(const struct rn_job *j)
{
    return j->ops->metrics_offset(j->runner);
}
/* On resume: cuts the metrics file back to the offset of the checkpoint. */
static inline int rn_job_metrics_cut(const struct rn_job *j, int64_t offset, struct rn_err *err)
{
    return j->ops->metrics_cut(j->runner, offset, err);
}
/* How far the stage is, for the progress line and its ETA; text is extra, e.g. "loss 3.21". */
static inline void rn_job_progress(const struct rn_job *j, double done, double total,
                                   const char *unit, const char *text)
{
    j->ops->progress(j->runner, done, total, unit, text);
}

/* Announces a file early: whoever needs no more than such files may start, where the pipeline says
 * `background: true`. Optional; the output must hold the same file in the end. */
static inline void rn_job_arrived(const struct rn_job *j, const struct rn_arrival *a)
{
    if (j->ops->arrived)
        j->ops->arrived(j->runner, a);
}

/* Every file once, for programs that listen: what is said to the log is for people. Optional. */
static inline void rn_job_file_ended(const struct rn_job *j, const struct rn_file_end *f)
{
    if (j->ops->file_ended)
        j->ops->file_ended(j->runner, f);
}

/* --- what a stage tells the runner --- */

struct rn_output {
    const char *name; /* directory below out_dir: "tokenizer" */
    const char *kind; /* artifact kind */
};
struct rn_metric {
    const char *name, *unit;
    int better; /* +1: larger is better, -1: smaller is better, 0: neither */
    const char *doc;
};
/* What a run of the stage would cost, for `plan`. Zero: unknown or nothing. */
struct rn_estimate {
    double flops, tokens, memory_bytes, disk_bytes, download_bytes;
    double weights_bytes, optimizer_bytes, activation_bytes, ranks_bytes; /* of memory_bytes */
    int64_t steps, params;
    int64_t vocab_size;      /* of the tokenizer that it makes */
    int64_t resume_step;     /* newest checkpoint that would be continued, -1: none */
    const char *resume_key;  /* ... of this earlier work (job->earlier); NULL: of work_dir */
    const char *restart_key; /* earlier work of which no step can be used; NULL: none */
    char note[160];          /* what one should know before it runs, in half a line; "": nothing */
    char stuck[240];         /* why none of the checkpoints that are there can be continued, so that
                                `run` would fail; "": it would not */
};

struct rn_fetcher;
struct rn_fetch_file;
struct rn_stage {
    const char *kind; /* as written after `kind:`: "base-train" */
    const char *doc;  /* one line */
    int version;      /* raise when results change for equal keys: makes old outputs stale */
    bool trains;      /* has a work directory and checkpoints */
    bool talks;       /* its model was taught to answer: `runnel chat` */
    bool executes;    /* runs what the pipeline file says: only with --allow-exec */
    const void *own;  /* what sets it apart from kinds that share its functions; or NULL */
    const struct rn_key *keys; /* besides those that every stage has; `in` is listed here */
    size_t cfg_bytes;
    const struct rn_output *outputs; /* ends with name NULL; first: default. NULL: list_outputs */
    const struct rn_metric *metrics; /* ends with name NULL; may be NULL */
    bool metrics_of_inputs;          /* they are named after what is measured: sft.bpb */
    /* For kinds whose outputs depend on the config (fetch: one per entry). Items in the arena. */
    size_t (*list_outputs)(const void *cfg, struct rn_arena *, struct rn_output **out);
    /* Replaces what the file leaves to the machine (`auto`) by what this machine makes of it on
     * the device of this name (NULL: the processor), so that keys, tag and resolved.yaml say what
     * is done. No files, no clock; a device is looked at by another process. May be NULL. */
    void (*settle)(void *cfg, const char *device);
    /* Rules that join keys. No files, no clock: `runnel check` calls it. The runner places the
     * error at the key that err->msg names first in quotes ('horizon.steps'), else at the stage.
     * May be NULL. */
    int (*check)(const void *cfg, struct rn_err *);
    /* Whether so many processes can share the work, as far as the config alone says: RN_ECONFIG
     * with how many could. NULL: the work is never shared. */
    int (*share)(const void *cfg, const struct rn_stage *, int ranks, struct rn_err *);
    /* Extra content for the stage's key, e.g. digests of local files and pins. What is under
     * "horizon" says how long the work is to be, not what it is: see rn_earlier. While the stage
     * runs nothing but pins, in the lock file, may come to it. May be NULL. */
    int (*fingerprint)(const struct rn_job *, const void *cfg, json_t *into, struct rn_err *);
    /* Cost and resume point; inputs that do not exist yet are NULL artifacts. May be NULL. */
    int (*estimate)(const struct rn_job *, const void *cfg, struct rn_estimate *, struct rn_err *);
    int (*run)(struct rn_job *, const void *cfg, struct rn_err *);
    /* For `runnel fetch`: every file of the stage and a fetcher that is set up for them (proof.h,
     * fetcher.h), which live as long as the call of `use`. NULL: the kind fetches nothing. */
    int (*files)(const struct rn_job *, const void *cfg,
                 int (*use)(void *ctx, struct rn_fetcher *, struct rn_fetch_file *, size_t n,
                            struct rn_err *),
                 void *ctx, struct rn_err *);
};

/* All kinds, NULL-ended, in stages.def order. */
extern const struct rn_stage *const rn_stages[];

#endif
