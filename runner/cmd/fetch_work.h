/* fetch_work.h - the files of one fetch stage that a command was asked for, and what may be done
 * with them beside fetching.
 *
 *     struct rn_fetch_work w = {.cli = cli, .files = files, .total = n, .lock = fetcher->lock};
 *     RN_TRY(rn_fetch_verify(&w, fetcher, err));              one row or more for each file
 *     rn_fetch_rows_print(&w.rows, json); */
#ifndef RN_FETCH_WORK_H
#define RN_FETCH_WORK_H

#include "cli.h"
#include "fetch_rows.h"
#include "fetcher.h"
#include "progress.h"

struct rn_fetch_work {
    const struct rn_cli *cli;
    const char *name; /* STAGE, STAGE.ENTRY or STAGE.ENTRY/FILE; NULL: all */
    struct rn_ui ui;
    const char *stage;
    struct rn_log log;
    struct rn_fetch_rows rows; /* the answer */
    size_t first_row;          /* of the stage at hand */
    size_t next, total, matched;
    struct rn_fetch_file *files; /* of the stage at hand */
    const struct rn_pins *lock;
};

/* For a rn_fetch_list with the work as its ctx. */
int rn_fetch_work_next(void *ctx, struct rn_fetch_file **, struct rn_err *);
/* Before rn_fetch_all: rn_fetch_need of them all. */
int rn_fetch_work_need(const struct rn_fetch_work *, const struct rn_fetcher *, struct rn_err *);

/* As if nothing were pinned: the lock is touched only when all is there and somebody agreed.
 * RN_EUSAGE: nobody did. */
int rn_fetch_update(struct rn_fetch_work *, struct rn_fetcher *, struct rn_err *);
/* Hashes what is cached again. RN_ECORRUPT: some of it is damaged, and removed. */
int rn_fetch_verify(struct rn_fetch_work *, struct rn_fetcher *, struct rn_err *);
/* Asks all sources of all files. RN_EFETCH: one file has none that is good. */
int rn_fetch_probe(struct rn_fetch_work *, struct rn_fetcher *, struct rn_err *);

#endif
