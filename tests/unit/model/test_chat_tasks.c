/* The tasks that are asked as chats: letters of ARC and MMLU, written answers, and their mean. */
#include "../scratch.h"
#include "evals.h"
#include "fake_scorer.h"
#include "file.h"
#include "fixture.h"
#include "path.h"
#include "read_json.h"

#include <math.h>

static struct rn_tokenizer *tok;

static void enter(void)
{
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, "the cat sat on the mat", 22);
    MUST(rn_bpe_trainer_finish(trainer, 4, rn_special_nanochat, NULL, NULL, &tok, e));
    rn_bpe_trainer_free(trainer);
    scratch_up();
}
static void leave(void)
{
    rn_tokenizer_free(tok);
    scratch_down();
}
TestSuite(chat_tasks, .init = enter, .fini = leave);

/* A model that says B, whatever it is asked. */
static float likes_b(int32_t before, int32_t last, int32_t token)
{
    (void)before, (void)last;
    return token == 'B' ? 0.5F : 3;
}
static int32_t says_b(int32_t last)
{
    (void)last;
    return 'B';
}
static struct fake_model b_model = {likes_b, says_b, 0};

struct measured {
    struct rn_eval_run run;
    struct rn_eval_data data[RN_EVAL_INPUTS];
    char *path;
    const char *paths[1];
};

/* A run whose input `in` is a file of this text. */
static struct measured *measured_new(enum rn_eval_input in, const char *name, const char *text)
{
    struct measured *m = rn_new(struct measured);
    m->path = rn_join(dir, name);
    m->paths[0] = m->path;
    MUST(rn_file_write(m->path, text, strlen(text), e));
    m->data[in] = (struct rn_eval_data){m->paths, 1};
    m->run = (struct rn_eval_run){.tokenizer = tok,
                                  .scorer = rn_scorer_new(&fake_kind, &b_model, 0),
                                  .data = m->data,
                                  .report = rn_eval_report_new("model", dir),
                                  .max_items = -1};
    return m;
}

static void measured_free(struct measured *m)
{
    rn_eval_report_free(m->run.report);
    rn_scorer_free(m->run.scorer);
    free(m->path);
    free(m);
}

static json_t *items_of(const struct measured *m, const char *task)
{
    char *path = rn_eval_path(m->run.report, task, "jsonl");
    json_t *items = json_lines(path);
    free(path);
    return items;
}

static json_t *about(const struct measured *m, const char *task) /* new reference */
{
    json_t *doc = rn_eval_report_json(m->run.report);
    json_t *found = json_incref(json_object_get(json_object_get(doc, "tasks"), task));
    json_decref(doc);
    return found;
}

/* --- letters --- */

#define ARC(labels, key)                                                                           \
    "{\"question\":\"q\",\"choices\":{\"text\":[\"w\",\"x\",\"y\",\"z\"],\"label\":" labels        \
    "},\"answerKey\":\"" key "\"}\n"
#define ABCD   "[\"A\",\"B\",\"C\",\"D\"]"
#define DIGITS "[\"1\",\"2\",\"3\",\"4\"]"

Test(chat_tasks, the_likeliest_of_a_rows_own_letters_is_the_answer)
{
    struct measured *m =
        measured_new(RN_EVAL_IN_arc_easy, "arc_easy_validation.jsonl",
                     ARC(ABCD, "B") ARC(ABCD, "C") ARC(DIGITS, "1") ARC(DIGITS, "2"));
    MUST(rn_eval_measure(&m->run, rn_eval_find("arc-easy"), e));
    cr_expect_eq(rn_eval_value(m->run.report, "arc_easy"), 0.5, "one of two B, the first of 1234");
    json_t *items = items_of(m, "arc_easy"), *said = about(m, "arc-easy");
    cr_assert_eq(json_array_size(items), 4);
    for (size_t i = 0; i < 4; i++) {
        const json_t *item = json_array_get(items, i);
        bool same = rn_json_int(item, "gold", -1) == rn_json_int(item, "choice", -2);
        cr_expect_eq(json_array_size(json_object_get(item, "losses")), 4);
        cr_expect_eq(json_is_true(json_object_get(item, "right")), same);
    }
    cr_expect_str_eq(rn_json_str(said, "split", ""), "validation");
    cr_expect_str_eq(rn_json_str(said, "protocol", ""), "nanochat");
    cr_expect_eq(rn_json_int(said, "version", 0), 1);
    cr_expect_eq(rn_json_int(said, "items", 0), 4);
    cr_expect_eq(rn_json_int(said, "cut_prompts", -1), 0);
    cr_expect(fabs(rn_json_real(said, "arc_easy_stderr", 0) - sqrt(0.25 / 3)) < 1e-9);
    json_decref(items);
    json_decref(said);
    measured_free(m);
}

