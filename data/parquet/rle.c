#include "rle.h"

#include <stdbool.h>

static bool take_varint(struct rn_rle *r, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 35 && r->p < r->end; shift += 7) {
        unsigned b = *r->p++;
        *out |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
    }
    return false;
}

static const char *take_run(struct rn_rle *r, uint32_t *out, size_t count)
{
    size_t width_bytes = (size_t)(r->width + 7) / 8;
    uint64_t v = 0;
    if ((size_t)(r->end - r->p) < width_bytes)
        return "ends inside a run";
    for (size_t i = 0; i < width_bytes; i++)
        v |= (uint64_t)*r->p++ << (8 * i);
    if (v >> r->width)
        return "has a run value wider than its bit width";
    for (size_t i = 0; i < count; i++)
        out[i] = (uint32_t)v;
    return NULL;
}

/* Values are packed from the least significant bit on; at most 64 + 7 bits are looked at once. */
static void unpack(const unsigned char *p, int width, uint32_t *out, size_t count)
{
    uint64_t mask = ((uint64_t)1 << width) - 1, window = 0;
    int have = 0;
    for (size_t i = 0; i < count; i++) {
        while (have < width) {
            window |= (uint64_t)*p++ << have;
            have += 8;
        }
        out[i] = (uint32_t)(window & mask);
        window >>= width;
        have -= width;
    }
}

const char *rn_rle_take(struct rn_rle *r, uint32_t *out, size_t count)
{
    while (count > 0) {
        uint64_t head;
        if (!take_varint(r, &head))
            return "ends before its last value";
        uint64_t n = head >> 1; /* values of a run, or groups of eight values */
        if (n == 0)
            return "has an empty run";
        if (!(head & 1)) {
            size_t take = n < count ? (size_t)n : count;
            const char *bad = take_run(r, out, take);
            if (bad)
                return bad;
            out += take;
            count -= take;
            continue;
        }
        uint64_t size = n * (uint64_t)r->width; /* bytes, as a group holds eight values */
        size_t take = n * 8 < count ? (size_t)(n * 8) : count;
        size_t there = (size_t)(r->end - r->p);
        if (size > there) { /* some writers cut the padding of the last group */
            if (((uint64_t)take * (uint64_t)r->width + 7) / 8 > there)
                return "ends inside a packed group";
            size = there;
        }
        unpack(r->p, r->width, out, take);
        r->p += size;
        out += take;
        count -= take;
    }
    return NULL;
}

const char *rn_bits_take(struct rn_rle *r, uint32_t *out, size_t count)
{
    uint64_t size = ((uint64_t)count * (uint64_t)r->width + 7) / 8, window = 0;
    int have = 0;
    if (size > (uint64_t)(r->end - r->p))
        return "ends before its last value";
    const unsigned char *p = r->p;
    for (size_t i = 0; i < count; i++) {
        for (; have < r->width; have += 8)
            window = window << 8 | *p++;
        have -= r->width;
        out[i] = (uint32_t)(window >> have & (((uint64_t)1 << r->width) - 1));
    }
    r->p += size;
    return NULL;
}
