#include "task.h"

#include "jsonl.h"
#include "nearest.h"
#include "parquet_rows.h"
#include "pcg64.h"
#include "spelling_bee.h"

#include <stdlib.h>
#include <string.h>

enum { CHOICES_MAX = 26 };

struct row {
    size_t at, n; /* its JSON in text */
    const char *path;
    int line;      /* 0: a row of a parquet file */
    size_t number; /* of that row, from 1 on */
};

/* Rows are read and said, or made of a word list. */
struct task_kind {
    const char *name;
    bool permuted; /* rows in the order of numpy's default_rng(42) */
    int (*say)(struct rn_conversation *, const json_t *row, struct rn_place, struct rn_err *);
    const char *columns[4]; /* what is read of a parquet file */
    void (*make)(const struct rn_spelling *, int64_t number, struct rn_conversation *);
};

struct rn_task {
    const struct task_kind *kind;
    struct rn_arena names;
    struct rn_str text;
    struct row *rows;
    size_t n, cap;
    int64_t *order;            /* NULL: as stored */
    struct rn_spelling *words; /* of a kind that makes its rows; else NULL */
    int64_t first;             /* number of its row 0 */
    char digest[RN_HEX];
};

static struct rn_place place_of(const struct row *r)
{
    return RN_LINE(r->path, r->line);
}

/* --- rows: JSON, of either kind of file --- */

static void add_row(struct rn_task *t, const char *json, size_t n, struct row row)
{
    row.at = t->text.n;
    row.n = n;
    rn_str_add(&t->text, json, n);
    RN_PUSH(t->rows, t->n, t->cap, row);
}

static int load_jsonl(struct rn_task *t, const char *path, struct rn_err *err)
{
    struct rn_jsonl *lines;
    const char *line;
    size_t n;
    RN_TRY(rn_jsonl_open(&lines, path, err));
    int rc;
    while ((rc = rn_jsonl_next_line(lines, &line, &n, err)) == RN_OK && line)
        add_row(t, line, n, (struct row){.path = path, .line = rn_jsonl_place(lines).line});
    rn_jsonl_free(lines);
    return rc;
}

static int load_parquet(struct rn_task *t, const char *path, struct rn_err *err)
{
    struct rn_parquet_rows *rows;
    json_t *doc;
    size_t number = 0;
    RN_TRY(rn_parquet_rows_open(&rows, path, t->kind->columns, err));
    int rc;
    while ((rc = rn_parquet_rows_next(rows, &doc, err)) == RN_OK && doc) {
        char *json = json_dumps(doc, JSON_COMPACT);
        add_row(t, json, strlen(json), (struct row){.path = path, .number = ++number});
        free(json);
        json_decref(doc);
    }
    rn_parquet_rows_free(rows);
    return rc;
}

static int load_file(struct rn_task *t, const char *path, struct rn_err *err)
{
    const char *name = rn_arena_dup(&t->names, path);
    return rn_ends_with(path, ".parquet") ? load_parquet(t, name, err) : load_jsonl(t, name, err);
}

static int say_row(const struct rn_task *t, const struct row *r, struct rn_conversation *c,
                   struct rn_err *err)
{
    json_t *doc;
    *c = (struct rn_conversation){0};
    RN_TRY(rn_json_parse(t->text.p + r->at, r->n, place_of(r), &doc, err));
    int rc = t->kind->say(c, doc, place_of(r), err);
    json_decref(doc);
    return rc == RN_OK || r->line ? rc : rn_while(err, "reading row %zu", r->number);
}

/* --- multiple choice, answered by letter --- */

static const char letters[CHOICES_MAX][2] = {"A", "B", "C", "D", "E", "F", "G", "H", "I",
                                             "J", "K", "L", "M", "N", "O", "P", "Q", "R",
                                             "S", "T", "U", "V", "W", "X", "Y", "Z"};

struct choices {
    size_t n;
    const char *text[CHOICES_MAX], *letter[CHOICES_MAX];
};

static void put_question(struct rn_str *out, const char *query, const struct choices *c)
{
    rn_str_printf(out, "Multiple Choice question: %s\n", query);
    for (size_t i = 0; i < c->n; i++) /* the letter last, without a blank: the answer's token */
        rn_str_printf(out, "- %s=%s\n", c->text[i], c->letter[i]);
    rn_str_puts(out, "\nRespond only with the letter of the correct answer.");
}

void rn_task_choice_question(const char *query, const char *const *text, size_t n,
                             struct rn_str *out)
{
    struct choices c = {.n = n};
    RN_ASSERT(n <= CHOICES_MAX);
    for (size_t i = 0; i < n; i++) {
        c.text[i] = text[i];
        c.letter[i] = letters[i];
    }
    put_question(out, query, &c);
}

