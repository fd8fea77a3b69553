/* packing.h - the payload inside what a source gives: gzip, zstd, or the body itself.
 *
 *     struct rn_packed got;
 *     RN_TRY(rn_unpack_stream(RN_PACK_GZIP, "body", "payload", cap, &got, &found, err));
 *     if (found.verdict == RN_ACCEPTED) use("payload", got.sha256, got.size_bytes);
 *
 * A packing is declared, never guessed from a name. Several members (gzip) or frames (zstd) one
 * after the other are one payload, as their tools have it; anything else behind the last one is
 * refused. Bytes are counted as they are produced: at most cap_bytes, and at most 200 times the
 * body's own size (tiny bodies excepted). */
#ifndef RN_PACKING_H
#define RN_PACKING_H

#include "verdict.h"

#include "hash.h"

#include <stdint.h>

enum rn_pack { RN_PACK_NONE, RN_PACK_GZIP, RN_PACK_ZSTD };
/* As written in a pipeline file: "none", "gzip", "zstd"; NULL-ended. */
extern const char *const rn_pack_words[];

/* What came out, whole or not at all. */
struct rn_packed {
    char sha256[RN_HEX];
    int64_t size_bytes;
};

/* RN_OK with found: RN_ACCEPTED and `path` written, or RN_TRUNCATED (the end is missing),
 * RN_MALFORMED (another packing, damaged, trailing bytes), RN_OVERSIZE. RN_EIO, RN_ENOSPACE,
 * RN_ENOMEM are ours. cap_bytes below 0: only the ratio counts. Any thread. */
int rn_unpack_stream(enum rn_pack, const char *body, const char *path, int64_t cap_bytes,
                     struct rn_packed *, struct rn_finding *, struct rn_err *);

/* True if the file begins as gzip or zstd does, and all that is wrong with it is that it ends too
 * early: it was cut on its way. Reads it to the end, or to the first damage. */
bool rn_stream_is_cut(const char *path);

#endif
