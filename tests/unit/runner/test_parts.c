/* The parts of the runner, each on its own. */
#include "fake.h"

#include "file.h"
#include "gate_check.h"
#include "metrics.h"
#include "path.h"
#include "runs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct fake f;

static void setup(void)
{
    fake_init(&f);
    rn_mkdirs(f.runs, NULL);
}
static void teardown(void)
{
    fake_release(&f);
}
TestSuite(parts, .init = setup, .fini = teardown, .timeout = 300);

/* --- keys --- */

static struct rn_keys keys_of(int stage)
{
    struct rn_keys k = {0};
    fake_rekey(&f);
    rn_keys_make(&k, &f.stages[stage], NULL, NULL);
    return k;
}

Test(parts, extend_values_belong_to_the_out_key_alone)
{
    struct rn_keys a = keys_of(BASE);
    f.cfg[BASE].steps = 99;
    struct rn_keys b = keys_of(BASE);
    cr_expect_str_eq(a.progress, b.progress);
    cr_expect_str_neq(a.out, b.out);
    f.cfg[BASE].seed = 99;
    struct rn_keys c = keys_of(BASE);
    cr_expect_str_neq(b.progress, c.progress);
    rn_keys_release(&a);
    rn_keys_release(&b);
    rn_keys_release(&c);
}

Test(parts, names_of_stages_are_in_no_key)
{
    struct rn_keys a = keys_of(BASE);
    f.stages[BASE].name = "pretrain";
    struct rn_keys b = keys_of(BASE);
    cr_expect_str_eq(a.out, b.out);
    rn_keys_release(&a);
    rn_keys_release(&b);
}

static const char *diff(const char *old, const char *now)
{
    static char text[256];
    json_t *a = json_loads(old, 0, NULL), *b = json_loads(now, 0, NULL);
    struct rn_keydiff d;
    rn_keydiff_make(&d, a, b);
    rn_keydiff_tell(&d, NULL, "base", text, sizeof text);
    rn_keydiff_release(&d);
    json_decref(a);
    json_decref(b);
    return text;
}

Test(parts, difference_of_keys_is_told_in_one_line)
{
    cr_expect_str_eq(diff("{\"identity\":{\"model\":{\"depth\":4}}}",
                          "{\"identity\":{\"model\":{\"depth\":6}}}"),
                     "model.depth 4 -> 6");
    cr_expect_str_eq(
        diff("{\"inputs\":{\"in.tokens\":\"a\"}}", "{\"inputs\":{\"in.tokens\":\"b\"}}"),
        "input tokens \"a\" -> \"b\"");
    cr_expect_str_eq(diff("{\"kind\":\"sft\",\"version\":3}", "{\"kind\":\"sft\",\"version\":4}"),
                     "runnel upgraded: sft 3 -> 4");
    cr_expect_str_eq(diff("{\"identity\":{\"a\":1,\"b\":2}}", "{\"identity\":{\"a\":1,\"c\":3}}"),
                     "c unset -> 3 and 1 more");
    cr_expect_str_eq(
        diff("{\"fingerprint\":{\"pin x\":\"ab\"}}", "{\"fingerprint\":{\"pin x\":\"cd\"}}"),
        "pin x \"ab\" -> \"cd\"");
    cr_expect_str_eq(diff("{\"identity\":{\"mixture\":[{\"rows\":1},{\"rows\":2}]}}",
                          "{\"identity\":{\"mixture\":[{\"rows\":1},{\"rows\":3}]}}"),
                     "mixture[1].rows 2 -> 3");
    cr_expect_str_eq(diff("{\"extend\":{\"horizon\":{\"steps\":1}},"
                          "\"fingerprint\":{\"horizon\":{\"steps\":1}}}",
                          "{\"extend\":{\"horizon\":{\"steps\":2}},"
                          "\"fingerprint\":{\"horizon\":{\"steps\":2}}}"),
                     "horizon.steps 1 -> 2", "told once");
    cr_expect_str_eq(diff("{\"identity\":{}}", "{\"identity\":{}}"), "");
}

/* --- gates --- */

