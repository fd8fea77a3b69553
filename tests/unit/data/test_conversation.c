/* Conversations as nanochat renders them, tasks, mixtures, and the batches made of them. */
#include "../scratch.h"
#include "loader_chat.h"
#include "shared.h"

#include "file.h"
#include "path.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct rn_tokenizer *tok;
static struct rn_chat_tokens special;

static void enter(void)
{
    static const char *const text = "the cat sat on the mat and the cat sat on the hat";
    struct rn_err err = {0};
    struct rn_bpe_trainer *trainer = rn_bpe_trainer_new("nanochat", 1);
    rn_bpe_trainer_add(trainer, text, strlen(text));
    cr_assert_eq(rn_bpe_trainer_finish(trainer, 8, rn_special_nanochat, NULL, NULL, &tok, &err),
                 RN_OK, "%s", err.msg);
    rn_bpe_trainer_free(trainer);
    cr_assert_eq(rn_chat_tokens_find(&special, tok, &err), RN_OK);
    scratch_up();
}
static void leave(void)
{
    rn_tokenizer_free(tok);
    scratch_down();
}
TestSuite(chat, .init = enter, .fini = leave);

static int parse(const char *text, struct rn_conversation *c, struct rn_err *err)
{
    json_t *doc;
    cr_assert_eq(rn_json_parse(text, strlen(text), RN_NOWHERE, &doc, err), RN_OK);
    int rc = rn_conversation_parse(c, doc, RN_LINE("chat.jsonl", 7), err);
    json_decref(doc);
    return rc;
}

/* Ids as text; what is trained stands in [brackets]. */
static char *show(const struct rn_rendered *r)
{
    struct rn_str s = {0};
    struct rn_err err = {0};
    for (size_t i = 0; i < r->ids.n; i++) {
        bool on = r->mask.p[i], was = i > 0 && r->mask.p[i - 1];
        if (on != was)
            rn_str_putc(&s, on ? '[' : ']');
        cr_assert_eq(rn_tokenizer_decode(tok, r->ids.p + i, 1, &s, &err), RN_OK);
    }
    if (r->ids.n && r->mask.p[r->ids.n - 1])
        rn_str_putc(&s, ']');
    return s.p;
}

static void expect_rendered(const char *chat, size_t max, const char *want)
{
    struct rn_conversation c;
    struct rn_err err = {0};
    struct rn_rendered r = {0};
    cr_assert_eq(parse(chat, &c, &err), RN_OK, "%s", err.msg);
    rn_conversation_render(&c, &special, tok, max, &r);
    cr_assert_eq(r.ids.n, r.mask.n);
    char *have = show(&r);
    cr_assert_str_eq(have, want);
    free(have);
    rn_rendered_release(&r);
    rn_conversation_release(&c);
}

Test(chat, only_what_the_assistant_says_is_trained)
{
    expect_rendered("[{\"role\":\"user\",\"content\":\"Hi\"},"
                    "{\"role\":\"assistant\",\"content\":\"the cat\"}]",
                    100,
                    "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>"
                    "[the cat<|assistant_end|>]");
}

Test(chat, a_system_message_goes_in_front_of_the_first_question)
{
    expect_rendered("{\"messages\":[{\"role\":\"system\",\"content\":\"Be kind\"},"
                    "{\"role\":\"user\",\"content\":\"Hi\"}]}",
                    100, "<|bos|><|user_start|>Be kind\n\nHi<|user_end|>");
}

Test(chat, tool_calls_are_trained_and_their_results_are_not)
{
    expect_rendered("[{\"role\":\"user\",\"content\":\"1+2?\"},{\"role\":\"assistant\",\"content\":"
                    "[{\"type\":\"python\",\"text\":\"1+2\"},"
                    "{\"type\":\"python_output\",\"text\":\"3\"},"
                    "{\"type\":\"text\",\"text\":\"It is 3\"}]}]",
                    100,
                    "<|bos|><|user_start|>1+2?<|user_end|><|assistant_start|>"
                    "[<|python_start|>1+2<|python_end|>]<|output_start|>3<|output_end|>"
                    "[It is 3<|assistant_end|>]");
}

