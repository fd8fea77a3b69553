/* What other programs and people see of a run's numbers. */
#include "chart.h"
#include "curves.h"
#include "exports.h"
#include "file.h"
#include "foreign_log.h"
#include "html.h"
#include "import_log.h"
#include "journal.h"
#include "mem.h"
#include "page.h"
#include "panels.h"
#include "protobuf.h"
#include "tfevents.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];

static void up(void)
{
    snprintf(dir, sizeof dir, "/tmp/runnel-report-XXXXXX");
    cr_assert(mkdtemp(dir));
}

static void down(void)
{
    rn_remove_tree(dir, NULL);
}

TestSuite(report, .init = up, .fini = down, .timeout = 300);

static void put(const char *name, const char *text)
{
    char *path = rn_join(dir, name), *folder = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(folder);
    free(path);
}

/* --- curves --- */

Test(report, lines_of_one_step_are_one_row_and_the_last_value_wins)
{
    struct rn_curves c;
    put("metrics/base.jsonl", "{\"step\":0,\"time\":1,\"val_bpb\":2.5}\n"
                              "{\"step\":0,\"time\":2,\"loss\":9}\n"
                              "{\"step\":1,\"time\":3,\"loss\":null}\n"
                              "{\"step\":1,\"time\":4,\"loss\":7}\n"
                              "{\"step\":2,\"time\":5,\"sample/0\":\"a b\"}\n");
    cr_assert_eq(rn_curves_read(&c, dir, "base", NULL), RN_OK);
    cr_assert_eq(c.n, 3);
    const struct rn_curve *loss = rn_curves_find(&c, "loss"), *bpb = rn_curves_find(&c, "val_bpb");
    cr_assert(loss->known[0] && loss->values[0] == 9 && loss->values[1] == 7 && !loss->known[2]);
    cr_assert(bpb->known[0] && !bpb->known[1]);
    cr_assert(rn_curves_last(&c, "val_bpb") == 2.5);
    cr_assert(isnan(rn_curves_last(&c, "mfu")));
    cr_assert_eq(c.n_said, 1);
    cr_assert_str_eq(c.said[0].text, "a b");
    rn_curves_release(&c);
}

/* A curve that goes back would be drawn as a zig-zag. */
Test(report, steps_said_again_replace_what_they_said_before)
{
    struct rn_curves c;
    put("metrics/base.jsonl",
        "{\"step\":0,\"time\":1,\"loss\":9}\n{\"step\":1,\"time\":2,\"loss\":8}\n"
        "{\"step\":2,\"time\":3,\"loss\":7,\"core\":1}\n"
        "{\"step\":1,\"time\":4,\"loss\":8.5}\n{\"step\":2,\"time\":5,\"loss\":7.5}\n");
    cr_assert_eq(rn_curves_read(&c, dir, "base", NULL), RN_OK);
    cr_assert_eq(c.n, 3);
    for (size_t i = 0; i < c.n; i++)
        cr_assert_eq(c.steps[i], (int64_t)i);
    cr_assert(rn_curves_last(&c, "loss") == 7.5);
    cr_assert(isnan(rn_curves_last(&c, "core")), "of a row that is no more");
    rn_curves_release(&c);
}

Test(report, torn_and_strange_lines_are_passed_over)
{
    struct rn_curves c;
    put("metrics/base.jsonl", "{\"step\":0,\"time\":1,\"loss\":9}\nnonsense\n[1]\n{\"time\":3}\n"
                              "{\"step\":1,\"time\":2,\"loss\":8}\n{\"step\":2,\"time\":3,\"lo");
    cr_assert_eq(rn_curves_read(&c, dir, "base", NULL), RN_OK);
    cr_assert_eq(c.n, 2);
    rn_curves_release(&c);
    cr_assert_eq(rn_curves_read(&c, dir, "absent", NULL), RN_OK);
    cr_assert_eq(c.n, 0);
    rn_curves_release(&c);
}

/* --- event files --- */

