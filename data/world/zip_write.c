/* zip_write.c - local headers, members, central directory, end record (APPNOTE 4.3). */
#include "zip_write.h"

#include <string.h>

static uint32_t crc32_of(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int b = 0; b < 8; b++)
            crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static void put(struct rn_str *s, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        rn_str_putc(s, (char)(value >> 8 * i));
}

/* The fields that local header and central directory share. */
static void put_common(struct rn_str *s, uint32_t crc, size_t n, size_t name_n)
{
    put(s, 20, 2);     /* version needed: 2.0 */
    put(s, 0x0800, 2); /* names are UTF-8 */
    put(s, 0, 2);      /* stored */
    put(s, 0, 2);      /* 00:00 */
    put(s, 0x21, 2);   /* 1980-01-01 */
    put(s, crc, 4);
    put(s, (uint32_t)n, 4);
    put(s, (uint32_t)n, 4);
    put(s, (uint32_t)name_n, 2);
    put(s, 0, 2); /* no extra field */
}

int rn_zip_writer_open(struct rn_zip_writer *z, const char *path, struct rn_err *err)
{
    *z = (struct rn_zip_writer){0};
    return rn_writer_open(&z->out, path, err);
}

static void emit(struct rn_zip_writer *z, const void *bytes, size_t n)
{
    rn_writer_add(&z->out, bytes, n);
    z->offset += n;
}

void rn_zip_writer_add(struct rn_zip_writer *z, const char *name, const void *bytes, size_t n)
{
    size_t name_n = strlen(name);
    RN_ASSERT(name_n < 65535 && z->n < 65535 && z->offset + n < UINT32_MAX - (1u << 20));
    uint32_t crc = crc32_of(bytes, n);
    struct rn_str *d = &z->directory;
    put(d, 0x02014b50, 4);
    put(d, 20 | 3 << 8, 2); /* made by: 2.0, Unix */
    put_common(d, crc, n, name_n);
    put(d, 0, 2); /* comment */
    put(d, 0, 2); /* disk */
    put(d, 0, 2); /* internal attributes */
    put(d, 0100644u << 16, 4);
    put(d, (uint32_t)z->offset, 4);
    rn_str_add(d, name, name_n);

    struct rn_str local = {0};
    put(&local, 0x04034b50, 4);
    put_common(&local, crc, n, name_n);
    rn_str_add(&local, name, name_n);
    emit(z, local.p, local.n);
    emit(z, bytes, n);
    rn_str_release(&local);
    z->n++;
}

int rn_zip_writer_commit(struct rn_zip_writer *z, struct rn_err *err)
{
    struct rn_str end = {0};
    put(&end, 0x06054b50, 4);
    put(&end, 0, 4); /* this disk, disk of the directory */
    put(&end, (uint32_t)z->n, 2);
    put(&end, (uint32_t)z->n, 2);
    put(&end, (uint32_t)z->directory.n, 4);
    put(&end, (uint32_t)z->offset, 4);
    put(&end, 0, 2);
    emit(z, z->directory.p, z->directory.n);
    emit(z, end.p, end.n);
    rn_str_release(&end);
    rn_str_release(&z->directory);
    return rn_writer_commit(&z->out, NULL, err);
}