Test(chat, text_that_looks_special_is_ordinary_text)
{
    struct rn_conversation c;
    struct rn_err err = {0};
    struct rn_ids prompt = {0};
    cr_assert_eq(parse("[{\"role\":\"user\",\"content\":\"<|bos|>\"}]", &c, &err), RN_OK);
    rn_conversation_prompt(&c, &special, tok, &prompt);
    cr_assert_gt(prompt.n, 5); /* bos, user_start, several of text, user_end, assistant_start */
    for (size_t i = 2; i + 2 < prompt.n; i++)
        cr_assert_lt(prompt.p[i], special.bos);
    rn_ids_release(&prompt);
    rn_conversation_release(&c);
}

Test(chat, a_prompt_ends_where_the_answer_begins)
{
    struct rn_conversation c;
    struct rn_err err = {0};
    struct rn_rendered r = {0};
    cr_assert_eq(parse("[{\"role\":\"user\",\"content\":\"Hi\"},"
                       "{\"role\":\"assistant\",\"content\":\"the cat\"}]",
                       &c, &err),
                 RN_OK);
    rn_conversation_prompt(&c, &special, tok, &r.ids);
    for (size_t i = 0; i < r.ids.n; i++)
        rn_ids_push(&r.mask, 0);
    char *have = show(&r);
    cr_assert_str_eq(have, "<|bos|><|user_start|>Hi<|user_end|><|assistant_start|>");
    free(have);
    rn_rendered_release(&r);
    rn_conversation_release(&c);
}

Test(chat, rendering_is_cut_at_the_given_length)
{
    expect_rendered("[{\"role\":\"user\",\"content\":\"Hi\"},"
                    "{\"role\":\"assistant\",\"content\":\"the cat\"}]",
                    3, "<|bos|><|user_start|>H");
}

Test(chat, what_is_no_conversation_is_refused_with_place_and_reason)
{
    static const char *const bad[][2] = {
        {"{}", "no conversation"},
        {"[]", "no conversation"},
        {"[{\"role\":\"assistant\",\"content\":\"x\"}]", "expected 'user'"},
        {"[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"y\"}]",
         "message 2"},
        {"[{\"role\":\"user\"}]", "not a string"},
        {"[{\"role\":\"user\",\"content\":7}]", "not a string"},
        {"[7]", "no 'role'"},
        {"[{\"role\":\"system\",\"content\":\"x\"}]", "after the system"},
        {"[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"assistant\",\"content\":"
         "[{\"type\":\"image\",\"text\":\"y\"}]}]",
         "type of a part"},
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_conversation c;
        struct rn_err err = {0};
        cr_assert_eq(parse(bad[i][0], &c, &err), RN_ECORRUPT, "%s", bad[i][0]);
        cr_assert(strstr(err.msg, bad[i][1]), "%s: %s", bad[i][0], err.msg);
        cr_assert_eq(err.line, 7);
        rn_conversation_release(&c);
    }
}

/* --- tasks --- */

static struct rn_task *open_text(const char *task, const char *text)
{
    struct rn_err err = {0};
    struct rn_task *t;
    char *path = rn_join(dir, "rows.jsonl");
    cr_assert_eq(rn_file_write(path, text, strlen(text), &err), RN_OK);
    const char *const paths[] = {path};
    cr_assert_eq(rn_task_open(&t, task, "train", paths, 1, &err), RN_OK, "%s", err.msg);
    free(path);
    return t;
}

Test(chat, a_broken_row_is_named_by_its_line_before_training_begins)
{
    struct rn_err err = {0};
    struct rn_task *t;
    char *path = rn_join(dir, "bad.jsonl");
    const char *text = "[{\"role\":\"user\",\"content\":\"a\"}]\n\n[{\"role\":\"cat\"}]\n";
    rn_file_write(path, text, strlen(text), &err);
    const char *const paths[] = {path};
    cr_assert_eq(rn_task_open(&t, "conversations", "train", paths, 1, &err), RN_ECORRUPT);
    cr_assert_eq(err.line, 3);
    cr_assert_null(t);
    free(path);
}

