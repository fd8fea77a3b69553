/* pins.h - <pipeline>.lock: what each fetched file was, so that it stays that.
 *
 *     struct rn_pins lock;
 *     RN_TRY(rn_pins_open(&lock, "speedrun.lock", run_dir, err));      absent: no pins
 *     const struct rn_pin *pin = rn_pins_find(&lock, "data.shards/shard_00000.parquet");
 *     RN_TRY(rn_pins_add(&lock, &fresh, 1, err));              on disk when it returns
 *     rn_pins_release(&lock);
 *
 * One line a file, sorted by id, so that it merges well; seven columns ("-": not known), of which
 * the last two may be missing in files of older versions:
 *
 *     id  bytes  sha256  trust  host  date  etag
 *
 * Trust is what the digest rested on when it was pinned. Where the pipeline's folder cannot be
 * written, a file of the same name in the run directory takes its place, on top of what the
 * unwritable one says. */
#ifndef RN_PINS_H
#define RN_PINS_H

#include "hash.h"
#include "mem.h"
#include "str.h"

#include <stdint.h>
#include <sys/stat.h>

/* clang-format off */
#define RN_TRUSTS(X)                                                                              \
    /* trust              word         the digest is known from, best first */                    \
    X(RN_TRUST_YAML,      "yaml",      "the pipeline file")                                       \
    X(RN_TRUST_LOCK,      "lock",      "the lock file")                                           \
    X(RN_TRUST_SUMS,      "sums",      "the publisher's SHA256SUMS")                              \
    X(RN_TRUST_HEADER,    "header",    "the server: hub, LFS pointer, Repr-Digest, S3 checksum")  \
    X(RN_TRUST_AGREED,    "agreed",    "two sources that gave the same bytes")                    \
    X(RN_TRUST_FIRST_USE, "first-use", "nobody: one source, taken at its word")
/* clang-format on */

enum rn_trust {
#define X(trust, word, from) trust,
    RN_TRUSTS(X)
#undef X
};
const char *rn_trust_word(enum rn_trust); /* "yaml" */

struct rn_pin {
    const char *id; /* "stage.entry/name", no blanks */
    int64_t size_bytes;
    char sha256[RN_HEX];
    enum rn_trust trust;
    const char *host;      /* that gave the bytes, no blanks */
    const char *date;      /* when: "2026-11-21T11:24:05Z", "-"; NULL when it is added: now */
    const char *etag;      /* of the host, as it came, or "-"; NULL when it is added: "-" */
    char replaces[RN_HEX]; /* when it is added: digest of the pin it shall replace; "": none */
    const char *line;      /* the table's own: as it stands in the file */
};

struct rn_pins {
    char *path;          /* that is written; NULL, as of zeroes: none, they are of this process */
    struct rn_pin *pins; /* sorted by id */
    size_t n, cap;
    struct rn_arena texts; /* theirs, replaced ones included */
    struct stat seen;      /* the file as it was written last */
};

/* RN_ECONFIG at the line that cannot be read, that a merge left behind, or that pins a file twice:
 * a damaged pin must not turn into none. */
int rn_pins_open(struct rn_pins *, const char *path, const char *fallback_dir, struct rn_err *);
const struct rn_pin *rn_pins_find(const struct rn_pins *, const char *id); /* or NULL */
/* Reads what others added meanwhile, sets the pins, replaces the file: many at the price of one.
 * RN_EFETCH: the lock says by now that a file is something else, and that is neither what its pin
 * `replaces`, nor does the pipeline file decide. One thread at a time; several processes wait for
 * each other. */
int rn_pins_add(struct rn_pins *, const struct rn_pin *, size_t n, struct rn_err *);

/* The same in three steps, the second of which waits for the disk and may run on any thread; other
 * processes wait from the first to the third. A failed rn_pins_begin needs no end. */
struct rn_pins_text {
    const char *path; /* borrowed from the pins; NULL: not written */
    int folder;       /* locked; -1: not */
    struct rn_str lines;
};
int rn_pins_begin(struct rn_pins *, const struct rn_pin *, size_t n, struct rn_pins_text *,
                  struct rn_err *);
int rn_pins_write(const struct rn_pins_text *, struct rn_err *);
void rn_pins_end(struct rn_pins *, struct rn_pins_text *);
void rn_pins_release(struct rn_pins *);

#endif
