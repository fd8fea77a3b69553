#include "thrift.h"

enum {
    WIRE_STOP,
    WIRE_TRUE,
    WIRE_FALSE,
    WIRE_I8,
    WIRE_I16,
    WIRE_I32,
    WIRE_I64,
    WIRE_DOUBLE,
    WIRE_BINARY,
    WIRE_LIST,
    WIRE_SET,
    WIRE_MAP,
    WIRE_STRUCT
};
enum { DEPTH_MAX = 32 };

static void fail(struct rn_thrift *t, const char *why)
{
    if (!t->bad)
        t->bad = why;
    t->p = t->end;
}

static size_t left(const struct rn_thrift *t)
{
    return (size_t)(t->end - t->p);
}

static unsigned take_byte(struct rn_thrift *t)
{
    if (t->p == t->end) {
        fail(t, "ends in the middle of a value");
        return 0;
    }
    return *t->p++;
}

static uint64_t take_varint(struct rn_thrift *t)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        unsigned b = take_byte(t);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return v;
    }
    fail(t, "has an integer of more than 64 bits");
    return 0;
}

static int64_t take_zigzag(struct rn_thrift *t)
{
    uint64_t v = take_varint(t);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void skip_bytes(struct rn_thrift *t, uint64_t n)
{
    if (n > left(t))
        fail(t, "has a length beyond its end");
    else
        t->p += n;
}

bool rn_thrift_next(struct rn_thrift *t, struct rn_thrift_field *f)
{
    unsigned head = take_byte(t);
    f->type = head & 15;
    if (t->bad || f->type == WIRE_STOP)
        return false;
    int64_t id = head >> 4 ? f->id + (int)(head >> 4) : take_zigzag(t);
    if (id < 0 || id > INT16_MAX || f->type > WIRE_STRUCT)
        fail(t, "has a field with an impossible number or type");
    f->id = (int)id;
    return !t->bad;
}

int64_t rn_thrift_int(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    if (f->type == WIRE_I8)
        return (signed char)take_byte(t);
    if (f->type < WIRE_I16 || f->type > WIRE_I64)
        fail(t, "has a field of another type where an integer belongs");
    return t->bad ? 0 : take_zigzag(t);
}

bool rn_thrift_bool(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    if (f->type != WIRE_TRUE && f->type != WIRE_FALSE)
        fail(t, "has a field of another type where a boolean belongs");
    return f->type == WIRE_TRUE;
}

const char *rn_thrift_str(struct rn_thrift *t, const struct rn_thrift_field *f, size_t *n)
{
    *n = 0;
    if (f->type != WIRE_BINARY)
        fail(t, "has a field of another type where a string belongs");
    uint64_t size = t->bad ? 0 : take_varint(t);
    const char *at = (const char *)t->p;
    skip_bytes(t, size);
    if (t->bad)
        return "";
    *n = (size_t)size;
    return at;
}

bool rn_thrift_enter(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    if (f->type != WIRE_STRUCT)
        fail(t, "has a field of another type where a structure belongs");
    return !t->bad;
}

struct rn_thrift_list rn_thrift_list(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    struct rn_thrift_list list = {0};
    if (f->type != WIRE_LIST && f->type != WIRE_SET)
        fail(t, "has a field of another type where a list belongs");
    unsigned head = t->bad ? 0 : take_byte(t);
    uint64_t n = head >> 4 == 15 ? take_varint(t) : head >> 4;
    if (n > left(t))
        fail(t, "has a list longer than its bytes");
    list.item.type = head & 15;
    list.left = t->bad ? 0 : (size_t)n;
    return list;
}

bool rn_thrift_item(struct rn_thrift *t, struct rn_thrift_list *list)
{
    if (t->bad || list->left == 0)
        return false;
    list->left--;
    return true;
}

static void skip_element(struct rn_thrift *t, int type)
{
    /* Inside collections a boolean is a byte of its own; as a field it lies in the field's type. */
    if (type == WIRE_TRUE || type == WIRE_FALSE)
        take_byte(t);
    else
        rn_thrift_skip(t, &(struct rn_thrift_field){.type = type});
}

static void skip_map(struct rn_thrift *t)
{
    uint64_t n = take_varint(t);
    unsigned types = n ? take_byte(t) : 0;
    if (n > left(t))
        fail(t, "has a map longer than its bytes");
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip_element(t, (int)(types >> 4));
        skip_element(t, (int)(types & 15));
    }
}

static void skip_list(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    struct rn_thrift_list list = rn_thrift_list(t, f);
    while (rn_thrift_item(t, &list))
        skip_element(t, list.item.type);
}

static void skip_struct(struct rn_thrift *t)
{
    struct rn_thrift_field f = {0};
    while (rn_thrift_next(t, &f))
        rn_thrift_skip(t, &f);
}

void rn_thrift_skip(struct rn_thrift *t, const struct rn_thrift_field *f)
{
    if (++t->depth > DEPTH_MAX)
        fail(t, "is nested too deeply");
    if (f->type == WIRE_I8)
        skip_bytes(t, 1);
    else if (f->type >= WIRE_I16 && f->type <= WIRE_I64)
        take_varint(t);
    else if (f->type == WIRE_DOUBLE)
        skip_bytes(t, 8);
    else if (f->type == WIRE_BINARY)
        skip_bytes(t, take_varint(t));
    else if (f->type == WIRE_LIST || f->type == WIRE_SET)
        skip_list(t, f);
    else if (f->type == WIRE_MAP)
        skip_map(t);
    else if (f->type == WIRE_STRUCT)
        skip_struct(t);
    else if (f->type != WIRE_TRUE && f->type != WIRE_FALSE)
        fail(t, "has a value of an unknown type");
    t->depth--;
}