/* `labels` NULL: A, B, C, ... */
static int read_choices(struct choices *c, const json_t *texts, const json_t *labels,
                        struct rn_place at, struct rn_err *err)
{
    c->n = json_array_size(texts);
    if (c->n < 2 || c->n > CHOICES_MAX)
        return rn_fail(err, RN_ECORRUPT, at, "no choice row: expected 2 to %d choices, found %zu",
                       CHOICES_MAX, c->n);
    for (size_t i = 0; i < c->n; i++) {
        c->text[i] = json_string_value(json_array_get(texts, i));
        c->letter[i] = labels ? json_string_value(json_array_get(labels, i)) : letters[i];
        if (!c->text[i] || !c->letter[i])
            return rn_fail(err, RN_ECORRUPT, at, "choice %zu is not a string", i + 1);
    }
    return RN_OK;
}

static int say_choices(struct rn_conversation *to, const char *query, const struct choices *c,
                       int64_t gold, struct rn_place at, struct rn_err *err)
{
    if (!query || gold < 0 || gold >= (int64_t)c->n)
        return rn_fail(err, RN_ECORRUPT, at,
                       "no choice row: expected a question, and an answer that is one of %zu",
                       c->n);
    struct rn_str s = {0};
    put_question(&s, query, c);
    rn_conversation_say(to, s.p, s.n);
    rn_conversation_say(to, c->letter[gold], strlen(c->letter[gold]));
    rn_str_release(&s);
    return RN_OK;
}

/* {query, choices, gold} */
static int say_choice(struct rn_conversation *to, const json_t *row, struct rn_place at,
                      struct rn_err *err)
{
    struct choices c;
    RN_TRY(read_choices(&c, json_object_get(row, "choices"), NULL, at, err));
    return say_choices(to, rn_json_str(row, "query", NULL), &c, rn_json_int(row, "gold", -1), at,
                       err);
}

/* {question, choices, answer}; its auxiliary split keeps that in a struct named train. */
static int say_mmlu(struct rn_conversation *to, const json_t *row, struct rn_place at,
                    struct rn_err *err)
{
    struct choices c;
    const json_t *inner = json_object_get(row, "train");
    row = inner ? inner : row;
    RN_TRY(read_choices(&c, json_object_get(row, "choices"), NULL, at, err));
    return say_choices(to, rn_json_str(row, "question", NULL), &c, rn_json_int(row, "answer", -1),
                       at, err);
}

/* {question, choices: {text, label}, answerKey} */
static int say_arc(struct rn_conversation *to, const json_t *row, struct rn_place at,
                   struct rn_err *err)
{
    struct choices c;
    const json_t *choices = json_object_get(row, "choices");
    const json_t *labels = json_object_get(choices, "label");
    const char *key = rn_json_str(row, "answerKey", "");
    RN_TRY(read_choices(&c, json_object_get(choices, "text"), labels, at, err));
    int64_t gold = (int64_t)c.n - 1;
    while (gold >= 0 && strcmp(c.letter[gold], key) != 0)
        gold--;
    return say_choices(to, rn_json_str(row, "question", NULL), &c, gold, at, err);
}

/* --- GSM8K: question and answer, with <<expression=result>> where a calculator was used --- */

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

static void say_worked_answer(struct rn_conversation *c, const char *p, const char *end)
{
    const char *text = p;
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
}

static int say_gsm8k(struct rn_conversation *c, const json_t *row, struct rn_place at,
                     struct rn_err *err)
{
    const json_t *question = json_object_get(row, "question");
    const json_t *answer = json_object_get(row, "answer");
    if (!json_is_string(question) || !json_is_string(answer))
        return rn_fail(err, RN_ECORRUPT, at, "expected texts as question and answer");
    const char *p = json_string_value(answer);
    rn_conversation_say(c, json_string_value(question), json_string_length(question));
    rn_conversation_turn(c);
    say_worked_answer(c, p, p + json_string_length(answer));
    return RN_OK;
}

/* --- the table --- */

/* What the hub's data sets hold is permuted, as nanochat shuffles them; other files are not. */
static const struct task_kind kinds[] = {
    {"conversations", false, rn_conversation_parse, {"messages"}},
    {"gsm8k", true, say_gsm8k, {"question", "answer"}},
    {"tiny-world", false, rn_conversation_parse, {"messages"}},
    {"choices", false, say_choice, {"query", "choices", "gold"}},
    {"smoltalk", true, rn_conversation_parse, {"messages"}},
    {"mmlu", true, say_mmlu},
    {"arc", true, say_arc, {"question", "choices", "answerKey"}},
    {"spelling-bee", .make = rn_spelling_bee},
    {"simple-spelling", .make = rn_spelling_simple},
};
const char *const rn_task_names[] = {"conversations",   "gsm8k", "tiny-world", "choices",
                                     "smoltalk",        "mmlu",  "arc",        "spelling-bee",
                                     "simple-spelling", NULL};
