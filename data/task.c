#include "task.h"

#include "jsonl.h"
#include "parquet.h"
#include "pcg64.h"

#include <stdlib.h>
#include <string.h>

enum { CHOICES_MAX = 26 };

struct row {
    size_t at, n; /* its bytes in text */
    size_t split; /* gsm8k: where the answer begins */
    const char *path;
    int line; /* 0: a row of a parquet file */
};

struct task_kind {
    const char *name;
    bool permuted; /* rows in the order of numpy's default_rng(42) */
    int (*load)(struct rn_task *, const char *path, struct rn_err *);
    int (*get)(const struct rn_task *, const struct row *, struct rn_conversation *,
               struct rn_err *);
};

struct rn_task {
    const struct task_kind *kind;
    struct rn_arena names;
    struct rn_str text;
    struct row *rows;
    size_t n, cap;
    int64_t *order; /* NULL: as stored */
    char digest[RN_HEX];
};

static struct rn_place place_of(const struct row *r)
{
    return RN_LINE(r->path, r->line);
}

/* --- JSONL --- */

static int load_jsonl(struct rn_task *t, const char *path, struct rn_err *err)
{
    struct rn_jsonl *lines;
    const char *name = rn_arena_dup(&t->names, path), *line;
    size_t n;
    RN_TRY(rn_jsonl_open(&lines, path, err));
    int rc;
    while ((rc = rn_jsonl_next_line(lines, &line, &n, err)) == RN_OK && line) {
        struct row row = {t->text.n, n, 0, name, rn_jsonl_place(lines).line};
        rn_str_add(&t->text, line, n);
        RN_PUSH(t->rows, t->n, t->cap, row);
    }
    rn_jsonl_free(lines);
    return rc;
}

static int parse_row(const struct rn_task *t, const struct row *r, json_t **doc, struct rn_err *err)
{
    return rn_json_parse(t->text.p + r->at, r->n, place_of(r), doc, err);
}

static int get_conversation(const struct rn_task *t, const struct row *r, struct rn_conversation *c,
                            struct rn_err *err)
{
    json_t *doc;
    *c = (struct rn_conversation){0};
    RN_TRY(parse_row(t, r, &doc, err));
    int rc = rn_conversation_parse(c, doc, place_of(r), err);
    json_decref(doc);
    return rc;
}

/* --- multiple choice: {query, choices, gold}, answered by letter --- */

void rn_task_choice_question(const char *query, const char *const *choices, size_t n,
                             struct rn_str *out)
{
    rn_str_printf(out, "Multiple Choice question: %s\n", query);
    for (size_t i = 0; i < n; i++) /* the letter last, without a blank: the token of the answer */
        rn_str_printf(out, "- %s=%c\n", choices[i], (char)('A' + i));
    rn_str_puts(out, "\nRespond only with the letter of the correct answer.");
}

static int say_choice(struct rn_conversation *c, const json_t *doc, struct rn_place at,
                      struct rn_err *err)
{
    const char *choices[CHOICES_MAX], *query = rn_json_str(doc, "query", NULL);
    const json_t *list = json_object_get(doc, "choices");
    size_t n = json_array_size(list);
    int64_t gold = rn_json_int(doc, "gold", -1);
    if (!query || n < 2 || n > CHOICES_MAX || gold < 0 || gold >= (int64_t)n)
        return rn_fail(err, RN_ECORRUPT, at,
                       "no choice row: expected {query, choices (2 to %d), gold (an index)}",
                       CHOICES_MAX);
    for (size_t i = 0; i < n; i++)
        if (!(choices[i] = json_string_value(json_array_get(list, i))))
            return rn_fail(err, RN_ECORRUPT, at, "choice %zu is not a string", i + 1);
    struct rn_str s = {0};
    rn_task_choice_question(query, choices, n, &s);
    rn_conversation_say(c, s.p, s.n);
    rn_conversation_say(c, (char[]){(char)('A' + gold)}, 1);
    rn_str_release(&s);
    return RN_OK;
}