Test(report, crc32c_is_castagnolis)
{
    cr_assert_eq(rn_crc32c("123456789", 9), 0xE3069283u); /* the check value of the catalogue */
    cr_assert_eq(rn_crc32c("", 0), 0);
    char zeroes[32] = {0};
    cr_assert_eq(rn_crc32c(zeroes, 32), 0x8A9136AAu); /* RFC 3720, B.4 */
}

Test(report, varints_are_protobufs)
{
    struct rn_str s = {0};
    rn_pb_int(&s, 1, 150); /* the first example of protobuf.dev, "Encoding" */
    rn_pb_text(&s, 2, "testing");
    cr_assert_eq(s.n, 12);
    cr_assert_arr_eq(s.p, "\x08\x96\x01\x12\x07testing", 12);
    rn_str_release(&s);
}

static uint32_t u32_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t masked(const char *p, size_t n)
{
    uint32_t crc = rn_crc32c(p, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

static bool has(const struct rn_str *s, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= s->n; i++)
        if (memcmp(s->p + i, text, n) == 0)
            return true;
    return false;
}

/* Tests with TensorBoard itself: tests/oracle/curves_of_others.py. */
Test(report, records_are_framed_and_summed)
{
    struct rn_str s = {0};
    rn_tfevents_begin(&s, 1763720000.5, 7);
    rn_tfevents_scalars(&s, 1763720001, 7, &(struct rn_metric_value){"loss", 3.25}, 1);
    rn_tfevents_text(&s, 1763720001, 7, "sample/0", "<b>\nx");
    rn_tfevents_histogram(&s, 1763720001, 7, "w", (double[]){0, 1, 5, 1, 2, 6}, 2);
    size_t at = 0, records = 0;
    for (; at < s.n; records++) {
        uint32_t n = u32_at(s.p + at);
        cr_assert(at + n + 16 <= s.n);
        cr_assert_eq(u32_at(s.p + at + 8), masked(s.p + at, 8));
        cr_assert_eq(u32_at(s.p + at + 12 + n), masked(s.p + at + 12, n));
        at += n + 16;
    }
    cr_assert_eq(at, s.n);
    cr_assert_eq(records, 5);
    cr_assert(has(&s, "brain.Event:2"));
    cr_assert(has(&s, "train/loss"));
    cr_assert(has(&s, "    <b>\n    x"), "text is code, so that it is shown as it is");
    rn_str_release(&s);
}

/* --- pages --- */

Test(report, whatever_a_text_holds_stays_text)
{
    struct rn_str s = {0};
    rn_html_text(&s, "<script>alert('a&b')</script>\x1b[31m\xff\xc3\xa9\"");
    cr_assert_str_eq(s.p, "&lt;script&gt;alert(&#39;a&amp;b&#39;)&lt;/script&gt;\xEF\xBF\xBD[31m"
                          "\xEF\xBF\xBD\xc3\xa9&quot;");
    rn_str_clear(&s);
    json_t *doc = json_pack("{s:s}", "x", "</script><!--");
    rn_html_json(&s, doc);
    cr_assert_str_eq(s.p, "{\"x\":\"\\u003c/script>\\u003c!--\"}");
    json_decref(doc);
    rn_str_release(&s);
}

Test(report, thinning_keeps_every_extreme)
{
    enum { N = 100000, MOST = 100 };
    double *y = rn_xalloc(N * sizeof *y);
    size_t keep[MOST];
    for (int i = 0; i < N; i++)
        y[i] = sin(i * 0.001);
    y[77777] = 50;
    y[12345] = -50;
    size_t n = rn_chart_thin(y, N, MOST, keep);
    bool high = false, low = false;
    cr_assert(n <= MOST && n >= MOST / 2);
    for (size_t i = 0; i < n; i++) {
        cr_assert(i == 0 || keep[i] > keep[i - 1]);
        high |= keep[i] == 77777;
        low |= keep[i] == 12345;
    }
    cr_assert(high && low);
    cr_assert_eq(rn_chart_thin(y, 7, MOST, keep), 7);
    free(y);
}

Test(report, ticks_are_round_and_inside)
{
    double first, step;
    rn_chart_ticks(0.13, 9.7, 5, &first, &step);
    cr_assert(first == 2 && step == 2);
    rn_chart_ticks(-3, 3, 5, &first, &step);
    cr_assert(first == -2 && step == 2);
}

static void make_run(int64_t steps)
{
    struct rn_str lines = {0};
    for (int64_t i = 0; i < steps; i++)
        rn_str_printf(&lines,
                      "{\"step\":%lld,\"time\":%lld,\"loss\":%.4f,\"grad_norm\":1.5,\"lrm\":1,"
                      "\"dt_ms\":20,\"tok_per_sec\":1000,\"mfu\":40}\n",
                      (long long)i, 1763720000LL + i, 3 + 1.0 / (double)(i + 1));
    put("metrics/base.jsonl", lines.p);
    put("resolved.yaml", "runnel: 1\nname: \"<i>hostile</i>\"\n");
    rn_str_release(&lines);
    char *path = rn_join(dir, "journal.jsonl");
    struct rn_journal j;
    cr_assert_eq(rn_journal_open(&j, path, NULL), RN_OK);
    rn_journal_add(&j,
                   json_pack("{s:s, s:[s], s:s}", "event", "run", "stages", "base", "pipeline",
                             "</title><script>alert(1)</script>"),
                   NULL);
    rn_journal_add(
        &j, json_pack("{s:s, s:s, s:s}", "event", "started", "stage", "base", "kind", "base-train"),
        NULL);
    rn_journal_add(&j,
                   json_pack("{s:s, s:s, s:s, s:s}", "event", "failed", "stage", "base", "kind",
                             "base-train", "message", "<img src=x onerror=alert(2)>"),
                   NULL);
    for (int i = 0; i < 2; i++)
        rn_journal_add(&j,
                       json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "alert", "stage", "base",
                                 "alert", "ho\"t\n", "level", "critical", "text", "<u>87 C"),
                       NULL);
    rn_journal_close(&j);
    free(path);
}

