#include "protobuf.h"

#include <string.h>

enum wire_type { VARINT = 0, FIXED64 = 1, LENGTH = 2, FIXED32 = 5 };

static void put_varint(struct rn_str *s, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        rn_str_putc(s, (char)((value & 0x7f) | 0x80));
    rn_str_putc(s, (char)value);
}

static void put_key(struct rn_str *s, int field, enum wire_type type)
{
    put_varint(s, (uint64_t)field << 3 | (uint64_t)type);
}

static void put_little_endian(struct rn_str *s, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        rn_str_putc(s, (char)(value >> (8 * i) & 0xff));
}

void rn_le16(struct rn_str *s, uint16_t value)
{
    put_little_endian(s, value, 2);
}

void rn_le32(struct rn_str *s, uint32_t value)
{
    put_little_endian(s, value, 4);
}

void rn_le64(struct rn_str *s, uint64_t value)
{
    put_little_endian(s, value, 8);
}

void rn_pb_int(struct rn_str *s, int field, uint64_t value)
{
    put_key(s, field, VARINT);
    put_varint(s, value);
}

void rn_pb_float(struct rn_str *s, int field, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(s, field, FIXED32);
    rn_le32(s, bits);
}

void rn_pb_double(struct rn_str *s, int field, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put_key(s, field, FIXED64);
    rn_le64(s, bits);
}

void rn_pb_bytes(struct rn_str *s, int field, const void *bytes, size_t n)
{
    put_key(s, field, LENGTH);
    put_varint(s, n);
    rn_str_add(s, bytes, n);
}

void rn_pb_text(struct rn_str *s, int field, const char *text)
{
    rn_pb_bytes(s, field, text, strlen(text));
}

void rn_pb_message(struct rn_str *s, int field, struct rn_str *inner)
{
    rn_pb_bytes(s, field, inner->p ? inner->p : "", inner->n);
    rn_str_release(inner);
}