static int get_choice(const struct rn_task *t, const struct row *r, struct rn_conversation *c,
                      struct rn_err *err)
{
    json_t *doc;
    *c = (struct rn_conversation){0};
    RN_TRY(parse_row(t, r, &doc, err));
    int rc = say_choice(c, doc, place_of(r), err);
    json_decref(doc);
    return rc;
}

/* --- GSM8K: question and answer, with <<expression=result>> where a calculator was used --- */

static int add_pair(struct rn_task *t, const char *path, const struct rn_parquet_values v[2],
                    size_t i, struct rn_err *err)
{
    for (int k = 0; k < 2; k++)
        if (!v[k].present[i])
            return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "row %zu has a null value", t->n);
    const struct rn_parquet_string q = v[0].strings[i], a = v[1].strings[i];
    struct row row = {t->text.n, q.n + a.n, q.n, path, 0};
    rn_str_add(&t->text, q.p, q.n);
    rn_str_add(&t->text, a.p, a.n);
    RN_PUSH(t->rows, t->n, t->cap, row);
    return RN_OK;
}

/* A reader's buffers are reused from read to read, so each column has a reader of its own. */
static int load_pairs(struct rn_task *t, const char *name, struct rn_parquet *const p[2],
                      struct rn_err *err)
{
    static const char *const columns[] = {"question", "answer"};
    int col[2];
    for (int k = 0; k < 2; k++)
        if ((col[k] = rn_parquet_column(p[k], columns[k], err)) < 0)
            return RN_ECORRUPT;
    for (size_t g = 0; g < rn_parquet_groups(p[0]); g++) {
        struct rn_parquet_values v[2];
        for (int k = 0; k < 2; k++) {
            RN_TRY(rn_parquet_read(p[k], g, col[k], &v[k], err));
            if (!v[k].strings)
                return rn_fail(err, RN_ECORRUPT, RN_PATH(name), "column %s holds no text",
                               columns[k]);
        }
        for (size_t i = 0; i < v[0].n && i < v[1].n; i++)
            RN_TRY(add_pair(t, name, v, i, err));
    }
    return RN_OK;
}

static int load_gsm8k(struct rn_task *t, const char *path, struct rn_err *err)
{
    struct rn_parquet *p[2] = {0};
    int rc;
    RN_CHECK(rc = rn_parquet_open(&p[0], path, err));
    RN_CHECK(rc = rn_parquet_open(&p[1], path, err));
    rc = load_pairs(t, rn_arena_dup(&t->names, path), p, err);
done:
    rn_parquet_free(p[0]);
    rn_parquet_free(p[1]);
    return rc;
}

/* Length of a tool call "<<...>>" at p (no '>' inside, not empty), 0 if there is none. */
static size_t tool_call(const char *p, const char *end)
{
    if (end - p < 5 || p[0] != '<' || p[1] != '<')
        return 0;
    const char *close = memchr(p + 2, '>', (size_t)(end - p - 2));
    bool closed = close && close > p + 2 && close + 1 < end && close[1] == '>';
    return closed ? (size_t)(close + 2 - p) : 0;
}

static void say_call(struct rn_conversation *c, const char *p, size_t n)
{
    size_t equals = n;
    while (equals > 0 && p[equals - 1] != '=')
        equals--;
    size_t call = equals ? equals - 1 : n, result = equals ? equals : n;
    rn_conversation_part(c, RN_PART_PYTHON, p, call);
    rn_conversation_part(c, RN_PART_OUTPUT, p + result, n - result);
}

