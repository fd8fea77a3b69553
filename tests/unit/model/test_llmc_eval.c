/* Questions as llm.c stores them: read as they were written, refused where they lie, and scored as
 * the same questions in text. */
#include "../data/shared.h"
#include "../scratch.h"
#include "evals.h"
#include "fake_scorer.h"
#include "fixture.h"
#include "llmc_eval.h"
#include "path.h"
#include "read_json.h"

TestSuite(llmc_eval, .init = scratch_up, .fini = scratch_down);

/* --- a writer, as the format is described --- */

struct words {
    uint16_t w[1 << 15];
    size_t n;
};

static void begin(struct words *f, int32_t questions)
{
    const int32_t header[256] = {20240522, 1, questions, 0};
    memcpy(f->w, header, sizeof header);
    f->n = sizeof header / 2;
}

static void put(struct words *f, int value)
{
    f->w[f->n++] = (uint16_t)value;
}

/* A question's first numbers; returns where its size stands, for end. */
static size_t start(struct words *f, int number, int label)
{
    put(f, 65535);
    put(f, 0);
    put(f, number);
    put(f, label);
    put(f, 4);
    return f->n - 4;
}

static void end(struct words *f, size_t at)
{
    f->w[at] = (uint16_t)(2 * (f->n - at + 1));
}

/* Context 10 11, endings of 1, 2, 3 and 4 tokens. */
static void small_question(struct words *f, int number, int label)
{
    size_t at = start(f, number, label);
    put(f, 2), put(f, 10), put(f, 11);
    for (int k = 1; k <= 4; k++) {
        put(f, k);
        for (int i = 0; i < k; i++)
            put(f, 100 * k + i);
    }
    end(f, at);
}

static char *write_words(const struct words *f, size_t n_bytes)
{
    char *path = rn_join(dir, "val.bin");
    MUST(rn_file_write(path, f->w, n_bytes, e));
    return path;
}

/* Reads all; the last code, and how many questions came before it. */
static int read_all(const struct words *f, size_t n_bytes, size_t *questions, struct rn_err *err)
{
    struct rn_llmc_eval r;
    struct rn_llmc_question q;
    char *path = write_words(f, n_bytes);
    int rc = rn_llmc_eval_open(&r, path, err);
    *questions = 0;
    while (rc == RN_OK && (rc = rn_llmc_eval_next(&r, &q, err)) == RN_OK && q.context.n)
        ++*questions;
    rn_llmc_eval_release(&r);
    free(path);
    return rc;
}

Test(llmc_eval, a_file_is_read_as_it_was_written)
{
    static struct words f;
    struct rn_llmc_eval r;
    struct rn_llmc_question q;
    begin(&f, 2);
    small_question(&f, 0, 3);
    small_question(&f, 1, 1);
    char *path = write_words(&f, 2 * f.n);
    cr_assert(rn_llmc_eval_is(path));
    MUST(rn_llmc_eval_open(&r, path, e));
    MUST(rn_llmc_eval_next(&r, &q, e));
    cr_expect(q.label == 3 && q.context.n == 2 && q.context.p[2] == 11);
    cr_expect(q.endings[3].n == 4 && q.endings[3].p[0] == (400 & 255));
    MUST(rn_llmc_eval_next(&r, &q, e));
    cr_expect_eq(q.label, 1);
    MUST(rn_llmc_eval_next(&r, &q, e));
    cr_expect_eq(q.context.n, 0);
    rn_llmc_eval_release(&r);
    free(path);
}

Test(llmc_eval, what_is_cut_off_is_missed_wherever_the_cut_is)
{
    static struct words f;
    size_t questions;
    begin(&f, 2);
    small_question(&f, 0, 3);
    small_question(&f, 1, 1);
    cr_expect_eq(read_all(&f, 2 * f.n, &questions, NULL), RN_OK);
    cr_expect_eq(questions, 2);
    for (size_t n = 0; n < 2 * f.n; n++)
        cr_expect_eq(read_all(&f, n, &questions, NULL), RN_ECORRUPT, "%zu bytes", n);
}

