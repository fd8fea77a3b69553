#include "pack.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

static void put_little(struct rn_str *s, uint64_t n, int bytes)
{
    for (int i = 0; i < bytes; i++)
        rn_str_putc(s, (char)(n >> (8 * i)));
}

/* --- zip --- */

struct zip_entry zip_stored(const char *name, const void *bytes, size_t n)
{
    return (struct zip_entry){.name = name,
                              .bytes = bytes,
                              .n = n,
                              .crc = (uint32_t)crc32(0, bytes, (unsigned)n),
                              .size = (uint32_t)n};
}

struct zip_entry zip_deflated(const char *name, const void *bytes, size_t n, struct rn_str *into)
{
    z_stream z = {0};
    struct zip_entry e = zip_stored(name, bytes, n);
    deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    size_t cap = deflateBound(&z, (unsigned long)n);
    char *out = malloc(cap);
    z.next_in = (unsigned char *)bytes;
    z.avail_in = (unsigned)n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    deflate(&z, Z_FINISH);
    rn_str_add(into, out, cap - z.avail_out);
    deflateEnd(&z);
    free(out);
    e.bytes = into->p;
    e.n = into->n;
    e.method = 8;
    return e;
}

/* What both headers say alike, from the flags on. */
static void put_common(struct rn_str *s, const struct zip_entry *e, uint32_t size,
                       size_t name_bytes)
{
    put_little(s, e->flags, 2);
    put_little(s, e->method, 2);
    put_little(s, 0x00210000, 4); /* 1980-01-01 */
    put_little(s, e->crc, 4);
    put_little(s, e->said_bytes ? e->said_bytes : e->n, 4);
    put_little(s, size, 4);
    put_little(s, name_bytes, 2);
}

void zip_pack_add(struct zip_pack *z, const struct zip_entry *e)
{
    size_t name_bytes = e->name_bytes ? e->name_bytes : strlen(e->name);
    uint64_t at = e->at ? (uint64_t)e->at - 1 : z->out.n;
    if (!e->at) {
        rn_str_add(&z->out, "PK\3\4", 4);
        put_little(&z->out, 20, 2);
        put_common(&z->out, e, e->size + e->more_local_size, name_bytes);
        put_little(&z->out, 0, 2);
        rn_str_add(&z->out, e->local_name ? e->local_name : e->name, name_bytes);
        rn_str_add(&z->out, e->bytes, e->n);
    }
    rn_str_add(&z->dir, "PK\1\2", 4);
    put_little(&z->dir, 3 << 8 | 20, 2); /* made on Unix */
    put_little(&z->dir, 20, 2);
    put_common(&z->dir, e, e->size, name_bytes);
    put_little(&z->dir, e->extra_bytes, 2);
    put_little(&z->dir, 0, 6);
    put_little(&z->dir, (uint64_t)e->mode << 16, 4);
    put_little(&z->dir, at, 4);
    rn_str_add(&z->dir, e->name, name_bytes);
    rn_str_add(&z->dir, e->extra ? e->extra : "", e->extra_bytes);
    z->n++;
}