static int get_gsm8k(const struct rn_task *t, const struct row *r, struct rn_conversation *c,
                     struct rn_err *err)
{
    (void)err;
    const char *p = t->text.p + r->at + r->split, *end = t->text.p + r->at + r->n, *text = p;
    *c = (struct rn_conversation){0};
    rn_conversation_say(c, t->text.p + r->at, r->split);
    rn_conversation_turn(c);
    while (p < end) {
        size_t n = tool_call(p, end);
        if (n == 0) {
            p++;
            continue;
        }
        if (p > text)
            rn_conversation_part(c, RN_PART_TEXT, text, (size_t)(p - text));
        say_call(c, p + 2, n - 4);
        text = p += n;
    }
    if (end > text)
        rn_conversation_part(c, RN_PART_TEXT, text, (size_t)(end - text));
    return RN_OK;
}

/* --- the table --- */

static const struct task_kind kinds[] = {
    {"conversations", false, load_jsonl, get_conversation},
    {"gsm8k", true, load_gsm8k, get_gsm8k},
    {"tiny-world", false, load_jsonl, get_conversation},
    {"choices", false, load_jsonl, get_choice},
};
const char *const rn_task_names[] = {"conversations", "gsm8k", "tiny-world", "choices", NULL};
_Static_assert(RN_COUNT(rn_task_names) == RN_COUNT(kinds) + 1, "a name for each kind of task");

static void take_digest(struct rn_task *t)
{
    struct rn_sha256 h;
    rn_sha256_init(&h);
    rn_sha256_add(&h, t->kind->name, strlen(t->kind->name) + 1);
    for (size_t i = 0; i < t->n; i++) {
        uint64_t bounds[2] = {t->rows[i].n, t->rows[i].split};
        rn_sha256_add(&h, bounds, sizeof bounds);
    }
    rn_sha256_add(&h, t->text.p, t->text.n);
    rn_sha256_done(&h, t->digest);
}

/* Every row is parsed once when the task is opened, so that bad ones are met before training. */
static int check_rows(const struct rn_task *t, struct rn_err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        struct rn_conversation c;
        int rc = t->kind->get(t, &t->rows[i], &c, err);
        rn_conversation_release(&c);
        RN_TRY(rc);
    }
    return RN_OK;
}

static int load(struct rn_task *t, const char *const *paths, size_t n_paths, struct rn_err *err)
{
    for (size_t i = 0; i < n_paths; i++)
        RN_TRY(t->kind->load(t, paths[i], err));
    if (t->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(n_paths ? paths[0] : NULL),
                       "no rows for the task '%s'", t->kind->name);
    RN_TRY(check_rows(t, err));
    if (t->kind->permuted)
        t->order = rn_numpy_permutation(42, t->n);
    take_digest(t);
    return RN_OK;
}

int rn_task_open(struct rn_task **out, const char *name, const char *const *paths, size_t n_paths,
                 struct rn_err *err)
{
    *out = NULL;
    const struct task_kind *kind = NULL;
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            kind = &kinds[i];
    if (!kind) {
        const char *near = rn_nearest(name, rn_task_names);
        if (near)
            rn_hint(err, "did you mean '%s'?", near);
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown task '%.80s'", name);
    }
    struct rn_task *t = rn_new(struct rn_task);
    t->kind = kind;
    int rc = load(t, paths, n_paths, err);
    if (rc != RN_OK) {
        rn_task_free(t);
        return rc;
    }
    *out = t;
    return RN_OK;
}

void rn_task_free(struct rn_task *t)
{
    if (!t)
        return;
    rn_arena_release(&t->names);
    rn_str_release(&t->text);
    free(t->rows);
    free(t->order);
    free(t);
}

const char *rn_task_name(const struct rn_task *t)
{
    return t->kind->name;
}
int64_t rn_task_rows(const struct rn_task *t)
{
    return (int64_t)t->n;
}
const char *rn_task_digest(const struct rn_task *t)
{
    return t->digest;
}

int rn_task_get(const struct rn_task *t, int64_t row, struct rn_conversation *c, struct rn_err *err)
{
    RN_ASSERT(row >= 0 && row < (int64_t)t->n);
    return t->kind->get(t, &t->rows[t->order ? t->order[row] : row], c, err);
}
