/* delta.c - the stream:
 *
 *     varint values a block, varint miniblocks a block, varint values, zigzag first value
 *     a block:  zigzag least difference, a bit width each miniblock, the miniblocks that are needed
 *     a miniblock: differences above the least one, packed from the least significant bit on */
#include "delta.h"

#include <stdbool.h>
#include <string.h>

enum { BLOCK_VALUES_MAX = 1 << 20, MINIBLOCKS_MAX = 512, WIDTH_MAX = 64 };

struct shape {
    uint64_t block, miniblocks, each, count, first; /* each: values of a miniblock */
};

static bool take_varint(struct rn_delta *d, uint64_t *out)
{
    *out = 0;
    for (int shift = 0; shift < 64 && d->p < d->end; shift += 7) {
        unsigned b = *d->p++;
        *out |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return true;
    }
    return false;
}

static bool take_zigzag(struct rn_delta *d, uint64_t *out)
{
    if (!take_varint(d, out))
        return false;
    *out = *out >> 1 ^ -(*out & 1);
    return true;
}

static const char *take_shape(struct rn_delta *d, struct shape *s)
{
    if (!take_varint(d, &s->block) || !take_varint(d, &s->miniblocks) ||
        !take_varint(d, &s->count) || !take_zigzag(d, &s->first))
        return "ends inside its header";
    if (s->block < 1 || s->block > BLOCK_VALUES_MAX || s->miniblocks < 1 ||
        s->miniblocks > MINIBLOCKS_MAX || s->block % s->miniblocks)
        return "has blocks of an impossible size";
    s->each = s->block / s->miniblocks;
    return s->each % 8 ? "has miniblocks of an impossible size" : NULL;
}

/* `width` bits, 1 to 64, from bit `at` on; looks at no byte beyond the last of them. */
static uint64_t bits_at(const unsigned char *p, uint64_t at, unsigned width)
{
    unsigned skip = at % 8, have = 8 - skip;
    p += at / 8;
    uint64_t v = (uint64_t)*p++ >> skip;
    for (; have < width; have += 8)
        v |= (uint64_t)*p++ << have;
    return width < 64 ? v & (((uint64_t)1 << width) - 1) : v;
}

/* The next values of a miniblock, `last` being the value before them. */
static uint64_t unpack(const unsigned char *p, unsigned width, uint64_t least, uint64_t last,
                       int64_t *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        last += least + (width ? bits_at(p, (uint64_t)i * width, width) : 0);
        out[i] = (int64_t)last;
    }
    return last;
}

static const char *take_block(struct rn_delta *d, const struct shape *s, uint64_t *last,
                              int64_t **out, size_t *count)
{
    uint64_t least;
    if (!take_zigzag(d, &least) || (uint64_t)(d->end - d->p) < s->miniblocks)
        return "ends inside a block";
    const unsigned char *widths = d->p;
    d->p += s->miniblocks;
    for (uint64_t m = 0; m<s->miniblocks && * count> 0; m++) {
        size_t take = *count < s->each ? *count : (size_t)s->each;
        uint64_t size = s->each / 8 * widths[m], there = (uint64_t)(d->end - d->p);
        if (widths[m] > WIDTH_MAX)
            return "has a bit width over 64";
        if (((uint64_t)take * widths[m] + 7) / 8 > there)
            return "ends inside a miniblock";
        *last = unpack(d->p, widths[m], least, *last, *out, take);
        d->p += size < there ? size : there; /* some writers cut the padding of the last one */
        *out += take;
        *count -= take;
    }
    return NULL;
}

const char *rn_delta_take(struct rn_delta *d, int64_t *out, size_t count)
{
    struct shape s;
    const char *bad = take_shape(d, &s);
    if (bad)
        return bad;
    if (s.count != count)
        return "holds another number of values than its page says";
    if (count == 0)
        return NULL;
    uint64_t last = s.first;
    *out++ = (int64_t)last;
    for (count--; count > 0 && !bad;)
        bad = take_block(d, &s, &last, &out, &count);
    return bad;
}