Test(report, a_page_of_a_hostile_run_has_no_markup_of_its)
{
    struct rn_str s = {0};
    struct rn_err err = {0};
    make_run(50);
    const char *dirs[] = {dir};
    cr_assert_eq(rn_page_write(&s, dirs, 1, &err), RN_OK, "%s", err.msg);
    cr_assert(!strstr(s.p, "<script>alert"));
    cr_assert(!strstr(s.p, "<img"));
    cr_assert(!strstr(s.p, "<i>hostile"));
    cr_assert(strstr(s.p, "&lt;img src=x"));
    cr_assert(strstr(s.p, "<td>critical<td>ho&quot;t\n<td>&lt;u&gt;87 C"), "its alerts");
    cr_assert(strstr(s.p, "id=\"loss\""));
    cr_assert(!strstr(s.p, "http://") || strstr(s.p, "http://www.w3.org/2000/svg"), "no network");
    rn_str_release(&s);
}

/* --- a picture --- */

struct seen { /* of what a chart asks its canvas to draw */
    size_t rules, curves, points, gaps;
    bool inside;
    char ticks[512];
};
static const struct rn_frame plane = {100, 500, 50, 250};

static void see_rule(void *ctx, struct rn_point from, struct rn_point to)
{
    struct seen *seen = ctx;
    seen->rules++;
    seen->inside &=
        from.x >= plane.left && to.x <= plane.right && from.y >= plane.top && to.y <= plane.bottom;
}

static void see_tick(void *ctx, struct rn_point at, enum rn_side side, const char *text)
{
    struct seen *seen = ctx;
    seen->inside &= side == RN_BESIDE ? at.x == plane.left : at.y == plane.bottom;
    strncat(seen->ticks, " ", sizeof seen->ticks - strlen(seen->ticks) - 1);
    strncat(seen->ticks, text, sizeof seen->ticks - strlen(seen->ticks) - 1);
}

