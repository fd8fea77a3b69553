/* git-lfs' batch API: an answer with a row for each object that was asked for. */
#include "conn.h"

#include <stdlib.h>
#include <string.h>

struct object {
    char oid[80], size[24];
};

/* The value of the next member of that name, up to its end; where to go on from, or NULL. */
static const char *take(const char *at, const char *member, char *value, size_t cap)
{
    const char *p = at ? strstr(at, member) : NULL;
    if (!p)
        return NULL;
    p += strlen(member);
    snprintf(value, cap, "%.*s", (int)strcspn(p, "\",}"), p);
    return p;
}

static void put_expanded(struct conn *c, const char *text, const struct object *o)
{
    const struct {
        const char *name, *value;
    } words[] = {
        {"$OID", o->oid}, {"$SIZE", o->size}, {"$URL", conn_url(c)}, {"$OTHER", conn_other_url(c)}};
    while (*text) {
        size_t plain = strcspn(text, "$");
        conn_put(c, text, plain);
        text += plain;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strncmp(text, words[i].name, strlen(words[i].name)) == 0) {
                conn_put(c, words[i].value, strlen(words[i].value));
                text += strlen(words[i].name);
                break;
            }
    }
}

void give_lfs(struct conn *c, const struct kind *k)
{
    struct object o;
    const char *comma = "";
    conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.git-lfs+json\r\n"
                   "Connection: close\r\n\r\n{\"transfer\":\"basic\",\"objects\":[");
    for (const char *at = conn_body(c); (at = take(at, "\"oid\":\"", o.oid, sizeof o.oid));) {
        if (!take(at, "\"size\":", o.size, sizeof o.size))
            break;
        conn_printf(c, "%s", comma);
        put_expanded(c, k->text, &o);
        comma = ",";
    }
    conn_printf(c, "]}");
}