void zip_pack_end(struct zip_pack *z, const struct zip_end *said)
{
    uint64_t offset = z->out.n, dir_bytes = z->dir.n;
    rn_str_add(&z->out, z->dir.p ? z->dir.p : "", z->dir.n);
    if (said->zip64_entries) {
        uint64_t end = z->out.n;
        rn_str_add(&z->out, "PK\6\6", 4);
        put_little(&z->out, 44, 8);
        put_little(&z->out, 45 | 45 << 16, 4);
        put_little(&z->out, 0, 8);
        put_little(&z->out, said->zip64_entries, 8);
        put_little(&z->out, said->zip64_entries, 8);
        put_little(&z->out, dir_bytes, 8);
        put_little(&z->out, offset, 8);
        rn_str_add(&z->out, "PK\6\7", 4);
        put_little(&z->out, 0, 4);
        put_little(&z->out, said->zip64_at ? said->zip64_at : end, 8);
        put_little(&z->out, 1, 4);
    }
    bool big = said->zip64_entries != 0;
    rn_str_add(&z->out, "PK\5\6", 4);
    put_little(&z->out, 0, 4);
    put_little(&z->out, big ? 0xFFFF : z->n + (uint64_t)said->entries, 2);
    put_little(&z->out, big ? 0xFFFF : z->n + (uint64_t)said->entries, 2);
    put_little(&z->out, big ? 0xFFFFFFFF : dir_bytes + (uint64_t)said->dir_bytes, 4);
    put_little(&z->out, big ? 0xFFFFFFFF : offset + (uint64_t)said->dir_offset, 4);
    put_little(&z->out, said->comment_bytes, 2);
    rn_str_add(&z->out, said->comment ? said->comment : "", said->comment_bytes);
    rn_str_release(&z->dir);
}

/* --- tar --- */

static void put_block(struct rn_str *s, const void *bytes, size_t n)
{
    static const char zeros[512];
    rn_str_add(s, bytes, n);
    if (n % 512)
        rn_str_add(s, zeros, 512 - n % 512);
}

void tar_pack_add(struct rn_str *s, const struct tar_entry *e)
{
    unsigned char h[512] = {0};
    unsigned sum = 0;
    char *text = (char *)h;
    memcpy(text, e->name, strlen(e->name) < 100 ? strlen(e->name) : 100);
    snprintf(text + 100, 8, "%07o", e->mode ? e->mode : 0644);
    memcpy(text + 108, "0000000\0000000000", 15);
    snprintf(text + 124, 12, "%011zo", e->n);
    if (e->size_field)
        memcpy(text + 124, e->size_field, 12);
    memcpy(text + 136, "00000000000", 11);
    memset(h + 148, ' ', 8);
    h[156] = (unsigned char)(e->type ? e->type : '0');
    if (e->link)
        memcpy(text + 157, e->link, strlen(e->link) < 100 ? strlen(e->link) : 100);
    memcpy(h + 257, e->version ? e->version : "ustar\00000", 8);
    for (int i = 0; i < 512; i++)
        sum += h[i];
    snprintf(text + 148, 8, "%06o", sum + (unsigned)e->checksum_off);
    h[155] = ' ';
    rn_str_add(s, text, 512);
    put_block(s, e->bytes ? e->bytes : "", e->n);
}

void tar_pack_end(struct rn_str *s)
{
    static const char zeros[1024];
    rn_str_add(s, zeros, sizeof zeros);
}

void tar_pack_pax(struct rn_str *s, const char *key, const char *value)
{
    size_t body = strlen(key) + strlen(value) + 3; /* blank, =, newline */
    size_t n = body + 1;
    char digits[24];
    while ((size_t)snprintf(digits, sizeof digits, "%zu", n) + body != n)
        n++;
    struct rn_str record = {0};
    rn_str_printf(&record, "%zu %s=%s\n", n, key, value);
    tar_pack_add(s,
                 &(struct tar_entry){.name = "pax", .type = 'x', .bytes = record.p, .n = record.n});
    rn_str_release(&record);
}

/* --- packing --- */

void pack_gzip(struct rn_str *s)
{
    z_stream z = {0};
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    size_t cap = deflateBound(&z, (unsigned long)s->n);
    char *out = malloc(cap);
    z.next_in = (unsigned char *)s->p;
    z.avail_in = (unsigned)s->n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    deflate(&z, Z_FINISH);
    size_t n = cap - z.avail_out;
    deflateEnd(&z);
    rn_str_release(s);
    rn_str_add(s, out, n);
    free(out);
}

void pack_zstd(struct rn_str *s)
{
    size_t cap = ZSTD_compressBound(s->n);
    char *out = malloc(cap);
    size_t n = ZSTD_compress(out, cap, s->p, s->n, 3);
    rn_str_release(s);
    rn_str_add(s, out, n);
    free(out);
}
