/* origin.h - what the bytes of a partial file are a part of, in a few lines of text beside it.
 *
 *     struct rn_origin o;
 *     int64_t synced_bytes;
 *     if (rn_origin_read(&o, "partial/x.part", &synced_bytes)) ...      from partial/x.meta
 *     rn_origin_write(&o, "partial/x.part", synced_bytes);
 *
 * Best effort and never synced: without it the bytes are only worth less. */
#ifndef RN_ORIGIN_H
#define RN_ORIGIN_H

#include "hash.h"

#include <stdbool.h>
#include <stdint.h>

struct rn_origin {
    char url_sha256[RN_HEX];      /* of the url as it is written in the pipeline */
    char etag[160], modified[40]; /* as sent, "": none that can be trusted */
    int64_t total_bytes;          /* -1: not told */
};

/* False: there is none, or it is damaged; then nothing in the origin counts. */
bool rn_origin_read(struct rn_origin *, const char *part, int64_t *synced_bytes);
/* synced_bytes: how many are certain to survive a power cut. True: something is there now. */
bool rn_origin_write(const struct rn_origin *, const char *part, int64_t synced_bytes);
void rn_origin_forget(const char *part);
/* The partial was renamed. */
void rn_origin_move(const char *from_part, const char *to_part);

#endif
