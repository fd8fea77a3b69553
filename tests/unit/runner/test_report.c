/* What other programs and people see of a run's numbers. */
#include "../scratch.h"
#include "curves.h"
#include "exports.h"
#include "file.h"
#include "html.h"
#include "journal.h"
#include "mem.h"
#include "page.h"
#include "panels.h"
#include "path.h"
#include "protobuf.h"
#include "tfevents.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(report, .init = scratch_up, .fini = scratch_down, .timeout = 300);

/* --- curves --- */

Test(report, lines_of_one_step_are_one_row_and_the_last_value_wins)
{
    struct rn_curves c;
    scratch_text("metrics/base.jsonl", "{\"step\":0,\"time\":1,\"val_bpb\":2.5}\n"
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
    scratch_text("metrics/base.jsonl",
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
    scratch_text("metrics/base.jsonl",
                 "{\"step\":0,\"time\":1,\"loss\":9}\nnonsense\n[1]\n{\"time\":3}\n"
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

static void make_run(int64_t steps)
{
    struct rn_str lines = {0};
    for (int64_t i = 0; i < steps; i++)
        rn_str_printf(&lines,
                      "{\"step\":%lld,\"time\":%lld,\"loss\":%.4f,\"grad_norm\":1.5,\"lrm\":1,"
                      "\"dt_ms\":20,\"tok_per_sec\":1000,\"mfu\":40}\n",
                      (long long)i, 1763720000LL + i, 3 + 1.0 / (double)(i + 1));
    scratch_text("metrics/base.jsonl", lines.p);
    scratch_text("resolved.yaml", "runnel: 1\nname: \"<i>hostile</i>\"\n");
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