Test(parts, gates_fail_what_is_not_a_number)
{
    static const struct {
        enum rn_gate_op op;
        double value, bound;
        bool holds;
    } rows[] = {{RN_GATE_LT, 0.9, 1, true},      {RN_GATE_LT, 1, 1, false},
                {RN_GATE_LE, 1, 1, true},        {RN_GATE_GT, 1, 1, false},
                {RN_GATE_GE, 1, 1, true},        {RN_GATE_LT, NAN, 1, false},
                {RN_GATE_GE, NAN, 1, false},     {RN_GATE_FINITE, 3, 0, true},
                {RN_GATE_FINITE, NAN, 0, false}, {RN_GATE_GT, INFINITY, 1, false}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_gate g = {
            .text = "gate", .metric = "loss", .op = rows[i].op, .bound = rows[i].bound};
        f.stages[BASE].gates = &g;
        f.stages[BASE].n_gates = 1;
        json_t *metrics = json_object(); /* as the metrics file keeps it: null if not finite */
        json_object_set_new(metrics, "loss",
                            isfinite(rows[i].value) ? json_real(rows[i].value) : json_null());
        int rc = rn_gates_check(&f.stages[BASE], metrics, NULL, NULL);
        cr_expect_eq(rc, rows[i].holds ? RN_OK : RN_EGATE, "row %zu", i);
        json_decref(metrics);
    }
}

Test(parts, gate_on_a_metric_that_nobody_measured_is_not_met)
{
    struct rn_gate g = {.text = "core > 0", .metric = "core", .op = RN_GATE_GT};
    struct rn_err err = {0};
    f.stages[BASE].gates = &g;
    f.stages[BASE].n_gates = 1;
    cr_expect_eq(rn_gates_check(&f.stages[BASE], NULL, NULL, &err), RN_EGATE);
    cr_expect(strstr(err.msg, "never measured"), "%s", err.msg);
}

/* --- metrics --- */

static struct rn_metrics filled(int lines)
{
    struct rn_metrics m;
    cr_assert_eq(rn_metrics_open(&m, fake_path(&f, "m.jsonl"), NULL), RN_OK);
    for (int i = 0; i < lines; i++) {
        struct rn_metric_value v[] = {{"loss", 1.0 / (i + 1)}, {"norm", i == 2 ? NAN : (float)i}};
        rn_metrics_add(&m, i, v, 2);
    }
    return m;
}

Test(parts, metrics_cut_to_an_offset_forget_what_came_later)
{
    struct rn_metrics m = filled(3);
    int64_t offset = rn_metrics_offset(&m);
    cr_expect_eq(offset, 3);
    struct rn_metric_value late = {"val_bpb", 1};
    rn_metrics_add(&m, 3, &late, 1);
    cr_expect(json_object_get(m.last, "val_bpb"));
    cr_assert_eq(rn_metrics_cut(&m, offset, NULL), RN_OK);
    cr_expect(!json_object_get(m.last, "val_bpb"));
    cr_expect(json_is_null(json_object_get(m.last, "norm")), "not finite is null");
    cr_expect_eq(m.step, 2);
    rn_metrics_close(&m);
}

Test(parts, metrics_keep_every_bit_of_a_number)
{
    struct rn_metrics m = filled(0);
    struct rn_metric_value v = {"loss", 0.1 + 0.2};
    rn_metrics_add(&m, 0, &v, 1);
    rn_metrics_close(&m);
    json_t *lines = rn_metrics_read(fake_path(&f, "m.jsonl"));
    cr_expect_eq(rn_json_real(json_array_get(lines, 0), "loss", 0), 0.1 + 0.2);
    json_decref(lines);
}

Test(parts, torn_metrics_line_is_cut_on_opening)
{
    struct rn_metrics m = filled(2);
    rn_metrics_close(&m);
    FILE *out = fopen(fake_path(&f, "m.jsonl"), "a");
    fputs("{\"step\":2,\"lo", out);
    fclose(out);
    m = filled(1);
    cr_expect_eq(m.lines, 3);
    rn_metrics_close(&m);
    json_t *lines = rn_metrics_read(fake_path(&f, "m.jsonl"));
    cr_expect_eq(json_array_size(lines), 3);
    json_decref(lines);
}

Test(parts, times_and_rates_are_the_machines)
{
    static const struct rn_metric table[] = {
        {"speed", "tok/s", 1, ""}, {"wait", "ms", -1, ""}, {"loss", "nats", -1, ""}, {NULL}};
    cr_expect(rn_metric_of_machine(table, "speed"));
    cr_expect(rn_metric_of_machine(table, "wait"));
    cr_expect(rn_metric_of_machine(NULL, "tok_per_sec"));
    cr_expect(!rn_metric_of_machine(table, "loss"));
    cr_expect(!rn_metric_of_machine(table, "sft.tiny_world"));
}

/* --- store --- */

static char *write_manifest(const char *text)
{
    rn_mkdirs(fake_path(&f, "x"), NULL);
    cr_assert_eq(rn_file_write(fake_path(&f, "x/manifest.json"), text, strlen(text), NULL), RN_OK);
    return fake_path(&f, "x");
}

