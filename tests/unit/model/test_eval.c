/* Bits per byte and multiple choice, with scorers and loaders made for the test. */
#include "../scratch.h"
#include "conversation.h"
#include "eval_bpb.h"
#include "eval_choices.h"
#include "fake_scorer.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- bits per byte --- */

enum { B = 2, T = 2048, BATCHES = 10, VOCAB = 5 };

/* Six places with a target or none; there is none in all others. */
static int fixed_next(void *self, int32_t *x, int32_t *y, struct rn_err *err)
{
    static const int32_t targets[] = {1, 2, -1, 3, 4, 1};
    (void)self, (void)err;
    memset(x, 0, B * T * sizeof *x);
    for (size_t i = 0; i < B * T; i++)
        y[i] = i < RN_COUNT(targets) ? targets[i] : -1;
    return RN_OK;
}
static json_t *no_state(const void *self)
{
    (void)self;
    return json_null();
}
static int no_restore(void *self, const json_t *state, struct rn_err *err)
{
    (void)self, (void)state, (void)err;
    return RN_OK;
}
static int64_t no_epoch(const void *self)
{
    (void)self;
    return 0;
}
static void no_free(void *self)
{
    (void)self;
}
static const struct rn_loader_kind fixed_kind = {"fixed",    fixed_next, no_state,
                                                 no_restore, no_epoch,   no_free};

/* The loss of target y is y nats; NaN where there is none, as nothing may look at it. */
static int own_id(void *self, int64_t rows, int64_t cols, const int32_t *x, const int32_t *y,
                  float *losses, struct rn_err *err)
{
    (void)self, (void)x, (void)err;
    for (int64_t i = 0; i < rows * cols; i++)
        losses[i] = y[i] < 0 ? NAN : (float)y[i];
    return RN_OK;
}
static const struct rn_scorer_kind own_id_kind = {NULL, own_id, NULL, no_free};

static int measure(const int32_t bytes[VOCAB], int32_t vocab, struct rn_bpb *sum,
                   struct rn_err *err)
{
    struct rn_loader *l = rn_loader_new(&fixed_kind, NULL);
    struct rn_scorer *s = rn_scorer_new(&own_id_kind, NULL, 0);
    struct rn_bpb_of of = {s, l, T, BATCHES * B * T, bytes, vocab};
    int rc = rn_eval_bpb(&of, sum, err);
    rn_scorer_free(s);
    rn_loader_free(l);
    return rc;
}

Test(eval, the_rows_of_a_batch_of_bits_per_byte_follow_from_the_tokens)
{
    cr_expect_eq(rn_bpb_rows(T, BATCHES * B * T), B);
    cr_expect_eq(rn_bpb_rows(T, T - 1), 1, "a row at least");
}

Test(eval, bits_per_byte_is_a_sum_over_a_sum_of_what_is_text)
{
    static const int32_t bytes[VOCAB] = {1, 2, 3, 0, 5}; /* 3 is a special token */
    struct rn_bpb sum;
    struct rn_err err = {0};
    cr_assert_eq(measure(bytes, VOCAB, &sum, &err), RN_OK);
    cr_assert_eq(sum.targets, 40); /* 1, 2, 4, 1 in each of ten batches */
    cr_assert_eq(sum.nats, 80);
    cr_assert_eq(sum.bytes, 120);
    cr_assert(fabs(rn_bpb_value(&sum) - 80 / (log(2) * 120)) < 1e-12);
}

Test(eval, no_byte_at_all_is_infinity_and_not_a_division)
{
    static const int32_t none[VOCAB] = {0};
    struct rn_bpb sum;
    struct rn_err err = {0};
    cr_assert_eq(measure(none, VOCAB, &sum, &err), RN_OK);
    cr_assert(isinf(rn_bpb_value(&sum)));
}

Test(eval, a_target_outside_the_vocabulary_is_refused)
{
    static const int32_t bytes[VOCAB] = {1, 1, 1, 1, 1};
    struct rn_bpb sum;
    struct rn_err err = {0};
    cr_assert_eq(measure(bytes, 4, &sum, &err), RN_ECORRUPT);
}

/* --- multiple choice --- */

static struct rn_tokenizer *tok;