static void see_curve(void *ctx, size_t colour, const struct rn_point *points, size_t n)
{
    struct seen *seen = ctx;
    cr_assert_lt(colour, RN_CHART_COLOURS);
    seen->curves++;
    for (size_t i = 0; i < n; i++) {
        bool gap = isnan(points[i].y);
        seen->points++;
        seen->gaps += gap;
        seen->inside &=
            points[i].x >= plane.left - 1e-6 && points[i].x <= plane.right + 1e-6 &&
            (gap || (points[i].y >= plane.top - 1e-6 && points[i].y <= plane.bottom + 1e-6));
    }
}

Test(report, a_chart_stays_inside_its_frame_and_leaves_gaps)
{
    const double x[] = {0, 1, 2, 3, 4}, y[] = {5, NAN, 1, INFINITY, 3},
                 rate[] = {10000, 15000, 20000, 2.5e6, 1e4};
    const struct rn_line lines[] = {{"a", x, y, 5}, {"b", x, y, 0}};
    struct rn_chart c = {.lines = lines, .n = 2};
    struct seen seen = {.inside = true};
    struct rn_canvas canvas = {&seen, see_rule, see_tick, see_curve};
    rn_chart_plot(&c, &plane, &canvas);
    cr_assert(seen.inside);
    cr_assert_eq(seen.curves, 2);
    cr_assert_eq(seen.points, 5);
    cr_assert_eq(seen.gaps, 2);
    cr_assert_str_eq(seen.ticks, " 0 0.5 1 1.5 2 2.5 3 3.5 4 1 2 3 4 5");
    const struct rn_line fast = {"c", x, rate, 5};
    c = (struct rn_chart){.lines = &fast, .n = 1};
    seen = (struct seen){.inside = true};
    rn_chart_plot(&c, &plane, &canvas);
    cr_assert(strstr(seen.ticks, " 500000 1M 1.5M 2M 2.5M"), "%s", seen.ticks);
}

Test(report, a_picture_is_a_whole_png_whatever_the_run_is_called)
{
    struct rn_account a;
    struct rn_err err = {0};
    char *path = rn_join(dir, "run.png"), *bytes;
    size_t n;
    make_run(50);
    cr_assert_eq(rn_account_read(&a, dir, NULL), RN_OK);
    const char *tag = a.state.tag;
    a.state.tag = "\xff\x1b[31m<b>\xE6\x97\xA5";
    int rc = rn_panels_write(&a, path, &err);
    a.state.tag = tag;
    rn_account_release(&a);
    if (rc == RN_EUSAGE && strstr(err.msg, "cairo"))
        cr_skip_test("SKIP: no cairo here, no picture was drawn");
    cr_assert_eq(rc, RN_OK, "%s", err.msg);
    cr_assert_eq(rn_file_read(path, 1 << 24, &bytes, &n, NULL), RN_OK);
    cr_assert(n > 10000 && memcmp(bytes, "\x89PNG", 4) == 0);
    cr_assert_eq(memcmp(bytes + n - 8, "IEND", 4), 0);
    free(bytes);
    free(path);
}

Test(report, a_long_run_makes_a_small_page)
{
    struct rn_str s = {0};
    make_run(200000);
    const char *dirs[] = {dir, dir};
    cr_assert_eq(rn_page_write(&s, dirs, 2, NULL), RN_OK);
    cr_assert_lt(s.n, 2 << 20);
    rn_str_release(&s);
}

/* --- exports --- */

static char *exported(const char *name)
{
    struct rn_numbers n;
    char *text = NULL, *folder = rn_join(dir, "out");
    size_t size;
    FILE *out = open_memstream(&text, &size);
    make_run(3);
    cr_assert_eq(rn_numbers_read(&n, dir, NULL, NULL), RN_OK);
    cr_assert_eq(rn_exporter_find(name)->write(&n, out, folder, NULL), RN_OK);
    fclose(out);
    rn_numbers_release(&n);
    free(folder);
    return text;
}

Test(report, csv_has_nanochats_columns_first)
{
    char *text = exported("csv");
    cr_assert(
        rn_starts_with(text, "step,loss,grad_norm,lrm,dt_ms,tok_per_sec,mfu,total_time_min,"));
    cr_assert(strstr(text, "\n0,4,1.5,1,20,1000,40,,"));
    free(text);
}

