/* fetch_rows.h - what `runnel fetch` says of its files.
 *
 *     struct rn_fetch_rows rows = {0};
 *     struct rn_fetch_row *row = rn_fetch_rows_add(&rows, file->id, "cached");
 *     row->size_bytes = 4096;
 *     row->where = rn_arena_dup(&rows.texts, host);
 *     rn_fetch_rows_print(&rows, rn_cli_json(cli));
 *     rn_fetch_rows_release(&rows);
 *
 * Programs get one object for each row. People get a line for each, but more than RN_FETCH_LISTED
 * neighbours of one entry that say the same share a line, which names the first and the last, how
 * many they are, and what else they have in common. Rows of one file (--check: one for each source)
 * stand together and are folded together. */
#ifndef RN_FETCH_ROWS_H
#define RN_FETCH_ROWS_H

#include "hash.h"
#include "mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_FETCH_LISTED = 8 }; /* the help says so, too */

struct rn_fetch_row {
    const char *file;    /* "stage.entry/name" */
    const char *state;   /* one word, as `trust` of static life */
    const char *trust;   /* "-": not known */
    const char *where;   /* of static life, or in `texts` */
    const char *date;    /* follows `where`, lives there too; NULL: none */
    const char *health;  /* of the host, lives there too; NULL: nobody looked */
    const char *message; /* for programs: why it failed; lives there too; NULL: it did not */
    char sha256[RN_HEX]; /* "": not known */
    int64_t size_bytes;  /* -1: not known */
    bool alone;          /* the file failed or is no longer what it was: never folded */
};

struct rn_fetch_rows {
    struct rn_fetch_row *rows;
    size_t n, cap;
    struct rn_arena texts;
};

/* A row of which only this is known, copied; borrowed until the next one is added. */
struct rn_fetch_row *rn_fetch_rows_add(struct rn_fetch_rows *, const char *file, const char *state);
void rn_fetch_rows_print(const struct rn_fetch_rows *, bool json); /* to stdout */
void rn_fetch_rows_release(struct rn_fetch_rows *);

#endif