static void enter(void)
{
    struct rn_err err = {0};
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, "the cat sat on the mat", 22);
    cr_assert_eq(rn_bpe_trainer_finish(trainer, 4, rn_special_nanochat, NULL, NULL, &tok, &err),
                 RN_OK);
    rn_bpe_trainer_free(trainer);
    scratch_up();
}
static void leave(void)
{
    rn_tokenizer_free(tok);
    scratch_down();
}
TestSuite(choices, .init = enter, .fini = leave);

static int open_text(struct rn_choices **c, const char *text, struct rn_err *err)
{
    char *path = rn_join(dir, "choices.jsonl");
    cr_assert_eq(rn_file_write(path, text, strlen(text), err), RN_OK);
    int rc = rn_choices_open(c, path, err);
    free(path);
    return rc;
}

/* A model that likes the byte 'y' and the letter B, and nothing else. */
static float likes(int32_t before, int32_t last, int32_t token)
{
    (void)before, (void)last;
    return token == 'y' || token == 'B' ? 0.5f : 3;
}
static int32_t says_y(int32_t last)
{
    (void)last;
    return 'y';
}

static double score(const char *text, enum rn_choices_form form, int64_t max)
{
    struct rn_choices *c;
    struct rn_err err = {0};
    struct fake_model model = {likes, says_y, 0};
    struct rn_given_result r;
    struct rn_scorer *s = rn_scorer_new(&fake_kind, &model, 0);
    struct rn_eval_run run = {.tokenizer = tok,
                              .scorer = s,
                              .max_items = max,
                              .report = rn_eval_report_new("fake", NULL)};
    cr_assert_eq(open_text(&c, text, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_choices_score(c, form, &run, &r, &err), RN_OK, "%s", err.msg);
    rn_choices_free(c);
    rn_scorer_free(s);
    rn_eval_report_free(run.report);
    return (double)r.right / (double)r.items;
}

#define ROW(gold) "{\"query\":\"q\",\"choices\":[\"no\",\"yyy\",\"nonono\"],\"gold\":" #gold "}\n"

Test(choices, the_answer_with_the_lowest_mean_loss_wins_whatever_its_length)
{
    cr_assert_eq(score(ROW(1) ROW(1), RN_CHOICES_CHAT, -1), 1);
    cr_assert_eq(score(ROW(1) ROW(0) ROW(2) ROW(1), RN_CHOICES_CHAT, -1), 0.5);
    cr_assert_eq(score(ROW(1) ROW(0), RN_CHOICES_TEXT, -1), 0.5);
    cr_assert_eq(score(ROW(1) ROW(0) ROW(0), RN_CHOICES_CHAT, 1), 1);
}

Test(choices, letters_are_judged_in_their_own_right)
{
    cr_assert_eq(score(ROW(1) ROW(0), RN_CHOICES_LETTER, -1), 0.5);
}

Test(choices, more_questions_than_are_scored_at_once_are_all_counted)
{
    struct rn_str s = {0};
    for (int i = 0; i < 301; i++)
        rn_str_puts(&s, i % 7 == 0 ? ROW(1) : ROW(2));
    cr_assert_eq(score(s.p, RN_CHOICES_CHAT, -1), 43.0 / 301);
    rn_str_release(&s);
}

Test(choices, bad_rows_are_named_by_their_line)
{
    static const char *const bad[] = {
        ROW(1) "{\"query\":\"q\",\"choices\":[\"a\"],\"gold\":0}\n",
        ROW(1) ROW(3),
        ROW(1) "{\"query\":\"q\",\"choices\":[\"a\",7],\"gold\":0}\n",
        ROW(1) "{\"query\":\"q\",\"choices\":[\"a\",\"\"],\"gold\":0}\n",
        ROW(1) "[]\n",
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_choices *c;
        struct rn_err err = {0};
        cr_assert_eq(open_text(&c, bad[i], &err), RN_ECORRUPT, "%zu", i);
        cr_assert_eq(err.line, 2);
        cr_assert_null(c);
    }
    struct rn_choices *c;
    struct rn_err err = {0};
    cr_assert_eq(open_text(&c, "\n", &err), RN_ECORRUPT);
}
