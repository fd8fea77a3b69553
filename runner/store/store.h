/* store.h - finished outputs, by content of what made them: runs/.store/<kind>-<outkey16>/.
 *
 *     RN_TRY(rn_store_load(&entry, store, kind, keys.out, RN_VERIFY_SIZE, err));
 *     if (entry)
 *         use(rn_stored_output(entry, "tokenizer"));
 *     rn_stored_free(entry);
 *
 *     <kind>-<outkey16>/manifest.json    written last, deleted first
 *     <kind>-<outkey16>/<output>/...     the files, immutable
 *     <kind>-<outkey16>.attempt/         outputs in the making; delete under the work's lock
 *     <kind>-<progresskey16>.work/       checkpoints, key.json
 *
 * Nothing in it holds a clock, host, path or thread count: equal keys give equal bytes anywhere. */
#ifndef RN_STORE_H
#define RN_STORE_H

#include "key.h"
#include "memo.h"

enum rn_verify {
    RN_VERIFY_SIZE, /* every file is there and has its size */
    RN_VERIFY_STAT, /* and its digest; a memo is believed about files that have not changed */
    RN_VERIFY_HASH, /* and its digest, read anew */
    RN_VERIFY_NONE, /* the manifest alone: for outputs that were published a moment ago */
};

/* A loaded manifest. Outputs are artifacts whose `name` is the output's. */
struct rn_stored {
    struct rn_arena arena;
    const char *name, *dir; /* "sft-0123456789abcdef", its directory */
    struct rn_artifact *outputs;
    size_t n_outputs;
    int64_t size_bytes;
    json_t *manifest; /* owned */
};

/* "<kind>-<key16>"; caller frees. */
char *rn_store_name(const char *kind, const char *key);
/* "<store>/<kind>-<key16><suffix>"; caller frees. */
char *rn_store_path(const char *store, const char *kind, const char *key, const char *suffix);
/* The manifest goes first: what is half deleted does not look whole. */
int rn_store_remove(const char *dir, struct rn_err *);

/* RN_OK with *out NULL: there is none. RN_ECORRUPT: there is one and it is damaged (says how).
 * RN_EIO, RN_ENOMEM: whether it is could not be found out. */
int rn_store_load(struct rn_stored **out, const char *store, const char *kind, const char *out_key,
                  enum rn_verify, struct rn_err *);
/* The same for a directory known by name; its key is taken from its manifest. */
int rn_store_load_dir(struct rn_stored **out, const char *dir, enum rn_verify, struct rn_err *);
/* Digests of all files, by way of the memo (may be NULL). RN_ECORRUPT says which and how. */
int rn_stored_verify(const struct rn_stored *, struct rn_memo *, struct rn_err *);
void rn_stored_free(struct rn_stored *); /* takes NULL */
/* NULL if there is no such output. */
const struct rn_artifact *rn_stored_output(const struct rn_stored *, const char *name);
const json_t *rn_stored_metrics(const struct rn_stored *); /* borrowed */
/* The keys it was published under; the caller releases. RN_ECORRUPT: it does not say. */
int rn_stored_keys(const struct rn_stored *, struct rn_keys *, struct rn_err *);

/* Makes <kind>-<outkey16>.attempt of `attempt` final: syncs, digests, writes the manifest, renames,
 * syncs the directory. Every declared output must hold a file; an undeclared directory is refused,
 * except `best` of a training stage. Until it returns RN_OK there is no final name (or the old
 * one). */
struct rn_publication {
    const json_t *metrics;                /* final values, for the manifest */
    struct rn_memo *memo;                 /* learns the digests; may be NULL */
    const struct rn_stored *adopted_from; /* whose outputs these are, or NULL */
};
int rn_store_publish(const char *store, const char *attempt, const struct rn_pstage *,
                     const struct rn_keys *, const struct rn_publication *, struct rn_err *);

/* sha256 over one line per file: name, size, digest. In the arena. */
const char *rn_files_digest(struct rn_arena *, const struct rn_artifact_file *, size_t n);
/* Digits compare as numbers: shard_2 stands before shard_10, the order of a fetched list. */
int rn_natural_order(const char *a, const char *b);

/* files[first:end) of an artifact as one of its own, in the arena; clipped, empty is RN_ECONFIG. */
int rn_artifact_slice(struct rn_arena *, const struct rn_artifact *whole, const struct rn_ref *,
                      const struct rn_artifact **out, struct rn_err *);

/* A checkpoint directory as a model artifact: what its manifest lists, less the optimizer's state.
 * RN_ECORRUPT: no such checkpoint, or files are missing or of another size; with `hash` or another
 * digest. key: progress key it must carry, or NULL. */
int rn_checkpoint_load(struct rn_arena *, const char *dir, const char *key, bool hash,
                       const struct rn_artifact **out, int64_t *step, struct rn_err *);

#endif