Test(parts, hostile_manifests_are_refused)
{
    static const char hex[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    static const char *const files[] = {
        "{\"name\":\"../../etc/passwd\",\"size\":1,\"sha256\":\"%s\"}",
        "{\"name\":\"/etc/passwd\",\"size\":1,\"sha256\":\"%s\"}",
        "{\"name\":\"a/../../b\",\"size\":1,\"sha256\":\"%s\"}",
        "{\"name\":\"a//b\",\"size\":1,\"sha256\":\"%s\"}",
        "{\"name\":\"\",\"size\":1,\"sha256\":\"%s\"}",
        "{\"name\":\"a\",\"size\":-1,\"sha256\":\"%s\"}",
        "{\"name\":\"a\",\"size\":1,\"sha256\":\"%.10s\"}",
        "{\"size\":1,\"sha256\":\"%s\"}",
        "7",
        "null"};
    for (size_t i = 0; i < RN_COUNT(files); i++) {
        char file[256];
        snprintf(file, sizeof file, files[i], hex);
        char *text = rn_xprintf("{\"key\":\"%s\",\"outputs\":{\"o\":{\"kind\":\"files\","
                                "\"digest\":\"%s\",\"files\":[%s]}}}",
                                hex, hex, file);
        struct rn_stored *entry = NULL;
        int rc = rn_store_load_dir(&entry, write_manifest(text), RN_VERIFY_SIZE, NULL);
        cr_expect_eq(rc, RN_ECORRUPT, "%s", text);
        cr_expect_null(entry);
        free(text);
    }
    static const char *const whole[] = {"", "[]", "{}", "nul", "{\"outputs\":[1,2]}"};
    for (size_t i = 0; i < RN_COUNT(whole); i++) {
        struct rn_stored *entry = NULL;
        cr_expect_eq(rn_store_load_dir(&entry, write_manifest(whole[i]), RN_VERIFY_SIZE, NULL),
                     RN_ECORRUPT);
    }
}

Test(parts, fetched_files_keep_the_order_of_their_numbers)
{
    f.cfg[DATA].files = 12;
    fake_rekey(&f);
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    struct rn_plan plan;
    fake_plan(&f, &plan);
    const struct rn_artifact *a = rn_stored_output(plan.nodes[DATA].entry, "text");
    cr_assert_eq(a->n_files, 12);
    cr_expect_str_eq(a->files[2].name, "part_2.txt");
    cr_expect_str_eq(a->files[11].name, "part_11.txt");
    rn_plan_release(&plan);
}

static int make_links(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    (void)cfg;
    char *dir = rn_join(job->out_dir, "text"), *path = rn_join(dir, "link");
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK && symlink("/etc/hostname", path) != 0)
        rc = RN_EIO;
    free(path);
    free(dir);
    return rc;
}
static int make_nothing(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    (void)job;
    (void)cfg;
    (void)err;
    return RN_OK;
}
static int put(const struct rn_job *job, const char *output, struct rn_err *err)
{
    char *dir = rn_join(job->out_dir, output), *path = rn_join(dir, "file");
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = rn_file_write(path, "x", 1, err);
    free(path);
    free(dir);
    return rc;
}
static int make_more(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    (void)cfg;
    RN_TRY(put(job, "text", err));
    return put(job, "undeclared", err);
}

Test(parts, stages_that_break_their_word_publish_nothing)
{
    int (*const runs[])(struct rn_job *, const void *, struct rn_err *) = {make_links, make_nothing,
                                                                           make_more};
    struct rn_stage liar = *f.stages[DATA].stage;
    f.stages[DATA].stage = &liar;
    for (size_t i = 0; i < RN_COUNT(runs); i++) {
        liar.run = runs[i];
        cr_expect_eq(fake_run(&f), RN_ESTAGE, "stage %zu", i);
        cr_expect(!rn_exists(fake_path(&f, "fake-1/stages/data")));
    }
}

/* --- runs, texts --- */

Test(parts, run_is_found_by_tag_and_by_folder)
{
    char *dir;
    struct rn_err err = {0};
    cr_assert_eq(fake_run(&f), RN_OK);
    cr_expect_eq(rn_runs_find(f.runs, "fake-1", &dir, NULL), RN_OK);
    free(dir);
    cr_expect_eq(rn_runs_find(f.runs, fake_path(&f, "fake-1/"), &dir, NULL), RN_OK);
    free(dir);
    cr_expect_eq(rn_runs_find(f.runs, "fake-2", &dir, &err), RN_EUSAGE);
    cr_expect_str_eq(err.hint, "did you mean 'fake-1'?");
}

Test(parts, control_bytes_do_not_reach_a_terminal)
{
    char text[] = "a\x1b[2Jb\rc\x7f d\xc2\x9b"
                  "e \xff caf\xc3\xa9\t.";
    rn_ui_clean(text);
    cr_expect_str_eq(text, "a?[2Jb?c? d??e ? caf\xc3\xa9\t.");
}
