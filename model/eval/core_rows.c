#include "core_rows.h"

#include "jsonl.h"
#include "mem.h"
#include "mt19937.h"

#include <stdlib.h>
#include <string.h>

enum { ORDER_SEED = 1337, SHOTS_SEED = 1234, SHOTS_MAX = 1000 };

struct rn_core_rows {
    const struct rn_core_task *task;
    json_t **rows; /* as in the file */
    size_t n_rows, cap_rows;
    int64_t *order;
    size_t n; /* items: the first n of order */
};

/* --- reading --- */

/* The list of options of a row: choices or contexts. */
static const json_t *options_of(const json_t *row)
{
    const json_t *choices = json_object_get(row, "choices");
    return choices ? choices : json_object_get(row, "context_options");
}

static bool all_texts(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!json_is_string(json_array_get(list, i)))
            return false;
    return true;
}

static bool has_options(const json_t *row, const char *key)
{
    const json_t *list = json_object_get(row, key);
    int64_t gold = rn_json_int(row, "gold", -1);
    size_t n = json_array_size(list);
    return n >= 2 && n <= RN_CORE_OPTIONS && all_texts(list) && gold >= 0 && gold < (int64_t)n;
}

static bool has_text(const json_t *row, const char *key)
{
    return json_is_string(json_object_get(row, key));
}

static bool is_choice(const json_t *row)
{
    return has_text(row, "query") && has_options(row, "choices");
}
static bool is_schema(const json_t *row)
{
    return has_text(row, "continuation") && has_options(row, "context_options") &&
           !json_object_get(row, "choices");
}
static bool is_lm(const json_t *row)
{
    return has_text(row, "context") && has_text(row, "continuation");
}

static const struct {
    bool (*fits)(const json_t *row);
    const char *form;
} types[] = {
    [RN_CORE_CHOICE] = {is_choice, "{query, choices, gold}"},
    [RN_CORE_SCHEMA] = {is_schema, "{context_options, continuation, gold}"},
    [RN_CORE_LM] = {is_lm, "{context, continuation}"},
};

static int read_rows(struct rn_core_rows *r, struct rn_jsonl *lines, struct rn_err *err)
{
    for (;;) {
        json_t *row;
        RN_TRY(rn_jsonl_next(lines, &row, err));
        if (!row)
            break;
        RN_PUSH(r->rows, r->n_rows, r->cap_rows, row);
        if (!types[r->task->type].fits(row))
            return rn_fail(err, RN_ECORRUPT, rn_jsonl_place(lines),
                           "no row of CORE's task %s: expected %s", r->task->label,
                           types[r->task->type].form);
    }
    if (r->n_rows == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(r->task->path), "the file has no rows");
    return RN_OK;
}

static void draw_order(struct rn_core_rows *r, int64_t max_items)
{
    struct rn_mt mt;
    r->order = rn_xrealloc(NULL, r->n_rows, sizeof *r->order);
    for (size_t i = 0; i < r->n_rows; i++)
        r->order[i] = (int64_t)i;
    rn_mt_seed(&mt, ORDER_SEED);
    rn_mt_shuffle(&mt, r->order, r->n_rows);
    r->n = max_items >= 0 && max_items < (int64_t)r->n_rows ? (size_t)max_items : r->n_rows;
}

int rn_core_rows_load(struct rn_core_rows **out, const struct rn_core_task *task, int64_t max_items,
                      struct rn_err *err)
{
    struct rn_jsonl *lines;
    *out = NULL;
    RN_TRY(rn_jsonl_open(&lines, task->path, err));
    struct rn_core_rows *r = rn_new(struct rn_core_rows);
    r->task = task;
    int rc = read_rows(r, lines, err);
    rn_jsonl_free(lines);
    if (rc != RN_OK) {
        rn_core_rows_free(r);
        return rc;
    }
    draw_order(r, max_items);
    *out = r;
    return RN_OK;
}

void rn_core_rows_free(struct rn_core_rows *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->n_rows; i++)
        json_decref(r->rows[i]);
    free(r->rows);
    free(r->order);
    free(r);
}

size_t rn_core_rows_count(const struct rn_core_rows *r)
{
    return r->n;
}
int64_t rn_core_row_number(const struct rn_core_rows *r, size_t i)
{
    return r->order[i];
}

static const json_t *item(const struct rn_core_rows *r, size_t i)
{
    return r->rows[r->order[i]];
}

size_t rn_core_row_gold(const struct rn_core_rows *r, size_t i)
{
    return (size_t)rn_json_int(item(r, i), "gold", 0);
}

/* --- wording --- */

/* Python's str.isspace. */
static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

/* Python's str.strip: *n becomes the length of what is returned. */
static const char *strip(const char *text, size_t *n)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + *n;
    const unsigned char *first = NULL, *last = p;
    while (p < end) {
        int size;
        uint32_t c = rn_utf8_next(p, end, &size);
        p += size;
        if (is_space(c))
            continue;
        if (!first)
            first = p - size;
        last = p;
    }
    *n = first ? (size_t)(last - first) : 0;
    return first ? (const char *)first : text;
}