Test(chat, choices_are_asked_by_letter_in_nanochats_words)
{
    struct rn_task *t = open_text(
        "choices",
        "{\"query\":\"What is 2+2?\",\"choices\":[\"3\",\"4\",\"5\",\"22\"],\"gold\":1}\n");
    struct rn_conversation c;
    struct rn_err err = {0};
    cr_assert_eq(rn_task_get(t, 0, &c, &err), RN_OK);
    /* golden/render_mc.json */
    cr_assert_str_eq(c.turns[0].parts[0].text,
                     "Multiple Choice question: What is 2+2?\n- 3=A\n- 4=B\n- 5=C\n- 22=D\n\n"
                     "Respond only with the letter of the correct answer.");
    cr_assert_str_eq(c.turns[1].parts[0].text, "B");
    rn_conversation_release(&c);
    rn_task_free(t);
}

Test(chat, gsm8k_rows_come_in_numpys_order_with_tool_parts)
{
    const char *path = shared_file("data/tasks/gsm8k_train.parquet");
    if (!path)
        return;
    struct rn_task *t;
    struct rn_conversation c;
    struct rn_err err = {0};
    cr_assert_eq(rn_task_open(&t, "gsm8k", "train", &path, 1, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_task_rows(t), 7473);
    size_t calls = 0;
    for (int64_t i = 0; i < 200; i++) {
        cr_assert_eq(rn_task_get(t, i, &c, &err), RN_OK);
        cr_assert_eq(c.n, 2);
        for (size_t k = 0; k < c.turns[1].n_parts; k++) {
            const struct rn_chat_part *p = &c.turns[1].parts[k];
            calls += p->kind == RN_PART_PYTHON;
            cr_assert(p->kind == RN_PART_TEXT || !memchr(p->text, '=', p->n) ||
                      p->kind == RN_PART_PYTHON);
            cr_assert_null(strstr(p->text, "<<"));
        }
        const struct rn_chat_part *last = &c.turns[1].parts[c.turns[1].n_parts - 1];
        cr_assert(strstr(last->text, "#### "), "%s", last->text);
        rn_conversation_release(&c);
    }
    cr_assert_gt(calls, 400);
    rn_task_free(t);
}

/* The hub's other sets, in the schemas of its parquet exports. */
static const struct {
    const char *task, *file, *begins;
    int64_t rows;
} hub[] = {
    {"smoltalk", "data/tasks/smoltalk_like.parquet", "", 15028},
    {"mmlu", "data/tasks/mmlu_validation.parquet", "Multiple Choice question: ", 1531},
    {"arc", "data/tasks/arc_challenge_validation.parquet", "Multiple Choice question: ", 299},
};

Test(chat, sets_of_the_hub_are_read_from_parquet)
{
    for (size_t i = 0; i < RN_COUNT(hub); i++) {
        const char *path = shared_file(hub[i].file);
        struct rn_task *t;
        struct rn_conversation c;
        struct rn_err err = {0};
        if (!path)
            continue;
        cr_assert_eq(rn_task_open(&t, hub[i].task, "train", &path, 1, &err), RN_OK, "%s", err.msg);
        cr_expect_eq(rn_task_rows(t), hub[i].rows, "%s", hub[i].task);
        cr_assert_eq(rn_task_get(t, 7, &c, &err), RN_OK);
        cr_expect_geq(c.n, 2);
        cr_expect(!strncmp(c.turns[0].parts[0].text, hub[i].begins, strlen(hub[i].begins)));
        cr_expect(!*hub[i].begins || c.turns[1].parts[0].n == 1); /* a letter */
        rn_conversation_release(&c);
        rn_task_free(t);
    }
}

Test(chat, choices_of_arc_keep_their_own_letters)
{
    struct rn_task *t = open_text("arc", "{\"question\":\"Q\",\"choices\":{\"text\":[\"x\",\"y\"],"
                                         "\"label\":[\"1\",\"2\"]},\"answerKey\":\"2\"}\n");
    struct rn_conversation c;
    struct rn_err err = {0};
    cr_assert_eq(rn_task_get(t, 0, &c, &err), RN_OK);
    cr_expect(strstr(c.turns[0].parts[0].text, "- x=1\n- y=2\n"));
    cr_expect_str_eq(c.turns[1].parts[0].text, "2");
    rn_conversation_release(&c);
    rn_task_free(t);
}

/* --- batches --- */

static struct rn_mixture *mixture_of(const char *text, int64_t epochs)
{
    struct rn_err err = {0};
    struct rn_mixture *m = rn_mixture_new();
    cr_assert_eq(rn_mixture_add(m, open_text("conversations", text), -1, epochs, &err), RN_OK);
    rn_mixture_close(m);
    return m;
}

/* n conversations, the i-th with i extra words from the user and an answer. */
static struct rn_mixture *many(int n)
{
    struct rn_str s = {0};
    for (int i = 0; i < n; i++) {
        rn_str_puts(&s, "[{\"role\":\"user\",\"content\":\"");
        for (int k = 0; k < i % 17; k++)
            rn_str_puts(&s, "the cat ");
        rn_str_printf(&s, "\"},{\"role\":\"assistant\",\"content\":\"sat %d\"}]\n", i);
    }
    struct rn_mixture *m = mixture_of(s.p, 1);
    rn_str_release(&s);
    return m;
}

Test(chat, a_mixture_is_shuffled_as_by_python_random_42)
{
    struct rn_mixture *m = many(10);
    struct rn_err err = {0};
    /* random.Random(42).shuffle(list(range(10))), CPython 3.11 */
    static const int want[] = {7, 3, 2, 8, 5, 6, 9, 4, 0, 1};
    for (int i = 0; i < 10; i++) {
        struct rn_conversation c;
        char answer[16];
        cr_assert_eq(rn_mixture_get(m, i, &c, &err), RN_OK);
        snprintf(answer, sizeof answer, "sat %d", want[i]);
        cr_assert_str_eq(c.turns[1].parts[0].text, answer);
        rn_conversation_release(&c);
    }
    rn_mixture_free(m);
}

enum { B = 2, T = 24 };

static struct rn_loader *loader(const struct rn_mixture *m, enum rn_chat_kind kind)
{
    struct rn_chat_form f = {.kind = kind, .B = B, .T = T};
    struct rn_err err = {0};
    struct rn_loader *l;
    cr_assert_eq(rn_loader_chat(&l, m, tok, &f, &err), RN_OK, "%s", err.msg);
    return l;
}

static void next(struct rn_loader *l, int32_t *x, int32_t *y)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_loader_next(l, x, y, &err), RN_OK, "%s", err.msg);
}

