#include "archive_names.h"

#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_NAME = 1024, MAX_COMPONENT = 255, MAX_DEPTH = 64 };

static bool component_is_safe(const char *p, size_t n)
{
    return n > 0 && n <= MAX_COMPONENT && !(n == 1 && p[0] == '.') &&
           !(n == 2 && p[0] == '.' && p[1] == '.');
}

static bool bytes_are_safe(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F || *p == '\\')
            return false;
    return true;
}

bool rn_entry_name_is_safe(const char *name)
{
    size_t n = strlen(name), depth = 0;
    if (n == 0 || n > MAX_NAME || name[0] == '/' || (n > 1 && name[1] == ':') ||
        !bytes_are_safe(name) || !rn_utf8_valid(name, n))
        return false;
    for (const char *p = name; *p; depth++) {
        size_t len = strcspn(p, "/");
        if (!component_is_safe(p, len))
            return false;
        p += len + (p[len] == '/');
    }
    return depth <= MAX_DEPTH;
}

const char *rn_entry_name_strip(const char *name, int64_t components)
{
    for (; components > 0 && name; components--) {
        name = strchr(name, '/');
        name = name ? name + 1 : NULL;
    }
    return name && *name ? name : NULL;
}

void rn_names_add(struct rn_names *l, const char *name)
{
    RN_PUSH(l->names, l->n, l->cap, rn_xdup(name));
    l->sorted = false;
}

static int by_folded_name(const void *x, const void *y)
{
    return strcasecmp(*(char *const *)x, *(char *const *)y);
}

/* Any name that is `name` where case does not count, or NULL. */
static const char *find_folded(const struct rn_names *l, const char *name)
{
    RN_ASSERT(l->sorted || l->n == 0);
    char *const *found =
        l->n ? bsearch(&name, l->names, l->n, sizeof *l->names, by_folded_name) : NULL;
    return found ? *found : NULL;
}

int rn_names_check(struct rn_names *l, const char *archive, struct rn_err *err)
{
    char parent[MAX_NAME + 1];
    if (l->n)
        qsort(l->names, l->n, sizeof *l->names, by_folded_name);
    l->sorted = true;
    for (size_t i = 0; i < l->n; i++) {
        const char *name = l->names[i];
        if (i > 0 && strcasecmp(l->names[i - 1], name) == 0)
            return rn_fail(err, RN_ECORRUPT, RN_PATH(archive),
                           "entries '%s' and '%s' have one place", l->names[i - 1], name);
        for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
            snprintf(parent, sizeof parent, "%.*s", (int)(p - name), name);
            if (find_folded(l, parent))
                return rn_fail(err, RN_ECORRUPT, RN_PATH(archive),
                               "entry '%s' is both file and directory", parent);
        }
    }
    return RN_OK;
}

bool rn_names_has(const struct rn_names *l, const char *name)
{
    const char *found = find_folded(l, name);
    return found && strcmp(found, name) == 0;
}

void rn_names_release(struct rn_names *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->names[i]);
    free(l->names);
    *l = (struct rn_names){0};
}
