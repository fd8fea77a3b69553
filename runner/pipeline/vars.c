#include "vars.h"

#include "nearest.h"
#include "str.h"
#include "told.h"

#include <stdlib.h>
#include <string.h>

enum { EXPANDED_MAX = 16 << 20, TEXT_MAX = 64 << 10, NEST_MAX = 64 };

struct rn_var {
    const char *name; /* "depth"; the pipeline's own name is kept as "" */
    struct rn_node *value;
    enum { FRESH, OPEN, DONE } state;
};

static void substitute(struct rn_vars *v, struct rn_node *node);

/* --- looking things up --- */

static struct rn_var *find(struct rn_vars *v, const char *name)
{
    for (size_t i = 0; i < v->n_vars; i++)
        if (strcmp(v->vars[i].name, name) == 0)
            return &v->vars[i];
    return NULL;
}

static const char *nearest(const struct rn_vars *v, const char *name)
{
    struct rn_nearest near = {.to = name};
    for (size_t i = 0; i < v->n_vars; i++)
        if (*v->vars[i].name)
            rn_nearest_try(&near, v->vars[i].name);
    return near.word;
}

static struct rn_err *fail(struct rn_vars *v, struct rn_node *node, const char *text)
{
    node->bad = true;
    return rn_problem_add(&v->l->problems, node->at, "%s", text);
}

/* Works a variable out before it is used. */
static struct rn_node *settle(struct rn_vars *v, struct rn_var *var, struct rn_node *user)
{
    if (var->state == OPEN || v->depth >= NEST_MAX) {
        rn_hint(fail(v, user,
                     var->state == OPEN ? "a variable that contains itself"
                                        : "variables nested more than 64 deep"),
                "in %s%s", *var->name ? "vars." : "name", var->name);
        return NULL;
    }
    if (var->state == FRESH) {
        var->state = OPEN;
        v->depth++;
        substitute(v, var->value);
        v->depth--;
        var->state = DONE;
    }
    if (var->value->bad)
        user->bad = true; /* told where the variable is written */
    return var->value->bad ? NULL : var->value;
}

static struct rn_node *unknown_var(struct rn_vars *v, const char *name, struct rn_node *user)
{
    struct rn_str text = {0};
    rn_str_printf(&text, "there is no variable '%s'", name);
    struct rn_err *e = fail(v, user, text.p);
    rn_str_release(&text);
    const char *near = nearest(v, name);
    if (near)
        rn_hint(e, "did you mean ${vars.%s}?", near);
    return NULL;
}

/* Value behind "depth" or "model.depth". */
static struct rn_node *lookup(struct rn_vars *v, const char *path, struct rn_node *user)
{
    char name[128];
    size_t n = strcspn(path, ".");
    snprintf(name, sizeof name, "%.*s", (int)n, path);
    struct rn_var *var = find(v, name);
    if (!var || !*name)
        return unknown_var(v, name, user);
    struct rn_node *value = settle(v, var, user);
    for (path += n; value && *path == '.'; path += n) {
        path++;
        n = strcspn(path, ".");
        snprintf(name, sizeof name, "%.*s", (int)n, path);
        value = rn_node_get(value, name);
        if (!value)
            return unknown_var(v, name, user);
    }
    return value;
}

static const char *origin_of(struct rn_vars *v, const char *what, const struct rn_node *value)
{
    if (value->origin)
        return rn_arena_printf(v->l->tree.arena, "%s (%s)", what, value->origin);
    const struct rn_pipeline *p = v->l->p;
    if (strcmp(value->at.path, p->path) == 0)
        return rn_arena_printf(v->l->tree.arena, "%s (line %d)", what, value->at.line);
    return rn_arena_printf(v->l->tree.arena, "%s (%s:%d)", what, rn_told_file(p, value->at.path),
                           value->at.line);
}

/* --- one ${...} --- */

static void add_env(struct rn_vars *v, const char *expr, struct rn_node *user, struct rn_str *out)
{
    const char *bar = strstr(expr, ":-");
    char name[128];
    snprintf(name, sizeof name, "%.*s", bar ? (int)(bar - expr) : (int)strlen(expr), expr);
    const char *value = getenv(name);
    if (value && !rn_utf8_valid(value, strlen(value))) {
        fail(v, user, "the environment variable is not UTF-8");
    } else if (value && (*value || !bar)) {
        rn_str_puts(out, value);
    } else if (bar) {
        rn_str_puts(out, bar + 2);
    } else if (v->l->lenient_env) {
        user->bad = true;
    } else {
        struct rn_str text = {0};
        rn_str_printf(&text, "the environment variable %s is not set", name);
        rn_hint(fail(v, user, text.p), "set it, or write ${env.%s:-default}", name);
        rn_str_release(&text);
    }
}

static void add_value(struct rn_vars *v, const char *expr, const struct rn_node *value,
                      struct rn_node *user, struct rn_str *out)
{
    if (value->kind == RN_NODE_SCALAR) {
        rn_str_puts(out, value->text);
        user->via = origin_of(v, expr, value);
        return;
    }
    struct rn_str text = {0};
    char shown[96];
    rn_str_printf(&text, "${%s} is %s and cannot stand inside a text", expr,
                  rn_node_show(value, shown));
    fail(v, user, text.p);
    rn_str_release(&text);
}

static void unknown_expression(struct rn_vars *v, const char *expr, struct rn_node *user)
{
    struct rn_str text = {0};
    rn_str_printf(&text, "${%s} means nothing", expr);
    struct rn_err *e = fail(v, user, text.p);
    rn_str_release(&text);
    if (*expr && find(v, expr))
        rn_hint(e, "did you mean ${vars.%s}?", expr);
    else
        rn_hint(e, "there are ${vars.x}, ${env.X}, ${env.X:-default} and ${name}; $$ is a dollar");
}