Test(chat, sft_rows_hold_one_conversation_each_and_end_in_assistant_end)
{
    struct rn_mixture *m = many(10);
    struct rn_loader *l = loader(m, RN_CHAT_ROWS);
    int32_t x[B * T], y[B * T];
    next(l, x, y);
    for (int b = 0; b < B; b++) {
        struct rn_conversation c;
        struct rn_rendered r = {0};
        struct rn_err err = {0};
        cr_assert_eq(rn_mixture_get(m, b, &c, &err), RN_OK);
        rn_conversation_render(&c, &special, tok, T + 1, &r);
        for (size_t i = 0; i < T; i++) {
            cr_assert_eq(x[(size_t)b * T + i], i < r.ids.n ? r.ids.p[i] : special.assistant_end);
            bool trained = i + 1 < r.ids.n && r.mask.p[i + 1];
            cr_assert_eq(y[(size_t)b * T + i], trained ? r.ids.p[i + 1] : -1);
        }
        rn_rendered_release(&r);
        rn_conversation_release(&c);
    }
    rn_loader_free(l);
    rn_mixture_free(m);
}

Test(chat, the_stream_is_all_conversations_end_to_end_without_the_last_id_of_each_window)
{
    struct rn_mixture *m = many(10);
    struct rn_loader *l = loader(m, RN_CHAT_STREAM);
    struct rn_ids flat = {0};
    struct rn_err err = {0};
    for (int64_t i = 0; i < 10; i++) {
        struct rn_conversation c;
        struct rn_rendered r = {0};
        cr_assert_eq(rn_mixture_get(m, i, &c, &err), RN_OK);
        rn_conversation_render(&c, &special, tok, 2048, &r);
        for (size_t k = 0; k < r.ids.n; k++)
            rn_ids_push(&flat, r.ids.p[k]);
        rn_rendered_release(&r);
        rn_conversation_release(&c);
    }
    int32_t x[B * T], y[B * T];
    for (size_t w = 0; (w + 1) * (B * T + 1) <= flat.n; w++) {
        next(l, x, y);
        cr_assert_arr_eq(x, flat.p + w * (B * T + 1), sizeof x);
        cr_assert_arr_eq(y, flat.p + w * (B * T + 1) + 1, sizeof y);
    }
    rn_ids_release(&flat);
    rn_loader_free(l);
    rn_mixture_free(m);
}

