/* CORE against nanochat's own code: prompts, tokens and spans of 88 items of the real bundle
 * (tests/golden/core_prompts_gpt2.jsonl), and the scoring rules with a scorer made for the test. */
#include "../data/shared.h"
#include "../scratch.h"
#include "eval_core.h"
#include "fake_scorer.h"
#include "file.h"
#include "fixture.h"
#include "json.h"
#include "path.h"
#include "read_json.h"
#include "tiny_world.h"
#include "unpack.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(core, .init = scratch_up, .fini = scratch_down);

static char *bundle_dir(void)
{
    return rn_join(dir, "eval_bundle");
}

/* --- golden prompts --- */

static void same_list(const json_t *want, const char *key, const struct rn_span *s, size_t n,
                      int64_t (*get)(const struct rn_span *))
{
    const json_t *list = json_object_get(want, key);
    cr_assert_eq(json_array_size(list), n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(get(&s[i]), json_integer_value(json_array_get(list, i)), "%s %s %lld",
                     rn_json_str(want, "task", ""), key, (long long)rn_json_int(want, "idx", -1));
}
static int64_t get_start(const struct rn_span *s)
{
    return s->start;
}
static int64_t get_end(const struct rn_span *s)
{
    return s->end;
}
static int64_t get_length(const struct rn_span *s)
{
    return (int64_t)s->ids.n;
}

static void same_texts(const json_t *want, const struct rn_core_rows *rows, size_t idx)
{
    struct rn_str texts[RN_CORE_OPTIONS] = {0};
    size_t n = rn_core_texts(rows, idx, texts);
    const json_t *digests = json_object_get(want, "prompts_sha256");
    cr_assert_eq(json_array_size(digests), n);
    for (size_t i = 0; i < n; i++) {
        char hex[RN_HEX];
        rn_sha256_hex(texts[i].p, texts[i].n, hex);
        cr_assert_str_eq(hex, json_string_value(json_array_get(digests, i)), "%s: %s",
                         rn_json_str(want, "task", ""), texts[i].p);
        rn_str_release(&texts[i]);
    }
}

static void same_tails(const json_t *want, const struct rn_span *s, size_t n)
{
    const json_t *tails = json_object_get(want, "tail_tokens");
    for (size_t i = 0; i < n; i++) {
        const json_t *tail = json_array_get(tails, i);
        size_t m = json_array_size(tail);
        for (size_t k = 0; k < m; k++)
            cr_assert_eq(s[i].ids.p[s[i].ids.n - m + k],
                         json_integer_value(json_array_get(tail, k)));
    }
}

static void check_item(const json_t *want, const struct rn_core_rows *rows,
                       const struct rn_tokenizer *tok)
{
    size_t idx = (size_t)rn_json_int(want, "idx", 0);
    struct rn_span spans[RN_CORE_OPTIONS] = {0};
    cr_assert_eq(rn_core_row_number(rows, idx), rn_json_int(want, "row", -1));
    const json_t *gold = json_object_get(want, "gold");
    if (json_is_integer(gold))
        cr_assert_eq((json_int_t)rn_core_row_gold(rows, idx), json_integer_value(gold));
    same_texts(want, rows, idx);
    size_t n = rn_core_spans(rows, idx, tok, spans);
    same_list(want, "ntok", spans, n, get_length);
    same_list(want, "start", spans, n, get_start);
    same_list(want, "end", spans, n, get_end);
    same_tails(want, spans, n);
    rn_spans_release(spans, n);
}

static const struct rn_core_task *find_task(const struct rn_core *c, const char *label)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->tasks[i].label, label) == 0)
            return &c->tasks[i];
    cr_assert_fail("no task %s", label);
    return NULL;
}

