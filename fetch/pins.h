/* fetch/pins.h - <pipeline>.lock: what each fetched file was, so that it stays that.
 *
 *     struct rn_pins lock;
 *     RN_TRY(rn_pins_open(&lock, "speedrun.lock", run_dir, err));      absent: no pins
 *     const struct rn_pin *pin = rn_pins_find(&lock, "data.shards/shard_00000.parquet");
 *     RN_TRY(rn_pins_add(&lock, &fresh, err));                 on disk when it returns
 *     rn_pins_release(&lock);
 *
 * One line a file, sorted by id, so that it merges well; five columns:
 *
 *     id  bytes  sha256  trust  host
 *
 * Where the pipeline's folder cannot be written, a file of the same name in the run directory takes
 * its place, on top of what the unwritable one says. */
#ifndef RN_PINS_H
#define RN_PINS_H

#include "hash.h"

#include <stdint.h>

/* Where a digest comes from, best first. */
enum rn_trust { RN_TRUST_YAML, RN_TRUST_LOCK, RN_TRUST_FIRST_USE };
const char *rn_trust_word(enum rn_trust); /* "yaml", "lock", "first-use" */

struct rn_pin {
    const char *id; /* "stage.entry/name", no blanks */
    int64_t size_bytes;
    char sha256[RN_HEX];
    enum rn_trust trust;
    const char *host; /* that gave the bytes, no blanks */
};

struct rn_pins {
    char *path;          /* that is written */
    struct rn_pin *pins; /* sorted by id; strings owned */
    size_t n, cap;
};

/* A line that cannot be read is RN_ECONFIG at that line: a damaged pin must not turn into none. */
int rn_pins_open(struct rn_pins *, const char *path, const char *fallback_dir, struct rn_err *);
const struct rn_pin *rn_pins_find(const struct rn_pins *, const char *id); /* or NULL */
/* Reads what others added meanwhile, sets the pin, replaces the file. One thread at a time. */
int rn_pins_add(struct rn_pins *, const struct rn_pin *, struct rn_err *);
int rn_pins_add_all(struct rn_pins *, const struct rn_pin *, size_t n, struct rn_err *);
void rn_pins_release(struct rn_pins *);

#endif
