/* A small GPT-2 as Hugging Face's transformers scores it (tests/golden/eval-gpt2-tiny.jsonl, made
 * by tests/oracle/eval.py): 50 questions of each of CORE's three types, 200 of HellaSwag. */
#include "../data/shared.h"
#include "../scratch.h"
#include "evals.h"
#include "file.h"
#include "fixture.h"
#include "path.h"
#include "read_json.h"
#include "safetensors.h"
#include "unpack.h"

#include <math.h>

TestSuite(parity, .init = scratch_up, .fini = scratch_down);

/* --- the model --- */

static struct rn_model *tiny_gpt2(struct rn_device *dev)
{
    struct rn_model_cfg c;
    struct rn_model *m;
    struct rn_safetensors *st;
    struct rn_model_shape_request shape = {
        .depth = 3, .n_embd = 64, .n_head = 4, .vocab_size = 257, .sequence_len = 96};
    MUST(rn_model_cfg_fill(&c, "gpt2", &shape, e));
    MUST(rn_model_new(&m, &c, dev, false, e));
    MUST(rn_safetensors_open(&st, RUNNEL_SOURCE_DIR "/tests/golden/gpt2-tiny.safetensors", e));
    struct rn_params *p = rn_model_params(m);
    for (size_t i = 0; i < rn_params_count(p); i++) {
        const struct rn_param_spec *spec = rn_params_spec(p, i);
        char *name = rn_xprintf("final.%s", spec->name);
        float *w = rn_xalloc((size_t)rn_elems(spec->shape) * sizeof *w);
        const struct rn_tensor_info *t = rn_safetensors_find(st, name);
        cr_assert(t && rn_tensor_is(t, spec->shape), "%s", name);
        MUST(rn_safetensors_read_f32(st, t, w, e));
        MUST(rn_params_put(p, i, w, e));
        free(w);
        free(name);
    }
    rn_safetensors_close(st);
    return m;
}

/* GPT-2's ids of single bytes: no merges. */
static struct rn_tokenizer *byte_tokenizer(void)
{
    struct rn_tokenizer *tok;
    char *path = rn_join(dir, "vocab.bpe");
    MUST(rn_file_write(path, "#version: 0.2\n", 14, e));
    MUST(rn_tokenizer_load_gpt2(&tok, path, NULL, e));
    cr_assert_eq(rn_tokenizer_vocab_size(tok), 257);
    free(path);
    return tok;
}

/* --- the questions --- */

/* Two tasks of each type, in the order of the golden file. */
static const char tasks[] =
    "icl_tasks:\n"
    "- {label: arc_easy, dataset_uri: world_knowledge/arc_easy.jsonl, num_fewshot: [10],\n"
    "   icl_task_type: multiple_choice, continuation_delimiter: \"\\nAnswer: \"}\n"
    "- {label: copa, dataset_uri: commonsense_reasoning/copa.jsonl, num_fewshot: [0],\n"
    "   icl_task_type: multiple_choice}\n"
    "- {label: lambada_openai, dataset_uri: language_understanding/lambada_openai.jsonl,\n"
    "   num_fewshot: [0], icl_task_type: language_modeling}\n"
    "- {label: winograd, dataset_uri: language_understanding/winograd_wsc.jsonl,\n"
    "   num_fewshot: [0], icl_task_type: schema}\n"
    "- {label: winogrande, dataset_uri: language_understanding/winogrande.jsonl,\n"
    "   num_fewshot: [0], icl_task_type: schema}\n"
    "- {label: bigbench_operators, dataset_uri: symbolic_problem_solving/bigbench_operators.jsonl,"
    "\n   num_fewshot: [10], icl_task_type: language_modeling}\n";

struct parity {
    struct rn_device *dev;
    struct rn_model *model;
    struct rn_tokenizer *tok;
    json_t *golden;
};

static struct parity parity_new(void)
{
    struct parity p;
    MUST(rn_device_open(&p.dev, "cpu", 1, NULL, e));
    p.model = tiny_gpt2(p.dev);
    p.tok = byte_tokenizer();
    p.golden = json_lines(RUNNEL_SOURCE_DIR "/tests/golden/eval-gpt2-tiny.jsonl");
    return p;
}

static void parity_free(struct parity *p)
{
    json_decref(p->golden);
    rn_tokenizer_free(p->tok);
    rn_model_free(p->model);
    rn_device_close(p->dev);
}

/* What became of each question, as the report's file of items has it; the share in *share. */
static json_t *measure(const struct parity *p, const char *task, enum rn_eval_input in,
                       const char *path, int64_t max_items, double *share)
{
    struct rn_eval_data data[RN_EVAL_INPUTS] = {0};
    data[in] = (struct rn_eval_data){&path, 1};
    struct rn_eval_run run = {.model = p->model,
                              .tokenizer = p->tok,
                              .scorer = rn_scorer_model(p->model),
                              .data = data,
                              .report = rn_eval_report_new("tiny", dir),
                              .max_items = max_items};
    MUST(rn_eval_measure(&run, rn_eval_find(task), e));
    *share = rn_eval_value(run.report, task);
    char *items = rn_eval_path(run.report, task, "jsonl");
    json_t *found = json_lines(items);
    rn_eval_report_free(run.report);
    rn_scorer_free(run.scorer);
    free(items);
    return found;
}