Test(llmc_eval, what_lies_is_refused)
{
    enum { Q = 512 }; /* the first question's place */
    static const struct {
        const char *what;
        size_t at;
        int value;
    } lies[] = {{"magic", 0, 1},
                {"version", 2, 2},
                {"too many", 4, 3},
                {"too few", 4, 1},
                {"negative", 5, 65535},
                {"no start", Q, 65534},
                {"no bytes", Q + 1, 0},
                {"odd bytes", Q + 1, 41},
                {"too many bytes", Q + 1, 65535},
                {"number", Q + 2, 7},
                {"label", Q + 3, 4},
                {"five endings", Q + 4, 5},
                {"no context", Q + 5, 0},
                {"much context", Q + 5, 65535},
                {"a token", Q + 6, 50257},
                {"a long ending", Q + 8, 60000}};
    for (size_t i = 0; i < RN_COUNT(lies); i++) {
        static struct words f;
        size_t questions;
        begin(&f, 2);
        small_question(&f, 0, 3);
        small_question(&f, 1, 1);
        f.w[lies[i].at] = (uint16_t)lies[i].value;
        cr_expect_eq(read_all(&f, 2 * f.n, &questions, NULL), RN_ECORRUPT, "%s", lies[i].what);
    }
}

/* --- the same questions in text --- */

static float loss_of(int32_t before, int32_t last, int32_t token)
{
    return (float)((before * 31 + last * 17 + token * 7) % 1000) / 100.0f;
}
static int32_t likeliest(int32_t last)
{
    return last;
}

static json_t *measure(const struct rn_tokenizer *tok, const char *path, int64_t items)
{
    struct fake_model fake = {loss_of, likeliest, 0};
    struct rn_eval_data data[RN_EVAL_INPUTS] = {0};
    data[RN_EVAL_IN_hellaswag] = (struct rn_eval_data){&path, 1};
    struct rn_eval_run run = {.tokenizer = tok,
                              .scorer = rn_scorer_new(&fake_kind, &fake, 0),
                              .data = data,
                              .report = rn_eval_report_new("fake", dir),
                              .max_items = items};
    MUST(rn_eval_measure(&run, rn_eval_find("hellaswag"), e));
    char *lines = rn_eval_path(run.report, "hellaswag", "jsonl");
    json_t *found = json_lines(lines);
    rn_eval_report_free(run.report);
    rn_scorer_free(run.scorer);
    free(lines);
    return found;
}

static void put_text(struct words *f, const struct rn_tokenizer *tok, const char *before,
                     const char *text)
{
    struct rn_ids ids = {0};
    char *all = rn_xprintf("%s%s", before, text);
    rn_tokenizer_encode(tok, all, strlen(all), &ids);
    put(f, (int)ids.n);
    for (size_t i = 0; i < ids.n; i++)
        put(f, ids.p[i]);
    rn_ids_release(&ids);
    free(all);
}

Test(llmc_eval, tokens_are_scored_as_the_text_they_were_made_of, .timeout = 60)
{
    enum { ITEMS = 30 };
    static struct words f;
    const char *rows = shared_file("data/tasks/hellaswag_val.jsonl");
    const char *merges = shared_file("data/tokenizer_gpt2/vocab.bpe");
    const char *encoder = shared_file("data/tokenizer_gpt2/encoder.json");
    if (!rows || !merges || !encoder)
        return;
    struct rn_tokenizer *tok;
    char head[1 << 16] = {0}, *rest = head;
    rn_file_head(rows, head, sizeof head - 1);
    MUST(rn_tokenizer_load_gpt2(&tok, merges, encoder, e));
    begin(&f, ITEMS);
    for (int i = 0; i < ITEMS; i++) {
        json_t *row;
        const char *line = strsep(&rest, "\n");
        MUST(rn_json_parse(line, strlen(line), RN_NOWHERE, &row, e));
        size_t at = start(&f, i, (int)rn_json_int(row, "label", -1));
        put_text(&f, tok, "", rn_json_str(row, "ctx", ""));
        for (size_t k = 0; k < 4; k++)
            put_text(&f, tok, " ",
                     json_string_value(json_array_get(json_object_get(row, "endings"), k)));
        end(&f, at);
        json_decref(row);
    }
    char *bin = write_words(&f, 2 * f.n);
    json_t *text = measure(tok, rows, ITEMS), *tokens = measure(tok, bin, -1);
    cr_expect_eq(json_array_size(tokens), ITEMS);
    cr_expect(json_equal(text, tokens));
    json_decref(text);
    json_decref(tokens);
    rn_tokenizer_free(tok);
    free(bin);
}