/* node_exporter refuses the whole file for one timestamp, and wants a line end at its end. */
Test(report, prometheus_has_no_timestamps_and_each_type_once)
{
    char *text = exported("prometheus");
    size_t n = strlen(text);
    cr_assert_eq(text[n - 1], '\n');
    cr_assert(
        strstr(text, "# TYPE runnel_tokens_per_second gauge\nrunnel_tokens_per_second{run=\""));
    cr_assert(strstr(text, "} 0.4\n"), "a ratio, not per cent");
    cr_expect(strstr(text, "runnel_last_step_timestamp_seconds{run=\""), "what a stall shows in");
    cr_expect(strstr(text, "stage=\"base\",state=\"failed\"} 1\n"), "%s", text);
    cr_expect(strstr(text, "# TYPE runnel_alerts_total counter\nrunnel_alerts_total{run=\""));
    cr_expect(strstr(text, ",alert=\"ho\\\"t\\n\",level=\"critical\"} 2\n"), "%s", text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char *close = strchr(line, '}');
        cr_assert(*line == '#' || (close && !strchr(close + 2, ' ')), "%s", line);
    }
    free(text);
}

Test(report, wandb_blocks_never_hold_a_torn_header)
{
    char *printed = exported("wandb-offline"), *end = strchr(printed, '\n'), *bytes;
    size_t n;
    *end = '\0';
    char *name = rn_xprintf("%s/run-%s.wandb", printed, strstr(printed, "offline-run-") + 28);
    cr_assert_eq(rn_file_read(name, 1 << 20, &bytes, &n, NULL), RN_OK, "%s", name);
    cr_assert_arr_eq(bytes, ":W&B\xe1\xbe\0", 7);
    cr_assert_eq(bytes[13], 1, "one whole chunk");
    free(bytes);
    free(name);
    free(printed);
}

/* --- other programs' logs --- */

static double value(const struct rn_foreign_line *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->values[i].name, name) == 0)
            return l->values[i].value;
    return NAN;
}

Test(report, lines_of_other_programs_are_read)
{
    static const struct {
        const char *line;
        int64_t step, total;
        const char *name;
        double value;
    } cases[] = {
        {"step 00004/71680 (0.01%) | loss: 8.813754 | grad norm: 0.1680 | lrm: 1.00 | "
         "dt: 1571.88ms | tok/sec: 83,385 | mfu: 50.92 | total time: 0.00m",
         4, 71680, "tok_per_sec", 83385},
        {"step 00012/05000 (0.24%) | loss: 7.1 | lrm: 0.30 | dt: 210.50ms | tok/sec: 2,490,000 | "
         "bf16_mfu: 47.50 | epoch: 1 pq: 0 rg: 8 | total time: 0.04m | eta: 9.9m",
         12, 5000, "mfu", 47.5},
        {"Step 00250 | Validation bpb: 0.812345", 250, 0, "val_bpb", 0.812345},
        {"Step 02000 | CORE metric: 0.2004", 2000, 0, "core", 0.2004},
        {"Step 00007/00700 | Training loss: 1.25 | lrm: 0.99 | num_tokens: 12,345", 7, 700, "loss",
         1.25},
        {"step  123/19560 | loss 3.456789 (+0.12z)| norm 0.2345 (-1.20z)| lr 6.00e-04 | "
         "301.25 ms | 47.3% bf16 MFU | 1740123 tok/s",
         123, 19560, "dt_ms", 301.25},
        {"s:250 trl:3.4567 lr:0.000600 norm:0.31", 250, 0, "lr", 0.0006},
        {"s:250 tel:3.5000", 250, 0, "val_loss", 3.5},
        {"val loss 3.284912", -1, 0, "val_loss", 3.284912},
        {"HellaSwag: 2900/10042 = 0.288787", -1, 0, "hellaswag", 0.288787},
        {"250 hella 0.2463", 250, 0, "hellaswag", 0.2463},
        {"step     5 | loss: 9.34 | lr 4.1958e-06 | norm: 7.2 | dt: 0.34s | tok/sec: 1548011.9", 5,
         0, "dt_ms", 340},
    };
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        struct rn_foreign_line l;
        cr_expect_eq(rn_foreign_line_read(&l, cases[i].line), RN_FOREIGN_STEP, "%s", cases[i].line);
        cr_expect(l.step == cases[i].step && l.total == cases[i].total, "%s", cases[i].line);
        cr_expect(fabs(value(&l, cases[i].name) - cases[i].value) < 1e-9, "%s: %g", cases[i].line,
                  value(&l, cases[i].name));
    }
}

