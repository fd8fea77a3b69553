/* A few answers for people to read: to the prompts that were given, or to questions of a task. */
#include "answer.h"
#include "eval_choices.h"
#include "evals.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLE_TOKENS = 64, SAMPLES = 3, PROMPT_MAX = 1024 };

struct asking {
    struct rn_eval_run *run;
    struct rn_chat_tokens special;
    struct rn_answerer *answerer;
    json_t *said;
};

static int answer(struct asking *a, const char *question, const char *right, struct rn_err *err)
{
    struct rn_conversation chat = {0};
    struct rn_ids prompt = {0};
    struct rn_str text = {0};
    struct rn_sampling how = {.max_tokens = SAMPLE_TOKENS};
    rn_conversation_say(&chat, question, strlen(question));
    rn_conversation_prompt(&chat, &a->special, a->run->tokenizer, &prompt);
    rn_conversation_release(&chat);
    int rc = rn_answer(a->answerer, &prompt, 1, &how, &text, err);
    if (rc == RN_OK) {
        const char *said = text.p ? text.p : "";
        rn_log(a->run->log, RN_INFO, "%s answers '%s': %s%s%s", rn_eval_model(a->run->report),
               question, said, right ? "   right: " : "", right ? right : "");
        json_array_append_new(a->said, json_pack("{s:s, s:o}", "question", question, "answer",
                                                 rn_json_text(said, strlen(said))));
    }
    rn_str_release(&text);
    rn_ids_release(&prompt);
    return rc;
}

static int answer_some(struct asking *a, enum rn_eval_input in, struct rn_err *err)
{
    const char *path;
    struct rn_choices *c;
    RN_TRY(rn_eval_file(a->run, in, &path, err));
    RN_TRY(rn_choices_open(&c, path, err));
    size_t all = rn_choices_count(c), n = all < SAMPLES ? all : SAMPLES;
    int rc = RN_OK;
    for (size_t i = 0; i < n && rc == RN_OK; i++) {
        size_t at = i * (all / n) + i % (all / n); /* of different kinds, where they take turns */
        rc = answer(a, rn_choices_query(c, at), rn_choices_answer(c, at), err);
    }
    rn_choices_free(c);
    return rc;
}

static int answer_all(struct asking *a, struct rn_err *err)
{
    for (size_t i = 0; i < a->run->n_prompts; i++)
        RN_TRY(answer(a, a->run->prompts[i], NULL, err));
    if (a->run->n_prompts)
        return RN_OK;
    if (a->run->data[RN_EVAL_IN_tiny_world].n)
        return answer_some(a, RN_EVAL_IN_tiny_world, err);
    if (a->run->data[RN_EVAL_IN_choices].n)
        return answer_some(a, RN_EVAL_IN_choices, err);
    return answer(a, "Why is the sky blue?", NULL, err);
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct asking a = {.run = r, .said = json_array()};
    int rc = rn_chat_tokens_find(&a.special, r->tokenizer, err);
    if (rc == RN_OK)
        rc = rn_answerer_new(&a.answerer, r->model, r->tokenizer, 1, PROMPT_MAX + SAMPLE_TOKENS,
                             err);
    if (rc == RN_OK)
        rc = answer_all(&a, err);
    rn_answerer_free(a.answerer);
    rn_eval_note(r->report, "samples", a.said);
    return rc;
}

const struct rn_eval_task rn_eval_task_sample = {.protocol = "runnel", .version = 1, .run = run};