static void add_text(struct rn_str *out, const json_t *row, const char *key)
{
    const json_t *text = json_object_get(row, key);
    rn_str_add(out, json_string_value(text), json_string_length(text));
}

static void add_option(struct rn_str *out, const json_t *row, size_t option)
{
    const json_t *text = json_array_get(options_of(row), option);
    rn_str_add(out, json_string_value(text), json_string_length(text));
}

static void add_context(struct rn_str *out, const json_t *row)
{
    const json_t *text = json_object_get(row, "context");
    size_t n = json_string_length(text);
    const char *p = strip(json_string_value(text), &n);
    rn_str_add(out, p, n);
}

/* One row as text, with one of its options where it has some. */
static void add_row(struct rn_str *out, const struct rn_core_task *t, const json_t *row,
                    size_t option)
{
    if (t->type == RN_CORE_CHOICE)
        add_text(out, row, "query");
    else if (t->type == RN_CORE_SCHEMA)
        add_option(out, row, option);
    else
        add_context(out, row);
    rn_str_puts(out, t->delimiter);
    if (t->type == RN_CORE_CHOICE)
        add_option(out, row, option);
    else
        add_text(out, row, "continuation");
}

/* The examples before item i. Too few others: as many as there are (nanochat would stop there). */
static void add_shots(struct rn_str *out, const struct rn_core_rows *r, size_t i)
{
    int64_t picked[SHOTS_MAX];
    size_t others = r->n - 1, k = (size_t)r->task->shots;
    k = k < others ? k : others;
    struct rn_mt mt;
    rn_mt_seed(&mt, SHOTS_SEED + i);
    rn_mt_sample(&mt, others, k, picked);
    for (size_t s = 0; s < k; s++) {
        size_t other = (size_t)picked[s] + ((size_t)picked[s] >= i); /* the list without i */
        add_row(out, r->task, item(r, other), rn_core_row_gold(r, other));
        rn_str_puts(out, "\n\n");
    }
}

static void lm_texts(const struct rn_core_rows *r, size_t i, struct rn_str *texts)
{
    struct rn_str *without = &texts[0], *with = &texts[1];
    struct rn_str whole = {0};
    add_shots(with, r, i);
    rn_str_add(&whole, with->p ? with->p : "", with->n);
    add_context(&whole, item(r, i));
    rn_str_puts(&whole, r->task->delimiter);
    add_row(with, r->task, item(r, i), 0);
    size_t n = whole.n;
    const char *p = strip(whole.p, &n);
    rn_str_add(without, p, n);
    rn_str_release(&whole);
}

size_t rn_core_texts(const struct rn_core_rows *r, size_t i, struct rn_str *texts)
{
    RN_ASSERT(i < r->n && r->task->shots <= SHOTS_MAX);
    if (r->task->type == RN_CORE_LM) {
        lm_texts(r, i, texts);
        return 2;
    }
    size_t n = json_array_size(options_of(item(r, i)));
    struct rn_str shots = {0};
    add_shots(&shots, r, i);
    for (size_t o = 0; o < n; o++) {
        rn_str_add(&texts[o], shots.p ? shots.p : "", shots.n);
        add_row(&texts[o], r->task, item(r, i), o);
    }
    rn_str_release(&shots);
    return n;
}

/* --- spans --- */

static void encode(const struct rn_tokenizer *tok, const struct rn_str *text, struct rn_ids *out)
{
    if (rn_tokenizer_bos(tok) >= 0)
        rn_ids_push(out, rn_tokenizer_bos(tok));
    rn_tokenizer_encode(tok, text->p ? text->p : "", text->n, out);
}

/* The continuation is what follows the tokens of the prompt without it. Where a tokenizer joins the
 * two (nanochat stops there), it begins where the two part ways. */
static void lm_span(const struct rn_tokenizer *tok, const struct rn_str *texts, struct rn_span *out)
{
    struct rn_span pair[2] = {0};
    encode(tok, &texts[0], &pair[0].ids);
    encode(tok, &texts[1], &pair[1].ids);
    rn_spans_common_prefix(pair, 2);
    rn_ids_release(&pair[0].ids);
    *out = pair[1];
}

size_t rn_core_spans(const struct rn_core_rows *r, size_t i, const struct rn_tokenizer *tok,
                     struct rn_span *spans)
{
    struct rn_str texts[RN_CORE_OPTIONS] = {0};
    size_t n = rn_core_texts(r, i, texts), n_spans = r->task->type == RN_CORE_LM ? 1 : n;
    if (r->task->type == RN_CORE_LM) {
        lm_span(tok, texts, &spans[0]);
    } else {
        for (size_t o = 0; o < n; o++)
            encode(tok, &texts[o], &spans[o].ids);
        if (r->task->type == RN_CORE_CHOICE)
            rn_spans_common_prefix(spans, n);
        else
            rn_spans_common_suffix(spans, n);
    }
    for (size_t o = 0; o < n; o++)
        rn_str_release(&texts[o]);
    return n_spans;
}