Test(report, broken_lines_are_told_from_other_ones)
{
    static const char *const broken[] = {
        "step 00004/71680 (0.01%) | loss: 8.8step 00005/71680 (0.01%) | loss: 8.7 | lrm: 1.00",
        "step 00004/71680 (0.01%) | loss: | grad norm: 0.1",
        "step 00004/71680 (0.01%) | loss: ### | grad norm: 0.1",
        "s:250 trl:",
        "250 val abc",
    };
    static const char *const other[] = {"", "step by step", "Saving checkpoint to /x/step_000250",
                                        "2026-01-01 12:00:00 INFO 250 files", "250 trainers"};
    struct rn_foreign_line l;
    for (size_t i = 0; i < RN_COUNT(broken); i++)
        cr_expect_eq(rn_foreign_line_read(&l, broken[i]), RN_FOREIGN_BROKEN, "%s", broken[i]);
    for (size_t i = 0; i < RN_COUNT(other); i++)
        cr_expect_eq(rn_foreign_line_read(&l, other[i]), RN_FOREIGN_OTHER, "%s", other[i]);
}

static void log_steps(struct rn_str *s, int from, int to, int total)
{
    for (int i = from; i < to; i++)
        rn_str_printf(s,
                      "step %05d/%05d (0.00%%) | loss: %.6f | grad norm: 0.1 | lrm: 1.00 | "
                      "dt: 500.00ms | tok/sec: 1,000 | mfu: 50.00 | total time: 0.00m\n",
                      i, total, 5.0 - 0.01 * i);
}

/* A base training that was killed at 60 and went on from 50, then a mid-training cut short. */
Test(report, a_log_of_several_trainings_becomes_a_run)
{
    struct rn_str log = {0};
    struct rn_import in;
    struct rn_err err = {0};
    log_steps(&log, 0, 60, 100);
    rn_str_puts(&log, "Traceback (most recent call last):\nstep 00060/00100 (60%) | loss: \n");
    log_steps(&log, 50, 100, 100);
    rn_str_puts(&log, "Step 00100 | Validation bpb: 0.9\n");
    log_steps(&log, 0, 30, 40);
    put("speedrun.log", log.p);
    char *path = rn_join(dir, "speedrun.log"), *run = rn_join(dir, "runs/speedrun");
    cr_assert_eq(rn_import_read(&in, (const char *const *)&path, 1, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(in.n, 2);
    cr_assert_eq(in.n_broken, 1);
    cr_assert(in.stages[0].last == 99 && in.stages[0].n_resumed == 1);
    cr_assert(in.stages[1].last == 29 && in.stages[1].total == 40);
    cr_assert_eq(rn_import_write(&in, run, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_import_write(&in, run, &err), RN_EUSAGE, "a run is never overwritten");
    rn_import_release(&in);

    struct rn_curves c;
    cr_assert_eq(rn_curves_read(&c, run, "base", NULL), RN_OK);
    cr_assert_eq(c.n, 101, "each step once, and the validation after the last");
    rn_curves_release(&c);
    struct rn_str page = {0};
    cr_assert_eq(rn_page_write(&page, (const char *const *)&run, 1, &err), RN_OK, "%s", err.msg);
    cr_assert(strstr(page.p, "interrupted"));
    rn_str_release(&page);
    rn_str_release(&log);
    free(run);
    free(path);
}