_Static_assert(RN_COUNT(rn_task_names) == RN_COUNT(kinds) + 1, "a name for each kind of task");

static void take_digest(struct rn_task *t)
{
    struct rn_sha256 h;
    rn_sha256_init(&h);
    rn_sha256_add(&h, t->kind->name, strlen(t->kind->name) + 1);
    for (size_t i = 0; i < t->n; i++) {
        uint64_t n = t->rows[i].n;
        rn_sha256_add(&h, &n, sizeof n);
    }
    rn_sha256_add(&h, t->text.p, t->text.n);
    rn_sha256_done(&h, t->digest);
}

/* Every row is parsed once when the task is opened, so that bad ones are met before training. */
static int check_rows(const struct rn_task *t, struct rn_err *err)
{
    for (size_t i = 0; i < t->n; i++) {
        struct rn_conversation c;
        int rc = say_row(t, &t->rows[i], &c, err);
        rn_conversation_release(&c);
        RN_TRY(rc);
    }
    return RN_OK;
}

static int read_rows(struct rn_task *t, const char *const *paths, size_t n_paths,
                     struct rn_err *err)
{
    for (size_t i = 0; i < n_paths; i++)
        RN_TRY(load_file(t, paths[i], err));
    if (t->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(n_paths ? paths[0] : NULL),
                       "no rows for the task '%s'", t->kind->name);
    RN_TRY(check_rows(t, err));
    if (t->kind->permuted)
        t->order = rn_numpy_permutation(42, t->n);
    take_digest(t);
    return RN_OK;
}

/* --- rows that are made --- */

static int find_split(const char *split, int64_t *first, struct rn_err *err)
{
    bool test = strcmp(split, "test") == 0;
    *first = test ? RN_SPELLING_TEST : 0;
    if (test || strcmp(split, "train") == 0)
        return RN_OK;
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'split' is '%.40s', expected train or test",
                   split);
}

static int take_words(struct rn_task *t, const char *split, const char *const *paths,
                      size_t n_paths, struct rn_err *err)
{
    RN_TRY(find_split(split, &t->first, err));
    if (n_paths != 1)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "the task '%s' is made of one list of words, found %zu files", t->kind->name,
                       n_paths);
    RN_TRY(rn_spelling_open(&t->words, paths[0], err));
    char *made = rn_xprintf("%s %s %s", t->kind->name, split, rn_spelling_digest(t->words));
    rn_sha256_hex(made, strlen(made), t->digest);
    free(made);
    t->n = RN_SPELLING_TEST;
    return RN_OK;
}

/* --- opening --- */

static const struct task_kind *find_kind(const char *name)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool rn_task_is_made(const char *name)
{
    const struct task_kind *kind = find_kind(name);
    return kind && kind->make;
}

int rn_task_open(struct rn_task **out, const char *name, const char *split,
                 const char *const *paths, size_t n_paths, struct rn_err *err)
{
    *out = NULL;
    const struct task_kind *kind = find_kind(name);
    if (!kind) {
        rn_hint_near(err, rn_nearest_of(name, rn_task_names));
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "unknown task '%.80s'", name);
    }
    struct rn_task *t = rn_new(struct rn_task);
    t->kind = kind;
    int rc =
        kind->make ? take_words(t, split, paths, n_paths, err) : read_rows(t, paths, n_paths, err);
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
    rn_spelling_free(t->words);
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

static const struct row *row_at(const struct rn_task *t, int64_t row)
{
    RN_ASSERT(row >= 0 && row < (int64_t)t->n);
    return &t->rows[t->order ? t->order[row] : row];
}

int rn_task_get(const struct rn_task *t, int64_t row, struct rn_conversation *c, struct rn_err *err)
{
    RN_ASSERT(row >= 0 && row < rn_task_rows(t));
    if (!t->words)
        return say_row(t, row_at(t, row), c, err);
    t->kind->make(t->words, t->first + row, c);
    return RN_OK;
}

int rn_task_row(const struct rn_task *t, int64_t row, json_t **out, struct rn_err *err)
{
    const struct row *r = row_at(t, row);
    return rn_json_parse(t->text.p + r->at, r->n, place_of(r), out, err);
}