Test(chat, packed_rows_begin_with_bos_and_hold_whole_conversations)
{
    struct rn_mixture *m = many(300);
    struct rn_loader *l = loader(m, RN_CHAT_PACK);
    int32_t x[B * T], y[B * T];
    for (int n = 0; n < 50; n++) {
        next(l, x, y);
        for (int b = 0; b < B; b++) {
            cr_assert_eq(x[b * T], special.bos);
            for (int i = 0; i < T; i++)
                cr_assert(y[b * T + i] != special.bos && y[b * T + i] != special.user_start);
        }
    }
    rn_loader_free(l);
    rn_mixture_free(m);
}

Test(chat, every_form_continues_exactly_from_its_state)
{
    struct rn_mixture *m = many(137);
    for (int kind = RN_CHAT_STREAM; kind <= RN_CHAT_PACK; kind++) {
        struct rn_loader *unbroken = loader(m, (enum rn_chat_kind)kind);
        int32_t x[B * T], y[B * T], x2[B * T], y2[B * T];
        for (int n = 0; n < 200; n++) {
            struct rn_loader *again = loader(m, (enum rn_chat_kind)kind);
            struct rn_err err = {0};
            json_t *state = rn_loader_state(unbroken);
            cr_assert_eq(rn_loader_restore(again, state, &err), RN_OK, "%s", err.msg);
            next(unbroken, x, y);
            next(again, x2, y2);
            cr_assert_arr_eq(x, x2, sizeof x);
            cr_assert_arr_eq(y, y2, sizeof y);
            cr_assert_eq(rn_loader_epoch(unbroken), rn_loader_epoch(again));
            json_decref(state);
            rn_loader_free(again);
        }
        cr_assert_geq(rn_loader_epoch(unbroken), 1);
        rn_loader_free(unbroken);
    }
    rn_mixture_free(m);
}

Test(chat, states_of_other_data_or_shape_or_out_of_range_are_refused)
{
    struct rn_mixture *m = many(20), *other = many(21);
    struct rn_loader *l = loader(m, RN_CHAT_STREAM), *strange = loader(other, RN_CHAT_STREAM);
    struct rn_err err = {0};
    json_t *state = rn_loader_state(strange);
    cr_assert_eq(rn_loader_restore(l, state, &err), RN_ECORRUPT);
    json_decref(state);
    static const char *const keys[] = {"cursor", "given", "read", "left", "B"};
    for (size_t i = 0; i < RN_COUNT(keys); i++) {
        state = rn_loader_state(l);
        json_object_set_new(state, keys[i], json_integer(-5));
        err = (struct rn_err){0};
        cr_assert_eq(rn_loader_restore(l, state, &err), RN_ECORRUPT, "%s", keys[i]);
        json_decref(state);
    }
    rn_loader_free(l);
    rn_loader_free(strange);
    rn_mixture_free(m);
    rn_mixture_free(other);
}

static int64_t count(const int32_t *x, int32_t id)
{
    int64_t n = 0;
    for (int i = 0; i < B * T; i++)
        n += x[i] == id;
    return n;
}

