#include "fetch_rows.h"
#include "json.h"
#include "str.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

struct rn_fetch_row *rn_fetch_rows_add(struct rn_fetch_rows *r, const char *file, const char *state)
{
    RN_PUSH(r->rows, r->n, r->cap,
            ((struct rn_fetch_row){.file = rn_arena_dup(&r->texts, file),
                                   .state = state,
                                   .trust = "-",
                                   .where = "",
                                   .size_bytes = -1}));
    return &r->rows[r->n - 1];
}

void rn_fetch_rows_release(struct rn_fetch_rows *r)
{
    free(r->rows);
    rn_arena_release(&r->texts);
}

/* --- as objects --- */

static json_t *text(const char *s)
{
    return rn_json_text(s, strlen(s));
}

static json_t *object_of(const struct rn_fetch_row *row)
{
    struct rn_str where = {0};
    rn_str_puts(&where, row->where);
    if (row->date)
        rn_str_printf(&where, "%s%s", where.n ? " " : "", row->date);
    json_t *o = json_pack("{s:o, s:s, s:s, s:I, s:s, s:o}", "file", text(row->file), "state",
                          row->state, "sha256", row->sha256, "size_bytes",
                          (json_int_t)row->size_bytes, "trust", row->trust, "where", text(where.p));
    RN_ASSERT(o); /* its words are our own */
    if (row->health)
        json_object_set_new(o, "health", text(row->health));
    if (row->message)
        json_object_set_new(o, "message", text(row->message));
    rn_str_release(&where);
    return o;
}

static void print_objects(const struct rn_fetch_rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        json_t *o = object_of(&r->rows[i]);
        rn_table_object(o);
        json_decref(o);
    }
}

/* --- who says the same --- */

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Length of "stage.entry/" in "stage.entry/name". */
static size_t entry_length(const char *file)
{
    size_t n = strcspn(file, "/");
    return n + (file[n] == '/');
}

static bool are_alike(const struct rn_fetch_row *a, const struct rn_fetch_row *b)
{
    return !a->alone && !b->alone && strncmp(a->file, b->file, entry_length(a->file)) == 0 &&
           same(a->state, b->state) && same(a->trust, b->trust) && same(a->where, b->where) &&
           same(a->health, b->health);
}

/* Rows from `at` on that are of one file. */
static size_t rows_of_file(const struct rn_fetch_rows *r, size_t at)
{
    size_t n = 0;
    while (at + n < r->n && same(r->rows[at].file, r->rows[at + n].file))
        n++;
    return n;
}

/* Files of `each` rows from `at` on, the first included, that say the same row by row. */
static size_t files_alike(const struct rn_fetch_rows *r, size_t at, size_t each)
{
    for (size_t n = 1;; n++) {
        size_t next = at + n * each;
        if (rows_of_file(r, next) != each)
            return n;
        for (size_t k = 0; k < each; k++)
            if (!are_alike(&r->rows[at + k], &r->rows[next + k]))
                return n;
    }
}

/* --- as lines --- */

static void put_size(struct rn_str *s, const json_t *row, const char *key)
{
    long long n = rn_json_int(row, "files", 0);
    if (n > 0)
        rn_str_printf(s, "%lld files%s", n, rn_json_int(row, key, 0) > 0 ? ", " : "");
    rn_cell_bytes(s, row, key);
}

static const struct rn_column columns[] = {
    {"state", "state", rn_cell_text},   {"file", "file", rn_cell_text},
    {"size", "size_bytes", put_size},   {"sha256", "sha256", rn_cell_digest},
    {"trust", "trust", rn_cell_text},   {"where", "where", rn_cell_text},
    {"health", "health", rn_cell_text}, {0}};

/* What n rows that are alike, `step` rows apart, have in common. */
static json_t *fold(const struct rn_fetch_row *rows, size_t n, size_t step)
{
    struct rn_fetch_row one = rows[0];
    const char *last = rows[(n - 1) * step].file;
    for (size_t i = 1; i < n; i++) {
        const struct rn_fetch_row *row = &rows[i * step];
        bool known = one.size_bytes >= 0 && row->size_bytes >= 0 &&
                     one.size_bytes <= INT64_MAX - row->size_bytes;
        one.size_bytes = known ? one.size_bytes + row->size_bytes : -1;
        one.date = same(one.date, row->date) ? one.date : NULL;
    }
    one.sha256[0] = '\0';
    char *files = rn_xprintf("%s .. %s", one.file, last + entry_length(last));
    one.file = files;
    json_t *o = object_of(&one);
    json_object_set_new(o, "files", json_integer((json_int_t)n));
    free(files);
    return o;
}

/* n files of `each` rows that are alike. */
static void add_lines(json_t *lines, const struct rn_fetch_row *rows, size_t n, size_t each)
{
    if (n > RN_FETCH_LISTED)
        for (size_t i = 0; i < each; i++)
            json_array_append_new(lines, fold(&rows[i], n, each));
    else
        for (size_t i = 0; i < n * each; i++)
            json_array_append_new(lines, object_of(&rows[i]));
}

static void print_lines(const struct rn_fetch_rows *r)
{
    json_t *lines = json_array();
    for (size_t at = 0, n, each; at < r->n; at += n * each) {
        each = rows_of_file(r, at);
        n = files_alike(r, at, each);
        add_lines(lines, &r->rows[at], n, each);
    }
    rn_table_print(columns, lines, false);
    json_decref(lines);
}

void rn_fetch_rows_print(const struct rn_fetch_rows *r, bool json)
{
    if (json)
        print_objects(r);
    else
        print_lines(r);
}
