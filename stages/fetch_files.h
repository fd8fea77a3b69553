/* fetch_files.h - the keys of kind `fetch`, and its entries as the files the fetcher knows.
 *
 *     const struct rn_fetch_cfg *c = cfg;
 *     RN_TRY(rn_fetch_each(c, "data", each, ctx, err));      every single file, in order
 *
 * An entry is one file or `count` of them. Reads no file and no clock. */
#ifndef RN_FETCH_FILES_H
#define RN_FETCH_FILES_H

#include "proof.h"
#include "schema.h"

struct rn_fetch_cfg {
    struct rn_map files; /* by entry name; the items are fetch_files.c's own */
    int64_t retries, per_host;
    struct rn_list mirrors; /* of const char * */
    double stall_s;
};
extern const struct rn_key rn_fetch_keys[];

/* The rules that join keys; messages name the key in quotes. */
int rn_fetch_check(const struct rn_fetch_cfg *, struct rn_err *);

int64_t rn_fetch_count(const struct rn_fetch_cfg *, size_t entry); /* files of an entry */
/* File k of an entry (from 0); all strings in the arena. */
int rn_fetch_make(struct rn_arena *, const struct rn_fetch_cfg *, const char *stage, size_t entry,
                  int64_t k, struct rn_fetch_file *, struct rn_err *);
/* Calls `each` for every file; they live as long as the call. */
int rn_fetch_each(const struct rn_fetch_cfg *, const char *stage,
                  int (*each)(void *ctx, const char *entry, const struct rn_fetch_file *,
                              struct rn_err *),
                  void *ctx, struct rn_err *);

#endif