#define QUESTION "[{\"role\":\"user\",\"content\":\"the cat\"}]\n"
#define ANSWERED                                                                                   \
    "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]\n"

/* A user's message longer than a row: what the assistant says lies behind the cut. */
static void add_late_answer(struct rn_str *s)
{
    rn_str_puts(s, "[{\"role\":\"user\",\"content\":\"");
    for (int k = 0; k < 100; k++)
        rn_str_puts(s, "the hat ");
    rn_str_puts(s, "\"},{\"role\":\"assistant\",\"content\":\"b\"}]\n");
}

static int targets_of_row(const int32_t *y, int row)
{
    int n = 0;
    for (int i = 0; i < T; i++)
        n += y[row * T + i] >= 0;
    return n;
}

Test(chat, every_row_has_a_target_whatever_the_mixture_holds)
{
    struct rn_str s = {0};
    for (int i = 0; i < 40; i++) {
        if (i % 3 == 0)
            rn_str_puts(&s, QUESTION);
        if (i % 5 == 0)
            add_late_answer(&s);
        if (i % 4 == 0)
            rn_str_puts(&s, ANSWERED);
    }
    struct rn_mixture *m = mixture_of(s.p, 1);
    for (int kind = RN_CHAT_ROWS; kind <= RN_CHAT_PACK; kind++) {
        struct rn_loader *l = loader(m, (enum rn_chat_kind)kind);
        int32_t x[B * T], y[B * T];
        for (int n = 0; n < 100; n++) {
            next(l, x, y);
            for (int b = 0; b < B; b++)
                cr_assert_geq(targets_of_row(y, b), 2); /* b, assistant_end */
        }
        rn_loader_free(l);
    }
    rn_mixture_free(m);
    rn_str_release(&s);
}

/* They are counted while training goes on as well, and outlive a restart. */
static void expect_counts_in_the_state(const struct rn_mixture *m, const struct rn_chat_form *f,
                                       const struct rn_chat_pass *pass)
{
    struct rn_err err = {0};
    int32_t x[B * T], y[B * T];
    struct rn_loader *l;
    json_t *state = NULL;
    for (int life = 0; life < 30; life++) {
        cr_assert_eq(rn_loader_chat(&l, m, tok, f, &err), RN_OK);
        cr_assert(!state || rn_loader_restore(l, state, &err) == RN_OK, "%s", err.msg);
        next(l, x, y);
        json_decref(state);
        state = rn_loader_state(l);
        rn_loader_free(l);
    }
    cr_expect_eq(rn_json_int(state, "cut", -1), pass->cut);
    cr_expect_eq(rn_json_int(state, "left_out", -1), pass->left_out);
    json_decref(state);
}

Test(chat, what_is_cut_or_left_out_is_counted_once_a_pass)
{
    struct rn_str s = {0};
    struct rn_err err = {0};
    for (int i = 0; i < 7; i++) {
        rn_str_puts(&s, QUESTION);
        add_late_answer(&s);
        rn_str_puts(&s, ANSWERED ANSWERED);
    }
    struct rn_mixture *m = mixture_of(s.p, 1);
    for (int kind = RN_CHAT_STREAM; kind <= RN_CHAT_PACK; kind++) {
        struct rn_chat_form f = {.kind = (enum rn_chat_kind)kind, .B = B, .T = T, .max_tokens = 25};
        struct rn_chat_pass pass;
        cr_assert_eq(rn_loader_chat_pass(m, tok, &f, &pass, &err), RN_OK, "%s", err.msg);
        cr_expect_eq(pass.cut, 7);
        cr_expect_eq(pass.left_out, kind == RN_CHAT_STREAM ? 0 : 14);
        expect_counts_in_the_state(m, &f, &pass);
    }
    rn_mixture_free(m);
    rn_str_release(&s);
}

/* One conversation in 21 can be learned from: the buffer reads ahead over many passes, and those
 * that were left out on the way are no passes given. */
