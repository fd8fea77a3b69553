#include "spec.h"

#include "err.h"

#include <string.h>

const struct rn_value rn_values[] = {
#define VALUE(name, completion, doc) {#name, RN_COMPLETE_##completion, doc},
#include "values.def"
#undef VALUE
    {0}};

const struct rn_value *rn_value_find(const char *name)
{
    for (const struct rn_value *v = rn_values; v->name; v++)
        if (strcmp(v->name, name) == 0)
            return v;
    return NULL;
}

/* A bracket opens or closes before a word: "[RUN [STAGE]]" works as well. */
size_t rn_slots_read(const char *args, struct rn_slot slots[RN_SLOTS])
{
    size_t n = 0;
    int depth = 0;
    for (const char *p = args; *p;) {
        size_t length = strcspn(p, " []");
        if (length == 0) {
            depth += (*p == '[') - (*p == ']');
            p++;
            continue;
        }
        if (strncmp(p, "...", 3) == 0) {
            RN_ASSERT(n > 0);
            slots[n - 1].repeats = true;
        } else {
            RN_ASSERT(n < RN_SLOTS && length < RN_SPEC_BYTES);
            slots[n] = (struct rn_slot){.optional = depth > 0};
            memcpy(slots[n++].spec, p, length);
        }
        p += length;
    }
    return n;
}

const struct rn_slot *rn_slot_of(const struct rn_slot *slots, size_t n, size_t i)
{
    if (i < n)
        return &slots[i];
    return n > 0 && slots[n - 1].repeats ? &slots[n - 1] : NULL;
}

bool rn_spec_part(const char *spec, size_t i, char part[RN_SPEC_BYTES])
{
    for (; i > 0; i--) {
        spec = strchr(spec, '|');
        if (!spec++)
            return false;
    }
    size_t length = strcspn(spec, "|");
    RN_ASSERT(length < RN_SPEC_BYTES);
    memcpy(part, spec, length);
    part[length] = '\0';
    return true;
}

bool rn_spec_is_word(const char *part)
{
    return strpbrk(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZ=") == NULL;
}

bool rn_spec_takes(const char *spec, const char *text)
{
    char part[RN_SPEC_BYTES];
    bool closed = true;
    for (size_t i = 0; rn_spec_part(spec, i, part); i++) {
        if (strcmp(part, text) == 0)
            return true;
        closed &= rn_spec_is_word(part);
    }
    return !closed;
}