Test(chat_tasks, prompts_that_lost_their_beginning_are_counted)
{
    struct measured *m =
        measured_new(RN_EVAL_IN_arc_easy, "arc.jsonl", ARC(ABCD, "B") ARC(ABCD, "C"));
    m->run.max_len = 16;
    MUST(rn_eval_measure(&m->run, rn_eval_find("arc-easy"), e));
    json_t *said = about(m, "arc-easy");
    cr_expect_eq(rn_json_int(said, "cut_prompts", -1), 8, "four prompts of each of two questions");
    cr_expect_eq(rn_eval_value(m->run.report, "arc_easy"), 0.5, "the letter is at the end");
    json_decref(said);
    measured_free(m);
}

#define MMLU(answer)                                                                               \
    "{\"question\":\"q\",\"subject\":\"s\",\"choices\":[\"w\",\"x\",\"y\",\"z\"],"                 \
    "\"answer\":" #answer "}\n"

Test(chat_tasks, mmlu_numbers_its_answers)
{
    struct measured *m =
        measured_new(RN_EVAL_IN_mmlu, "mmlu_test.jsonl", MMLU(1) MMLU(1) MMLU(0) MMLU(1));
    MUST(rn_eval_measure(&m->run, rn_eval_find("mmlu"), e));
    cr_expect_eq(rn_eval_value(m->run.report, "mmlu"), 0.75);
    measured_free(m);
}

/* --- the mean --- */

Test(chat_tasks, chatcore_is_the_mean_above_guessing)
{
    static const struct {
        const char *id;
        double value;
    } parts[] = {{"arc_easy", 0.625},
                 {"arc_challenge", 0.25},
                 {"mmlu", 0.1},
                 {"gsm8k", 0.2},
                 {"humaneval", 0.3}};
    struct measured *m = measured_new(RN_EVAL_IN_mmlu, "mmlu_test.jsonl", MMLU(1));
    for (size_t i = 0; i < RN_COUNT(parts); i++)
        rn_eval_metric(m->run.report, parts[i].id, parts[i].value, NAN);
    MUST(rn_eval_measure(&m->run, rn_eval_find("chatcore"), e));
    double want = (0.5 + 0 + -0.2 + 0.2 + 0.3) / 5;
    cr_expect(fabs(rn_eval_value(m->run.report, "chatcore") - want) < 1e-12);
    measured_free(m);
}

Test(chat_tasks, chatcore_is_no_number_where_a_part_is_missing)
{
    struct measured *m = measured_new(RN_EVAL_IN_mmlu, "mmlu_test.jsonl", MMLU(1));
    rn_eval_metric(m->run.report, "arc_easy", 0.5, NAN);
    cr_expect_neq(rn_eval_measure(&m->run, rn_eval_find("chatcore"), NULL), RN_OK);
    cr_expect(isnan(rn_eval_value(m->run.report, "chatcore")));
    measured_free(m);
}

/* --- written answers --- */

static struct fixture talker(void)
{
    struct rn_model_cfg c;
    struct rn_model_shape_request shape = {.depth = 1,
                                           .n_embd = 32,
                                           .head_dim = 8,
                                           .n_head = 4,
                                           .vocab_size = rn_tokenizer_vocab_size(tok),
                                           .sequence_len = 64};
    MUST(rn_model_cfg_fill(&c, "nanochat-2025", &shape, e));
    return fixture_new(&c, 1, false);
}

Test(chat_tasks, written_answers_are_kept_and_judged, .timeout = 120)
{
    struct measured *m = measured_new(RN_EVAL_IN_gsm8k, "gsm8k_test.jsonl",
                                      "{\"question\":\"2+3?\",\"answer\":\"It is 5. #### 5\"}\n"
                                      "{\"question\":\"1+1?\",\"answer\":\"#### 2\"}\n");
    struct fixture f = talker();
    m->run.model = f.model;
    MUST(rn_eval_measure(&m->run, rn_eval_find("gsm8k"), e));
    json_t *items = items_of(m, "gsm8k");
    cr_assert_eq(json_array_size(items), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *item = json_array_get(items, i);
        cr_expect_eq(rn_json_int(item, "row", -1), (int64_t)i);
        cr_expect(json_is_string(json_object_get(item, "answer")));
        cr_expect(json_is_false(json_object_get(item, "right")), "noise solves a problem");
    }
    cr_expect_eq(rn_eval_value(m->run.report, "gsm8k"), 0);
    json_decref(items);
    fixture_free(&f);
    measured_free(m);
}
