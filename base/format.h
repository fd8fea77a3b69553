/* format.h - how the fetcher asks whether bytes are what they claim to be.
 *
 * `fetch` must check parquet or JSONL without knowing the room `data`; `data` implements the rows
 * (data/formats.c: rn_data_formats) and stages/fetch.c hands the table over. */
#ifndef RN_FORMAT_H
#define RN_FORMAT_H

#include "err.h"

#include <stdint.h>

/* What a pipeline file asks of a payload under `check:`. Absent: NULL, or -1 for numbers. */
struct rn_expect {
    const char *format;         /* name of the row; NULL: no format check */
    const char *const *columns; /* NULL-terminated; parquet: must exist as flat columns */
    const char *record;         /* jsonl: "conversation" */
    int64_t rows;               /* exact number of rows or lines */
    int64_t min_size, max_size; /* bytes */
};

struct rn_format {
    const char *name; /* "parquet", as written in `check: {format: parquet}` */
    const char *doc;
    /* RN_OK, or RN_ECORRUPT with the reason and, for text formats, the line. Reads the whole file
     * where that is what it takes. Any thread. */
    int (*check)(const char *path, const struct rn_expect *, struct rn_err *);
};

#endif