static void add_expression(struct rn_vars *v, const char *expr, struct rn_node *user,
                           struct rn_str *out)
{
    struct rn_node *value;
    if (rn_starts_with(expr, "env.")) {
        add_env(v, expr + 4, user, out);
    } else if (rn_starts_with(expr, "vars.")) {
        value = lookup(v, expr + 5, user);
        if (value)
            add_value(v, expr, value, user, out);
    } else if (strcmp(expr, "name") == 0 && find(v, "")) {
        value = settle(v, find(v, ""), user);
        if (value)
            add_value(v, expr, value, user, out);
    } else if (strcmp(expr, "key8") == 0 && v->key8) {
        rn_str_puts(out, v->key8);
    } else if (strcmp(expr, "key8") == 0) {
        fail(v, user, "${key8} depends on all values and may stand in the tag only");
    } else {
        unknown_expression(v, expr, user);
    }
}

/* --- texts --- */

/* Reads "${expr}" at p; returns past it, NULL after a problem. */
static const char *take_expression(struct rn_vars *v, const char *p, struct rn_node *user,
                                   struct rn_str *out)
{
    char expr[256];
    const char *end = strchr(p, '}');
    if (!end || (size_t)(end - p - 2) >= sizeof expr) {
        rn_hint(fail(v, user, "'${' without its '}'"), "$$ is a dollar");
        return NULL;
    }
    snprintf(expr, sizeof expr, "%.*s", (int)(end - p - 2), p + 2);
    add_expression(v, expr, user, out);
    return user->bad ? NULL : end + 1;
}

static void expand(struct rn_vars *v, struct rn_node *node)
{
    struct rn_str out = {0};
    bool substituted = false;
    rn_str_puts(&out, "");
    for (const char *p = node->text; p && *p;) {
        if (p[0] == '$' && p[1] == '{') {
            p = take_expression(v, p, node, &out);
            substituted = true;
        } else {
            p += p[0] == '$' && p[1] == '$';
            rn_str_putc(&out, *p++);
        }
        if (p && out.n > TEXT_MAX) {
            fail(v, node, "longer than 64 KiB after substitution");
            p = NULL;
        }
    }
    v->expanded_bytes += out.n;
    if (v->expanded_bytes > EXPANDED_MAX && !node->bad)
        fail(v, node, "substitution made more than 16 MiB of text");
    if (!node->bad) {
        node->text = rn_arena_dup(v->l->tree.arena, out.p);
        node->style = substituted ? RN_LOOSE : node->style;
    }
    rn_str_release(&out);
}

/* The path x of a text that is exactly "${vars.x}"; false otherwise. */
static bool whole_variable(const char *text, char path[128])
{
    size_t n = strlen(text);
    if (!rn_starts_with(text, "${vars.") || n > 120 || strchr(text, '}') != text + n - 1)
        return false;
    snprintf(path, 128, "%.*s", (int)(n - 8), text + 7);
    return true;
}

static void become(struct rn_vars *v, struct rn_node *node, const char *path)
{
    struct rn_node *value = lookup(v, path, node);
    struct rn_node *copy = value ? rn_node_copy(&v->l->tree, value) : NULL;
    if (!copy) {
        node->bad = true;
        return;
    }
    const char *what = rn_arena_printf(v->l->tree.arena, "vars.%s", path);
    copy->at = node->at;
    copy->origin = node->origin;
    copy->via = origin_of(v, what, value);
    *node = *copy;
}

static void substitute(struct rn_vars *v, struct rn_node *node)
{
    char path[128];
    for (size_t i = 0; i < node->n; i++)
        substitute(v, node->entries[i].value);
    if (node->kind != RN_NODE_SCALAR || node->bad || !strchr(node->text, '$'))
        return;
    if (whole_variable(node->text, path))
        become(v, node, path);
    else
        expand(v, node);
}

static void collect(struct rn_vars *v)
{
    const struct rn_node *vars = rn_node_get(v->l->root, "vars");
    struct rn_node *name = rn_node_get(v->l->root, "name");
    size_t n = vars && vars->kind == RN_NODE_MAP ? vars->n : 0;
    v->vars = rn_arena_alloc(v->l->tree.arena, (n + 1) * sizeof *v->vars);
    for (size_t i = 0; i < n; i++)
        v->vars[v->n_vars++] = (struct rn_var){vars->entries[i].key, vars->entries[i].value, FRESH};
    if (name)
        v->vars[v->n_vars++] = (struct rn_var){"", name, FRESH};
}

void rn_vars_apply(struct rn_vars *v)
{
    const struct rn_node *root = v->l->root;
    collect(v);
    for (size_t i = 0; i < v->n_vars; i++)
        settle(v, &v->vars[i], v->vars[i].value);
    for (size_t i = 0; i < root->n; i++) {
        const char *key = root->entries[i].key;
        bool later = strcmp(key, "tag") == 0 || strcmp(key, "profiles") == 0;
        bool done = strcmp(key, "vars") == 0 || strcmp(key, "name") == 0;
        if (!later && !done)
            substitute(v, root->entries[i].value);
    }
}

const char *rn_vars_tag(struct rn_vars *v, struct rn_node *node, const char *key8)
{
    v->key8 = key8;
    substitute(v, node);
    return node->bad || node->kind != RN_NODE_SCALAR ? NULL : node->text;
}
