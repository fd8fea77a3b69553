/* Pipelines with the kinds of tests/fake/kinds.c; what is said about bad files: e2e/config.sh. */
#include "path.h"
#include "pipeline.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char base_text[] = "runnel: 1\n"
                                "name: demo\n"
                                "vars: {depth: 4, n: 3}\n"
                                "stages:\n"
                                "  base:\n"
                                "    kind: base-train\n"
                                "    in: {tokens: tok}\n"
                                "    watch_in: {look: data.val}\n"
                                "    model: {depth: \"${vars.depth}\"}\n"
                                "    horizon: {steps: 60}\n"
                                "    gate: [\"finite(loss)\", \"val_bpb < 1.0\"]\n"
                                "  data:\n"
                                "    kind: fetch\n"
                                "    files:\n"
                                "      shards: {count: \"${vars.n}\", urls: [a]}\n"
                                "      val: {urls: [b]}\n"
                                "  tok: {kind: tokenize, in: {text: \"data.shards[0:8]\"}}\n"
                                "  eval: {kind: eval, in: {models: [base, base.best]}, gate: "
                                "[\"base.best.tiny-world >= 0.9\"]}\n";

static char path[64];
static struct rn_err err;

static struct rn_pipeline *load_with(const char *text, const char *profile,
                                     const char *const *overrides)
{
    struct rn_pipeline *p;
    struct rn_pipeline_how how = {.profile = profile, .overrides = overrides};
    snprintf(path, sizeof path, "/tmp/runnel-pipeline-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    err = (struct rn_err){0};
    int rc = rn_pipeline_load(&p, path, &how, &err);
    unlink(path);
    cr_assert_eq(rc == RN_OK, p != NULL);
    return p;
}

static struct rn_pipeline *load(const char *text)
{
    struct rn_pipeline *p = load_with(text, NULL, NULL);
    cr_assert(p, "%s", err.msg);
    return p;
}

/* base_text with one piece exchanged. */
static char *changed(const char *from, const char *to)
{
    struct rn_str s = {0};
    const char *at = strstr(base_text, from);
    cr_assert(at, "%s", from);
    rn_str_add(&s, base_text, (size_t)(at - base_text));
    rn_str_puts(&s, to);
    rn_str_puts(&s, at + strlen(from));
    return s.p;
}

static void key_of(const char *text, char key8[9])
{
    struct rn_pipeline *p = load(text);
    snprintf(key8, 9, "%s", p->key8);
    rn_pipeline_free(p);
}

static bool same_key(const char *from, const char *to)
{
    char before[9], after[9], *text = changed(from, to);
    key_of(base_text, before);
    key_of(text, after);
    free(text);
    return strcmp(before, after) == 0;
}

Test(pipeline, stages_run_in_topological_order_ties_as_written)
{
    static const char *const order[] = {"data", "tok", "base", "eval"};
    struct rn_pipeline *p = load(base_text);
    cr_assert_eq(p->n_stages, 4);
    for (size_t i = 0; i < 4; i++)
        cr_assert_str_eq(p->stages[i].name, order[i]);
    cr_assert_eq(rn_pipeline_stage(p, "tok"), &p->stages[1]);
    cr_assert_null(rn_pipeline_stage(p, "nothing"));
    rn_pipeline_free(p);
    p = load("{runnel: 1, name: a, stages: {z: {kind: base-train}, y: {kind: base-train}}}");
    cr_assert_str_eq(p->stages[0].name, "z");
    rn_pipeline_free(p);
}

Test(pipeline, edges_know_producer_output_and_whether_they_count)
{
    struct rn_pipeline *p = load(base_text);
    const struct rn_pstage *base = rn_pipeline_stage(p, "base"),
                           *eval = rn_pipeline_stage(p, "eval");
    cr_assert_eq(base->n_edges, 2);
    cr_assert_str_eq(base->edges[0].key, "in.tokens");
    cr_assert_str_eq(p->stages[base->edges[0].producer].name, "tok");
    cr_assert_str_eq(base->edges[0].output, "tokens");
    cr_assert(!base->edges[0].neutral);
    cr_assert_str_eq(base->edges[1].key, "watch_in.look");
    cr_assert_str_eq(base->edges[1].output, "val");
    cr_assert(base->edges[1].neutral);
    cr_assert_str_eq(eval->edges[0].output, "model");
    cr_assert_str_eq(eval->edges[1].output, "best");
    rn_pipeline_free(p);
}

Test(pipeline, gates_are_read)
{
    struct rn_pipeline *p = load(base_text);
    const struct rn_pstage *base = rn_pipeline_stage(p, "base"),
                           *eval = rn_pipeline_stage(p, "eval");
    cr_assert_eq(base->n_gates, 2);
    cr_assert(base->gates[0].op == RN_GATE_FINITE && base->gates[1].op == RN_GATE_LT);
    cr_assert_str_eq(base->gates[0].metric, "loss");
    cr_assert_str_eq(base->gates[1].metric, "val_bpb");
    cr_assert_eq(base->gates[1].bound, 1.0);
    cr_assert_eq(base->gates[1].at.line, 11);
    cr_assert(eval->gates[0].op == RN_GATE_GE);
    cr_assert_str_eq(eval->gates[0].metric, "base.best.tiny-world");
    rn_pipeline_free(p);
}

Test(pipeline, values_by_class)
{
    struct rn_pipeline *p = load(base_text);
    const struct rn_pstage *base = rn_pipeline_stage(p, "base");
    cr_assert(json_object_get(base->identity, "seed"));
    cr_assert_null(json_object_get(base->identity, "in"), "references are not values");
    cr_assert_null(json_object_get(base->identity, "checkpoint"), "neutral");
    cr_assert_eq(rn_json_int(json_object_get(base->extend, "horizon"), "steps", -1), 60);
    cr_assert(json_object_get(rn_pipeline_stage(p, "data")->source, "files"));
    cr_assert_str_eq(
        rn_json_str(json_object_get(rn_pipeline_resolved(p, base), "in"), "tokens", ""), "tok");
    rn_pipeline_free(p);
}

Test(pipeline, the_key_is_that_of_the_experiment)
{
    cr_assert(same_key("name: demo", "name: other"));
    cr_assert(same_key("runnel: 1", "# a comment\nrunnel: 1\ntag: \"mine-${key8}\""));
    cr_assert(
        same_key("horizon: {steps: 60}", "horizon: {steps: 60}\n    checkpoint: {every: 10}"));
    cr_assert(same_key("    watch_in: {look: data.val}\n", ""));
    cr_assert(same_key("{urls: [b]}", "{urls: [c, d]}"), "sources are not the experiment");
    cr_assert(same_key("\"val_bpb < 1.0\"", "\"val_bpb < 2.0\""));
    cr_assert(same_key("depth: 4", "depth: 04"), "the value counts, not its text");
    cr_assert_not(same_key("depth: 4", "depth: 5"));
    cr_assert_not(same_key("steps: 60", "steps: 61"));
    cr_assert_not(same_key("n: 3", "n: 4"));
    cr_assert_not(same_key("[0:8]", "[0:7]"));
    cr_assert_not(same_key("data.shards[0:8]", "data.val"));
    cr_assert_not(same_key("[base, base.best]", "[base.best, base]"));
}

Test(pipeline, names_and_order_of_stages_do_not_enter_the_key)
{
    char a[9], b[9];
    key_of("{runnel: 1, name: x, stages: {d: {kind: fetch, files: {f: {urls: [u]}}}, "
           "t: {kind: tokenize, in: {text: d.f}}, s: {kind: tokenize, vocab_size: 300, "
           "in: {text: d.f}}}}",
           a);
    key_of("{runnel: 1, name: x, stages: {one: {vocab_size: 300, kind: tokenize, in: {text: q.f}}, "
           "q: {files: {f: {urls: [v]}}, kind: fetch}, two: {kind: tokenize, in: {text: q.f}}}}",
           b);
    cr_assert_str_eq(a, b);
}

Test(pipeline, overrides_win_over_profiles_over_the_file)
{
    struct rn_str text = {0};
    rn_str_printf(&text, "%sprofiles: {small: {vars: {depth: 2}, stages: {base: {seed: 7}}}}\n",
                  base_text);
    static const char *const overrides[] = {"vars.n=2_0", "stages.base.seed=8",
                                            "base.betas=[0.5, \"${vars.depth}\"]", "name=other",
                                            NULL};
    struct rn_pipeline *p = load_with(text.p, "small", overrides);
    cr_assert(p, "%s", err.msg);
    const json_t *base = rn_pipeline_resolved(p, rn_pipeline_stage(p, "base"));
    cr_assert_eq(rn_json_int(json_object_get(base, "model"), "depth", 0), 2);
    cr_assert_eq(rn_json_int(base, "seed", 0), 8);
    cr_assert_eq(json_real_value(json_array_get(json_object_get(base, "betas"), 1)), 2);
    cr_assert_str_eq(p->name, "other");
    cr_assert(rn_starts_with(p->tag, "other-"));
    cr_assert_str_eq(rn_json_str(rn_pipeline_origins(p), "base.seed", ""), "command line");
    cr_assert_str_eq(rn_json_str(rn_pipeline_origins(p), "base.model.depth", "") +
                         strlen(rn_basename(path)),
                     ":9 from vars.depth (profile small)");
    cr_assert_str_eq(rn_json_str(rn_pipeline_origins(p), "base.deterministic", ""), "default");
    rn_pipeline_free(p);
    rn_str_release(&text);
}

Test(pipeline, an_override_need_not_hold_without_the_profile_that_it_speaks_to)
{
    struct rn_str text = {0};
    static const char *const overrides[] = {"base.seed=${vars.lucky}", NULL};
    rn_str_printf(&text, "%sprofiles: {odd: {vars: {lucky: 7}}}\n", base_text);
    struct rn_pipeline *p = load_with(text.p, "odd", overrides);
    cr_assert(p, "%s", err.msg);
    cr_assert_eq(rn_json_int(rn_pipeline_resolved(p, rn_pipeline_stage(p, "base")), "seed", 0), 7);
    rn_pipeline_free(p);
    rn_str_clear(&text);
    rn_str_printf(&text,
                  "%sprofiles: {odd: {vars: {lucky: 7}, stages: {base: {watch_in: null}}}}\n",
                  base_text);
    cr_assert_null(load_with(text.p, "odd", NULL), "another graph");
    rn_str_release(&text);
}

Test(pipeline, the_resolved_document_is_the_same_pipeline)
{
    char *text = changed(
        "urls: [b]", "urls: [\"a $$${vars.n} $${b} $ c\", {url: '\"\\', member: \"\\u00e9\\t\"}]");
    struct rn_pipeline *p = load(text);
    char *resolved = rn_pipeline_resolved_yaml(p);
    struct rn_pipeline *again = load(resolved);
    cr_assert_str_eq(p->key8, again->key8);
    cr_assert_str_eq(p->tag, again->tag);
    for (size_t i = 0; i < p->n_stages; i++)
        cr_assert(json_equal(rn_pipeline_resolved(p, &p->stages[i]),
                             rn_pipeline_resolved(again, &again->stages[i])),
                  "%s", p->stages[i].name);
    rn_pipeline_free(p);
    rn_pipeline_free(again);
    free(resolved);
    free(text);
}

Test(pipeline, environment)
{
    setenv("RUNNEL_TEST_STEPS", "30", 1);
    unsetenv("RUNNEL_TEST_UNSET");
    char *text = changed("horizon: {steps: 60}", "horizon: {steps: \"${env.RUNNEL_TEST_STEPS}\"}\n"
                                                 "    seed: ${env.RUNNEL_TEST_UNSET:-5}\n");
    struct rn_pipeline *p = load(text);
    const json_t *base = rn_pipeline_resolved(p, rn_pipeline_stage(p, "base"));
    cr_assert_eq(rn_json_int(json_object_get(base, "horizon"), "steps", 0), 30);
    cr_assert_eq(rn_json_int(base, "seed", 0), 5);
    rn_pipeline_free(p);
    free(text);
}

Test(pipeline, a_profile_may_bring_what_the_environment_lacks)
{
    char *text = changed("{urls: [b]}", "{urls: [\"${env.RUNNEL_TEST_UNSET}\"]}");
    struct rn_str all = {0};
    unsetenv("RUNNEL_TEST_UNSET");
    rn_str_printf(&all, "%sprofiles: {ci: {stages: {data: {files: {val: {urls: [x]}}}}}}\n", text);
    struct rn_pipeline *p = load_with(all.p, "ci", NULL);
    cr_assert(p, "%s", err.msg);
    rn_pipeline_free(p);
    cr_assert_null(load_with(all.p, NULL, NULL));
    cr_assert_eq(err.code, RN_ECONFIG);
    rn_str_release(&all);
    free(text);
}
