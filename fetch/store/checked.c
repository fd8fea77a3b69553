#include "checked.h"

#include "str.h"

#include <string.h>

/* Every text with its length in front: no two checks are one. */
static void add_text(struct rn_str *s, const char *text)
{
    rn_str_printf(s, "%zu:%s|", text ? strlen(text) : 0, text ? text : "");
}

static void add_texts(struct rn_str *s, const char *const *texts)
{
    for (; texts && *texts; texts++)
        add_text(s, *texts);
    rn_str_puts(s, ".");
}

static void digest(const struct rn_fetch_file *file, char hex[RN_HEX])
{
    const struct rn_expect *e = &file->expect;
    const struct rn_unpack *u = file->unpack;
    struct rn_str s = {0};
    add_text(&s, RUNNEL_VERSION);
    add_text(&s, e->format);
    add_text(&s, e->record);
    add_texts(&s, e->columns);
    rn_str_printf(&s, "%lld %lld %lld %lld", (long long)e->rows, (long long)e->min_size,
                  (long long)e->max_size, (long long)file->size_bytes);
    if (u) {
        rn_str_printf(&s, " %lld %lld ", (long long)u->strip, (long long)u->max_bytes);
        add_texts(&s, u->require);
    }
    rn_sha256_hex(s.p, s.n, hex);
    rn_str_release(&s);
}

bool rn_checked(const struct rn_cache *c, const struct rn_fetch_file *file,
                const struct rn_seen *seen)
{
    char check[RN_HEX];
    digest(file, check);
    return rn_cache_checked(c, seen, check);
}

void rn_checked_learn(const struct rn_cache *c, const struct rn_fetch_file *file,
                      const struct rn_seen *seen)
{
    char check[RN_HEX];
    digest(file, check);
    rn_cache_learn_check(c, seen, check);
}
