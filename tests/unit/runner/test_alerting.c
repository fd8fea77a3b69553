/* `alerts:` and `monitor:` around a run: who hears of what, and that nothing of it can fail one. */
#include "fake.h"

#include "alerts.h"
#include "file.h"
#include "journal.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static struct fake f;

static void setup(void)
{
    fake_init(&f);
    f.p.alerts = true;
    f.p.dir = f.root;
    f.p.alerts_file = "alerts.jsonl";
}
static void teardown(void)
{
    fake_release(&f);
}
TestSuite(alerting, .init = setup, .fini = teardown, .timeout = 300);

/* "name stage" of each line of the file, in order. */
static char *filed(void)
{
    struct rn_str s = {0};
    char *text = NULL, *path = rn_join(f.root, "alerts.jsonl");
    size_t n = 0;
    rn_str_puts(&s, "");
    rn_file_read(path, 1 << 20, &text, &n, NULL);
    for (char *line = text, *end; line && (end = strchr(line, '\n')); line = end + 1) {
        json_t *doc = NULL;
        cr_assert_eq(rn_json_parse(line, (size_t)(end - line), RN_NOWHERE, &doc, NULL), RN_OK);
        rn_str_printf(&s, "%s %s\n", rn_json_str(doc, "alert", ""), rn_json_str(doc, "stage", ""));
        json_decref(doc);
    }
    char *kept = rn_arena_dup(&f.scratch, s.p);
    rn_str_release(&s);
    free(text);
    free(path);
    return kept;
}

static const json_t *journalled(const char *stage)
{
    static json_t *records;
    json_decref(records);
    records = rn_journal_read(fake_path(&f, "fake-1/journal.jsonl"));
    return rn_journal_last(records, stage, "alert");
}

Test(alerting, a_run_that_goes_well_tells_nothing)
{
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_str_eq(filed(), "");
    cr_expect_null(journalled("base"));
}

Test(alerting, a_stage_that_fails_is_told_in_file_journal_and_log)
{
    f.cfg[BASE].trouble = FAKE_FAILS;
    cr_assert_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_str_eq(filed(), "failed base\n");
    const json_t *record = journalled("base");
    cr_assert(record);
    cr_expect_str_eq(rn_json_str(record, "alert", ""), "failed");
    cr_expect_str_eq(rn_json_str(record, "level", ""), "critical");
    cr_expect_gt(rn_json_int(record, "step", 0), 0);
    char *text = NULL;
    rn_file_read(fake_path(&f, "fake-1/log/base.log"), 1 << 20, &text, NULL, NULL);
    cr_assert(text);
    cr_expect(strstr(text, " warning alert failed: "), "%s", text);
    free(text);
}

Test(alerting, without_the_key_nobody_is_told)
{
    f.p.alerts = false;
    f.p.alerts_file = NULL;
    f.cfg[BASE].trouble = FAKE_FAILS;
    cr_assert_eq(fake_run(&f), RN_ESTAGE);
    cr_expect_null(journalled("base"));
}

Test(alerting, a_number_that_is_none_is_told_and_the_run_goes_on)
{
    f.cfg[BASE].trouble = FAKE_ODD;
    *fake_patience = 1;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_str_eq(filed(), "not-finite base\n");
}

Test(alerting, what_a_watch_stops_is_told_as_such)
{
    f.cfg[BASE].trouble = FAKE_NAN;
    f.cfg[BASE].every = 5;
    *fake_patience = 1;
    f.stages[BASE].watch = (struct rn_watch){.max = 3, .grace_s = 0.1, .nan = true};
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_str_eq(filed(), "not-finite base\nwatch base\n");
}

Test(alerting, a_gate_that_is_not_met_is_told)
{
    f.gate.bound = -1;
    f.gate.op = RN_GATE_LT;
    f.gate.metric = "loss";
    f.stages[BASE].gates = &f.gate;
    f.stages[BASE].n_gates = 1;
    cr_assert_eq(fake_run(&f), RN_EGATE, "%s", f.err.msg);
    cr_expect_str_eq(filed(), "failed base\n");
}

Test(alerting, a_file_that_cannot_be_written_fails_no_run)
{
    f.p.alerts_file = "/nowhere/at/all";
    f.cfg[BASE].trouble = FAKE_ODD;
    *fake_patience = 1;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect(journalled("base"), "and the others are told");
}

Test(alerting, a_webhook_that_nobody_answers_fails_no_run)
{
    f.p.alerts_webhook = "http://127.0.0.1:1/none";
    f.cfg[BASE].trouble = FAKE_ODD;
    *fake_patience = 1;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_str_eq(filed(), "not-finite base\n");
}

/* --- monitor --- */

static void install(const char *script)
{
    setenv("FAKE_NVML", script, 1);
    cr_assert(dlopen(RUNNEL_BUILD_DIR "/fake-nvml/libnvidia-ml.so.1", RTLD_NOW), "%s", dlerror());
}

/* The one file below monitor/; NULL without one. */
static char *sampled(void)
{
    char *dir = fake_path(&f, "fake-1/monitor"), *text = NULL;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && !text && (e = readdir(d));)
        if (rn_starts_with(e->d_name, "gpu_metrics_")) {
            char *path = rn_join(dir, e->d_name);
            rn_file_read(path, 1 << 24, &text, NULL, NULL);
            free(path);
        }
    if (d)
        closedir(d);
    return text;
}

Test(alerting, cards_are_sampled_while_stages_run_with_stage_and_step)
{
    install("cards=2");
    f.p.monitor_hz = 100;
    f.cfg[SFT].trouble = FAKE_CRAWLS;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    char *text = sampled();
    cr_assert(text, "no samples");
    cr_expect(strstr(text, ",gpu1_throttle_hex,stage,step\n"), "%s", text);
    cr_expect(strstr(text, ",0x0,sft,"), "%s", text);
    cr_expect(rn_ends_with(text, "\n"));
    free(text);
}

Test(alerting, without_a_driver_the_run_goes_on)
{
    f.p.monitor_hz = 100;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_null(sampled());
}

Test(alerting, a_gpu_that_fell_off_the_bus_is_told)
{
    install("cards=2 lost=1@1");
    f.p.monitor_hz = 100;
    f.cfg[SFT].trouble = FAKE_CRAWLS; /* begins when the card has long been sampled */
    f.cfg[BASE].trouble = FAKE_CRAWLS;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect(strstr(filed(), "gpu-lost sft\n"), "%s", filed());
}

Test(alerting, a_run_without_work_samples_nothing)
{
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    install("");
    f.p.monitor_hz = 100;
    cr_assert_eq(fake_run(&f), RN_OK, "%s", f.err.msg);
    cr_expect_null(sampled());
}
