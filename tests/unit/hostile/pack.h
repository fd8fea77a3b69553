/* tests/unit/hostile/pack.h - archives byte by byte, so that every field can lie. */
#ifndef PACK_H
#define PACK_H

#include "str.h"

#include <stdint.h>

/* --- zip --- */

struct zip_entry {
    const char *name;
    size_t name_bytes; /* 0: strlen */
    const void *bytes; /* as stored */
    size_t n;
    unsigned method, flags, mode; /* mode: st_mode in the external attributes */
    uint32_t crc, size;           /* as said in both headers */
    /* Where the two headers differ: */
    const char *local_name;
    uint32_t more_local_size; /* added in the local header only */
    uint32_t said_bytes;      /* compressed size, if not n */
    const char *extra;        /* of the central header */
    size_t extra_bytes;
    long at; /* 0: a local header is written; else the offset that is said + 1, without one */
};
struct zip_pack {
    struct rn_str out, dir;
    uint64_t n;
};
/* Stored; crc and size are right. */
struct zip_entry zip_stored(const char *name, const void *bytes, size_t n);
/* The deflated form of n bytes; release `into` later. */
struct zip_entry zip_deflated(const char *name, const void *bytes, size_t n, struct rn_str *into);
void zip_pack_add(struct zip_pack *, const struct zip_entry *);
/* Directory and end; the numbers are added to what would be right. */
struct zip_end {
    long entries, dir_bytes, dir_offset;
    const char *comment;
    size_t comment_bytes;
    uint64_t zip64_entries; /* not 0: a zip64 end that says so many */
    uint64_t zip64_at;      /* not 0: where its locator points */
};
void zip_pack_end(struct zip_pack *, const struct zip_end *);

/* --- tar --- */

struct tar_entry {
    const char *name, *link;
    char type; /* '0' */
    const void *bytes;
    size_t n;
    unsigned mode;
    const char *size_field; /* 12 bytes instead of the right ones */
    int checksum_off;
    const char *version; /* NULL: ustar; otherwise the 8 bytes of magic and version */
};
void tar_pack_add(struct rn_str *, const struct tar_entry *);
void tar_pack_end(struct rn_str *);
/* A pax header of one record "key=value" for the next entry. */
void tar_pack_pax(struct rn_str *, const char *key, const char *value);

void pack_gzip(struct rn_str *);
void pack_zstd(struct rn_str *);

#endif