Test(chat, what_is_left_out_does_not_hasten_the_passes)
{
    struct rn_str s = {0};
    for (int i = 0; i < 20; i++)
        rn_str_puts(&s, QUESTION);
    rn_str_puts(&s, ANSWERED);
    struct rn_mixture *m = mixture_of(s.p, 1);
    struct rn_loader *l = loader(m, RN_CHAT_PACK);
    int32_t x[B * T], y[B * T];
    int64_t given = 0;
    for (int n = 0; n < 30; n++) {
        next(l, x, y);
        given += count(x, special.user_start);
        int64_t epoch = rn_loader_epoch(l);
        cr_assert(epoch == given || epoch == given - 1);
    }
    rn_loader_free(l);
    rn_mixture_free(m);
    rn_str_release(&s);
}

Test(chat, data_with_nothing_to_learn_ends_in_an_error_and_not_in_a_loop)
{
    struct rn_mixture *m = mixture_of(QUESTION QUESTION QUESTION, 1);
    for (int kind = RN_CHAT_ROWS; kind <= RN_CHAT_PACK; kind++) {
        struct rn_loader *l = loader(m, (enum rn_chat_kind)kind);
        int32_t x[B * T], y[B * T];
        struct rn_err err = {0};
        cr_assert_eq(rn_loader_next(l, x, y, &err), RN_ECORRUPT);
        rn_loader_free(l);
    }
    rn_mixture_free(m);
}

Test(chat, conversations_longer_than_a_row_are_cut_and_never_clog)
{
    struct rn_str s = {0};
    for (int i = 0; i < 150; i++) {
        rn_str_puts(&s, "[{\"role\":\"user\",\"content\":\"a\"},"
                        "{\"role\":\"assistant\",\"content\":\"");
        for (int k = 0; k < 100; k++)
            rn_str_puts(&s, "the hat ");
        rn_str_puts(&s, "\"}]\n");
    }
    struct rn_mixture *m = mixture_of(s.p, 1);
    struct rn_loader *l = loader(m, RN_CHAT_PACK);
    int32_t x[B * T], y[B * T];
    for (int n = 0; n < 200; n++) {
        next(l, x, y);
        cr_assert_eq(x[0], special.bos);
        cr_assert_geq(y[T - 1], 0); /* full to the end */
    }
    cr_assert_geq(rn_loader_epoch(l), 2);
    rn_loader_free(l);
    rn_mixture_free(m);
    rn_str_release(&s);
}

/* The buffer of 100 holds a small mixture several times over: reading is not giving. */
Test(chat, a_pass_of_packed_rows_gives_every_conversation)
{
    struct rn_str s = {0};
    for (int i = 0; i < 21; i++)
        rn_str_puts(&s, ANSWERED);
    struct rn_mixture *m = mixture_of(s.p, 1);
    struct rn_loader *l = loader(m, RN_CHAT_PACK);
    int32_t x[B * T], y[B * T];
    int64_t questions = 0, last = 0;
    while (rn_loader_epoch(l) == 0) {
        next(l, x, y);
        questions += last = count(x, special.user_start);
    }
    cr_expect_geq(questions, 21);
    cr_expect_lt(questions - last, 21); /* and the batch before was not the last */
    rn_loader_free(l);
    rn_mixture_free(m);
    rn_str_release(&s);
}

Test(chat, one_pass_is_counted_in_batches)
{
    struct rn_mixture *m = many(21);
    struct rn_err err = {0};
    for (int kind = RN_CHAT_STREAM; kind <= RN_CHAT_PACK; kind++) {
        struct rn_chat_form f = {.kind = (enum rn_chat_kind)kind, .B = B, .T = T};
        struct rn_loader *l = loader(m, f.kind);
        int32_t x[B * T], y[B * T];
        struct rn_chat_pass have;
        int64_t want = 0;
        for (; rn_loader_epoch(l) == 0; want++)
            next(l, x, y);
        cr_assert_eq(rn_loader_chat_pass(m, tok, &f, &have, &err), RN_OK);
        cr_assert_eq(have.batches, want);
        if (kind == RN_CHAT_ROWS)
            cr_assert_eq(have.batches, (21 - have.left_out + B - 1) / B);
        rn_loader_free(l);
    }
    rn_mixture_free(m);
}
