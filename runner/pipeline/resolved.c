/* resolved.c - rn_pipeline_resolved_yaml: the document that was really meant.
 *
 * It loads again and gives the same key8: strings are JSON strings (which YAML reads) with their
 * dollars doubled, absent keys are left out, the tag is written out. */
#include "pipeline.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

enum { COMMENT_COLUMN = 56 };

struct writer {
    const struct rn_pipeline *p;
    struct rn_str out, path;
    size_t line; /* where the current line begins */
    bool dashed; /* the next member stands behind the dash of its item */
};

/* A '$' that would begin a substitution is written twice. */
static void put_text(struct rn_str *out, const char *text)
{
    struct rn_str doubled = {0};
    rn_str_puts(&doubled, "");
    for (; *text; text++) {
        if (text[0] == '$' && (text[1] == '{' || text[1] == '$'))
            rn_str_putc(&doubled, '$');
        rn_str_putc(&doubled, *text);
    }
    json_t *value = json_string(doubled.p);
    char *quoted = json_dumps(value, JSON_ENCODE_ANY);
    rn_str_puts(out, quoted);
    free(quoted);
    json_decref(value);
    rn_str_release(&doubled);
}

static void put_scalar(struct rn_str *out, const json_t *value)
{
    if (json_is_string(value)) {
        put_text(out, json_string_value(value));
    } else if (json_is_real(value)) {
        char text[32];
        rn_str_puts(out, rn_show_real(text, json_real_value(value)));
    } else {
        char *text = rn_json_canonical(value);
        rn_str_puts(out, text);
        free(text);
    }
}

/* Whatever ends a line of YAML must not end a comment. */
static void put_comment(struct rn_str *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    for (int len; p < end; p += len) {
        uint32_t c = rn_utf8_next(p, end, &len);
        bool breaks = c < 0x20 || c == 0x7F || c == 0x85 || c == 0x2028 || c == 0x2029;
        if (breaks)
            rn_str_putc(out, ' ');
        else
            rn_str_add(out, p, (size_t)len);
    }
}

static void end_line(struct writer *w)
{
    const char *origin = rn_json_str(rn_pipeline_origins(w->p), w->path.p, NULL);
    if (origin) {
        size_t used = w->out.n - w->line;
        rn_str_printf(&w->out, "%*s# ", used < COMMENT_COLUMN ? (int)(COMMENT_COLUMN - used) : 1,
                      "");
        put_comment(&w->out, origin);
    }
    rn_str_putc(&w->out, '\n');
    w->line = w->out.n;
}

/* Absent keys are null and tables of nothing but absent keys are left out, too. */
static bool has_values(const json_t *object)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)object, key, v)
    {
        if (json_is_object(v) ? has_values(v) : !json_is_null(v))
            return true;
    }
    return false;
}

static void put_value(struct writer *w, const json_t *value, int indent);

static void put_member(struct writer *w, const char *key, const json_t *value, int indent)
{
    size_t mark = w->path.n;
    if (json_is_null(value) || (json_is_object(value) && !has_values(value)))
        return;
    rn_str_printf(&w->path, "%s%s", mark ? "." : "", key);
    rn_str_printf(&w->out, "%*s%s:", w->dashed ? 1 : indent, "", key);
    w->dashed = false;
    put_value(w, value, indent);
    w->path.n = mark;
    w->path.p[mark] = '\0';
}

static void put_items(struct writer *w, const json_t *list, int indent)
{
    size_t mark = w->path.n, i;
    json_t *v;
    json_array_foreach((json_t *)list, i, v)
    {
        rn_str_printf(&w->path, "[%zu]", i);
        rn_str_printf(&w->out, "%*s-", indent, "");
        w->dashed = json_is_object(v) && has_values(v);
        put_value(w, v, indent);
        w->path.n = mark;
        w->path.p[mark] = '\0';
    }
}

/* What stands behind "key:" or "-". */
static void put_value(struct writer *w, const json_t *value, int indent)
{
    const char *key;
    json_t *v;
    bool object = json_is_object(value) && has_values(value);
    bool list = json_is_array(value) && json_array_size(value);
    if (object || list) {
        if (!w->dashed)
            end_line(w);
    } else {
        rn_str_putc(&w->out, ' ');
        if (json_is_object(value))
            rn_str_puts(&w->out, "{}");
        else
            put_scalar(&w->out, value);
        end_line(w);
    }
    if (object)
        json_object_foreach((json_t *)value, key, v) put_member(w, key, v, indent + 2);
    else if (list)
        put_items(w, value, indent + 2);
}

char *rn_pipeline_resolved_yaml(const struct rn_pipeline *p)
{
    struct writer w = {.p = p};
    rn_str_puts(&w.path, "");
    char *head = rn_xprintf("%s resolved%s%s%s%s; key %s", p->path, p->profile ? ", profile " : "",
                            p->profile ? p->profile : "", p->cell ? ", cell " : "",
                            p->cell ? p->cell : "", p->key8);
    rn_str_puts(&w.out, "# ");
    put_comment(&w.out, head);
    rn_str_puts(&w.out, "\nrunnel: 1\nname: ");
    free(head);
    put_text(&w.out, p->name);
    rn_str_puts(&w.out, "\ntag: ");
    put_text(&w.out, p->tag);
    rn_str_puts(&w.out, "\nstages:\n");
    w.line = w.out.n;
    for (size_t i = 0; i < p->n_stages; i++)
        put_member(&w, p->stages[i].name, rn_pipeline_resolved(p, &p->stages[i]), 2);
    rn_str_release(&w.path);
    return w.out.p;
}