/* --- the comparison --- */

static size_t lowest(const json_t *losses, double *lead)
{
    double best = INFINITY, second = INFINITY;
    size_t at = 0;
    for (size_t i = 0; i < json_array_size(losses); i++) {
        double x = json_number_value(json_array_get(losses, i));
        if (x < best) {
            second = best;
            best = x;
            at = i;
        } else if (x < second) {
            second = x;
        }
    }
    *lead = second - best;
    return at;
}

static void same_losses(const json_t *theirs, const json_t *ours)
{
    const json_t *want = json_object_get(theirs, "losses"), *got = json_object_get(ours, "losses");
    cr_assert_eq(json_array_size(want), json_array_size(got));
    for (size_t i = 0; i < json_array_size(want); i++) {
        double a = json_number_value(json_array_get(want, i));
        double b = json_number_value(json_array_get(got, i));
        cr_expect(fabs(a - b) <= 1e-5, "%s row %lld: %g, not %g", rn_json_str(ours, "task", ""),
                  (long long)rn_json_int(ours, "row", -1), b, a);
    }
}

/* Both have the same answers, unless the two best are closer than 1e-3; returns theirs. */
static bool same_answer(const json_t *theirs, const json_t *ours)
{
    bool right = json_is_true(json_object_get(ours, "right"));
    if (json_is_true(json_object_get(theirs, "lm"))) {
        bool likeliest = json_is_true(json_object_get(theirs, "likeliest"));
        cr_expect_eq(right, likeliest);
        return likeliest;
    }
    double lead;
    size_t choice = lowest(json_object_get(theirs, "losses"), &lead);
    cr_expect(lead <= 1e-3 || (int64_t)choice == rn_json_int(ours, "choice", -1));
    cr_expect_eq(rn_json_int(theirs, "gold", -1), rn_json_int(ours, "gold", -2));
    return (int64_t)choice == rn_json_int(theirs, "gold", -1);
}

/* Golden lines [from, from + n) against ours; how many of theirs are right. */
static size_t compare(const json_t *golden, size_t from, const json_t *ours)
{
    size_t right = 0, n = json_array_size(ours);
    for (size_t i = 0; i < n; i++) {
        const json_t *theirs = json_array_get(golden, from + i), *own = json_array_get(ours, i);
        cr_assert_str_eq(rn_json_str(theirs, "task", "hellaswag"),
                         rn_json_str(own, "task", "hellaswag"));
        same_losses(theirs, own);
        right += same_answer(theirs, own);
    }
    return right;
}

enum { CORE_ITEMS = 150, HELLASWAG_ITEMS = 200 };

Test(parity, core_questions_are_answered_as_by_transformers, .timeout = 300)
{
    const char *zip = shared_file("data/eval_bundle.zip");
    if (!zip || !unpack(zip, dir))
        return;
    double share;
    struct parity p = parity_new();
    char *core = rn_xprintf("%s/eval_bundle/core.yaml", dir);
    MUST(rn_file_write(core, tasks, strlen(tasks), e));
    json_t *ours = measure(&p, "core", RN_EVAL_IN_core, core, CORE_ITEMS / 6, &share);
    cr_assert_eq(json_array_size(ours), CORE_ITEMS);
    size_t right = 0, theirs = compare(p.golden, 0, ours);
    for (size_t i = 0; i < CORE_ITEMS; i++)
        right += json_is_true(json_object_get(json_array_get(ours, i), "right"));
    cr_expect_eq(right, theirs, "%zu right, not %zu", right, theirs);
    json_decref(ours);
    free(core);
    parity_free(&p);
}

Test(parity, hellaswag_is_answered_as_by_transformers, .timeout = 300)
{
    const char *rows = shared_file("data/tasks/hellaswag_val.jsonl");
    if (!rows)
        return;
    double share;
    struct parity p = parity_new();
    json_t *ours = measure(&p, "hellaswag", RN_EVAL_IN_hellaswag, rows, HELLASWAG_ITEMS, &share);
    cr_assert_eq(json_array_size(ours), HELLASWAG_ITEMS);
    cr_assert_eq(json_array_size(p.golden), CORE_ITEMS + HELLASWAG_ITEMS);
    size_t theirs = compare(p.golden, CORE_ITEMS, ours);
    cr_expect(fabs(share - (double)theirs / HELLASWAG_ITEMS) < 1e-9, "%g, not %zu", share, theirs);
    json_decref(ours);
    parity_free(&p);
}