Test(core, prompts_tokens_and_spans_are_nanochats_for_all_22_tasks, .timeout = 300)
{
    const char *zip = shared_file("data/eval_bundle.zip");
    const char *merges = shared_file("data/tokenizer_gpt2/vocab.bpe");
    const char *encoder = shared_file("data/tokenizer_gpt2/encoder.json");
    if (!zip || !merges || !encoder || !unpack(zip, dir))
        return;
    struct rn_err err = {0};
    struct rn_tokenizer *tok;
    struct rn_core core;
    char *path = bundle_dir();
    cr_assert_eq(rn_tokenizer_load_gpt2(&tok, merges, encoder, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_core_open(&core, path, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(core.n, 22);
    json_t *items = json_lines(RUNNEL_SOURCE_DIR "/tests/golden/core_prompts_gpt2.jsonl");
    cr_assert_eq(json_array_size(items), 88);
    struct rn_core_rows *rows = NULL;
    const struct rn_core_task *task = NULL;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *want = json_array_get(items, i);
        const char *label = rn_json_str(want, "task", "");
        if (!task || strcmp(task->label, label) != 0) {
            rn_core_rows_free(rows);
            task = find_task(&core, label);
            cr_assert_eq(rn_core_rows_load(&rows, task, -1, &err), RN_OK, "%s", err.msg);
        }
        check_item(want, rows, tok);
    }
    rn_core_rows_free(rows);
    json_decref(items);
    rn_core_release(&core);
    rn_tokenizer_free(tok);
    free(path);
}

/* --- scoring with a made-up model: a token's loss depends on it and on the two before it --- */

enum { VOCAB = 4096 };

static float loss_of(int32_t before, int32_t last, int32_t token)
{
    uint32_t h = (uint32_t)before * 2654435761u ^ (uint32_t)last * 40503u ^ (uint32_t)token * 97u;
    return (float)(h >> 8 & 0xFFFF) / 8192.0f;
}
static int32_t likeliest(int32_t last)
{
    return (last * 7 + 1) % VOCAB;
}

Test(core, the_lowest_loss_wins_as_in_pythons_min)
{
    const struct rn_span equal[] = {{.mean_loss = 2}, {.mean_loss = 1}, {.mean_loss = 1}};
    const struct rn_span nan_first[] = {{.mean_loss = NAN}, {.mean_loss = 1}};
    const struct rn_span nan_later[] = {{.mean_loss = 3}, {.mean_loss = NAN}, {.mean_loss = 2}};
    cr_assert_eq(rn_spans_lowest(equal, 3), 1);
    cr_assert_eq(rn_spans_lowest(nan_first, 2), 0);
    cr_assert_eq(rn_spans_lowest(nan_later, 3), 2);
}

static struct rn_span span_of(const int32_t *ids, size_t n)
{
    struct rn_span s = {0};
    for (size_t i = 0; i < n; i++)
        rn_ids_push(&s.ids, ids[i]);
    return s;
}

Test(core, spans_are_what_the_options_do_not_share)
{
    struct rn_span s[2] = {span_of((int32_t[]){1, 2, 3, 4}, 4), span_of((int32_t[]){1, 2, 9}, 3)};
    rn_spans_common_prefix(s, 2);
    cr_assert(s[0].start == 2 && s[0].end == 4 && s[1].start == 2 && s[1].end == 3);
    rn_spans_release(s, 2);
    struct rn_span t[2] = {span_of((int32_t[]){1, 5, 7, 8}, 4), span_of((int32_t[]){1, 7, 8}, 3)};
    rn_spans_common_suffix(t, 2);
    cr_assert(t[0].start == 2 && t[0].end == 4 && t[1].start == 1 && t[1].end == 3);
    cr_assert_eq(rn_spans_crop(t, 2, 3), 1);
    cr_assert(t[0].ids.n == 3 && t[0].ids.p[0] == 5 && t[0].start == 1 && t[0].end == 3);
    rn_spans_release(t, 2);
}

Test(core, a_choice_that_begins_another_has_an_empty_span_and_no_loss)
{
    struct fake_model fake = {loss_of, likeliest, 0};
    struct rn_err err = {0};
    struct rn_scorer *scorer = rn_scorer_new(&fake_kind, &fake, 0);
    struct rn_questions q = {0};
    struct rn_span *s = rn_questions_add(&q, 2);
    s[0] = span_of((int32_t[]){1, 2, 3}, 3);
    s[1] = span_of((int32_t[]){1, 2}, 2);
    rn_spans_common_prefix(s, 2);
    cr_assert_eq(rn_questions_score(&q, scorer, &err), RN_OK);
    cr_assert(isnan(s[1].mean_loss) && !isnan(s[0].mean_loss));
    cr_assert_eq(rn_spans_lowest(s, 2), 0);
    rn_questions_release(&q);
    rn_scorer_free(scorer);
}

/* --- a whole bundle --- */

static struct rn_tokenizer *tiny_tokenizer(void)
{
    struct rn_err err = {0};
    struct rn_tokenizer *tok;
    char *bpe = rn_join(dir, "vocab.bpe"), *encoder = rn_join(dir, "encoder.json");
    cr_assert_eq(rn_tiny_world_write("vocab.bpe", bpe, &err), RN_OK);
    cr_assert_eq(rn_tiny_world_write("encoder.json", encoder, &err), RN_OK);
    cr_assert_eq(rn_tokenizer_load_gpt2(&tok, bpe, encoder, &err), RN_OK, "%s", err.msg);
    free(bpe);
    free(encoder);
    return tok;
}

static bool tiny_bundle(void)
{
    struct rn_err err = {0};
    char *zip = rn_join(dir, "bundle.zip");
    cr_assert_eq(rn_tiny_world_write("eval_bundle.zip", zip, &err), RN_OK);
    bool ok = unpack(zip, dir);
    free(zip);
    return ok;
}

Test(core, the_tiny_bundle_is_scored_and_written_as_nanochats_table)
{
    if (!tiny_bundle())
        return;
    struct fake_model fake = {loss_of, likeliest, 0};
    struct rn_err err = {0};
    struct rn_core core;
    struct rn_core_result r;
    struct rn_tokenizer *tok = tiny_tokenizer();
    struct rn_scorer *scorer = rn_scorer_new(&fake_kind, &fake, 0);
    char *path = bundle_dir(), *csv = rn_join(dir, "core.csv"), *text;
    size_t n;
    cr_assert_eq(rn_core_open(&core, path, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(core.n, 3);
    cr_assert_str_eq(core.tasks[0].delimiter, "\nAnswer: ");
    cr_assert_eq(core.tasks[1].baseline, 50);
    struct rn_eval_run run = {.tokenizer = tok,
                              .scorer = scorer,
                              .max_items = -1,
                              .report = rn_eval_report_new("tiny", NULL)};
    cr_assert_eq(rn_core_score(&core, &run, &r, &err), RN_OK, "%s", err.msg);
    double mean = 0;
    for (size_t i = 0; i < 3; i++) {
        double b = core.tasks[i].baseline / 100;
        cr_assert_eq(r.tasks[i].found.items, 24);
        cr_assert(fabs(r.tasks[i].centered - (r.tasks[i].accuracy - b) / (1 - b)) < 1e-12);
        mean += r.tasks[i].centered / 3;
    }
    cr_assert(fabs(r.core - mean) < 1e-12);
    cr_assert_eq(rn_core_write_csv(&core, &r, csv, &err), RN_OK);
    cr_assert_eq(rn_file_read(csv, 1 << 16, &text, &n, &err), RN_OK);
    cr_assert(strncmp(text, "Task                               , Accuracy  , Centered  \n", 60) ==
              0);
    cr_assert_not_null(strstr(text, "\nCORE                               ,           , "));
    free(text);
    free(csv);
    free(path);
    rn_eval_report_free(run.report);
    rn_core_result_release(&r);
    rn_core_release(&core);
    rn_scorer_free(scorer);
    rn_tokenizer_free(tok);
}

/* --- hostile bundles --- */

static void put(const char *name, const char *text)
{
    struct rn_err err = {0};
    char *path = rn_join(dir, name);
    cr_assert_eq(rn_file_write(path, text, strlen(text), &err), RN_OK);
    free(path);
}

#define TASK(uri, type, shots)                                                                     \
    "icl_tasks:\n- {label: a, dataset_uri: " uri ", icl_task_type: " type ", num_fewshot: " shots  \
    "}\n"
#define TABLE "Eval Task,x,Random baseline\na,\"q\"\"uo,te\",25\n"

Test(core, bad_bundles_meet_one_clear_line)
{
    static const char *const bad[][3] = {
        {"- no map\n", TABLE, "icl_tasks"},
        {TASK("../../etc/passwd", "schema", "[0]"), TABLE, "inside the bundle"},
        {TASK("/etc/passwd", "schema", "[0]"), TABLE, "inside the bundle"},
        {TASK("a.jsonl", "essay", "[0]"), TABLE, "icl_task_type"},
        {TASK("a.jsonl", "schema", "[1000000]"), TABLE, "num_fewshot"},
        {TASK("a.jsonl", "schema", "7"), TABLE, "num_fewshot"},
        {TASK("a.jsonl", "schema", "[0]"), "Eval Task,x\na,b\n", "Random baseline"},
        {TASK("a.jsonl", "schema", "[0]"), "Eval Task,Random baseline\nb,25\n", "no random"},
        {TASK("a.jsonl", "schema", "[0]"), "Eval Task,Random baseline\na,100\n", "no random"},
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_core core;
        struct rn_err err = {0};
        put("core.yaml", bad[i][0]);
        put("eval_meta_data.csv", bad[i][1]);
        cr_assert_eq(rn_core_open(&core, dir, &err), RN_ECORRUPT, "%zu", i);
        cr_assert(strstr(err.msg, bad[i][2]), "%zu: %s", i, err.msg);
    }
}

Test(core, rows_of_another_form_are_named_by_their_line)
{
    char *path = rn_join(dir, "rows.jsonl");
    put("rows.jsonl", "{\"query\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":0}\n"
                      "{\"query\":\"a\",\"choices\":[\"b\",\"c\"],\"gold\":2}\n");
    struct rn_core_task task = {
        .label = "a", .path = path, .type = RN_CORE_CHOICE, .delimiter = " ", .baseline = 25};
    struct rn_core_rows *rows;
    struct rn_err err = {0};
    cr_assert_eq(rn_core_rows_load(&rows, &task, -1, &err), RN_ECORRUPT);
    cr_assert_eq(err.line, 2);
    task.type = RN_CORE_LM;
    err = (struct rn_err){0};
    cr_assert_eq(rn_core_rows_load(&rows, &task, -1, &err), RN_ECORRUPT);
    cr_assert_eq(err.line, 1);
    free(path);
}
