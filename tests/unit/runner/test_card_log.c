/* What monitoring left of a run's cards: all of it in a bounded number of rows, and the newest. */
#include "../scratch.h"
#include "card_log.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utime.h>

TestSuite(card_log, .init = scratch_up, .fini = scratch_down, .timeout = 300);

static char *put(const char *name, const char *text)
{
    char *path = rn_xprintf("%s/monitor/gpu_metrics_%s.csv", dir, name), *folder = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(folder);
    return path;
}

static const char heading[] = "timestamp,elapsed_sec,gpu0_power_w,gpu0_temp_c,gpu0_util_pct,"
                              "gpu0_throttle_hex,gpu1_power_w,gpu1_temp_c,stage,step\n";

Test(card_log, a_run_without_monitoring_has_none)
{
    struct rn_card_log log;
    rn_card_log_read(&log, dir);
    cr_assert_eq(log.n, 0);
    rn_card_log_release(&log);
    json_t *cards = rn_card_newest(dir);
    cr_assert_eq(json_array_size(cards), 0);
    json_decref(cards);
}

Test(card_log, power_and_heat_of_every_card_file_after_file)
{
    char *text = rn_xprintf("%s"
                            "t,0.1,100,50,99,0x4,200,,base,1\n"
                            "t,0.2,120,51,99,0x0,,60,base,2\n"
                            "t,broken,1,1,1,1,1,1,base,2\n"
                            "t,0.3,130",
                            heading);
    free(put("20260101_000000", text));
    free(put("20260102_000000", "elapsed_sec,gpu1_power_w,gpu7_\n5,300,\n"));
    struct rn_card_log log;
    rn_card_log_read(&log, dir);
    cr_assert_eq(log.n_columns, 4);
    cr_assert_eq(log.n, 3);
    cr_assert_str_eq(log.columns[0].name, "gpu0_power_w");
    cr_assert(log.columns[0].values[1] == 120 && isnan(log.columns[0].values[2]));
    cr_assert_str_eq(log.columns[2].name, "gpu1_power_w");
    cr_assert(log.columns[2].values[0] == 200 && isnan(log.columns[2].values[1]));
    cr_assert(log.columns[2].values[2] == 300);
    cr_assert(log.time_s[0] == 0.1 && fabs(log.time_s[2] - 5.2) < 1e-9);
    rn_card_log_release(&log);
    free(text);
}

Test(card_log, any_number_of_rows_becomes_means_of_few)
{
    enum { ROWS = 100000 };
    struct rn_str s = {0};
    rn_str_puts(&s, "elapsed_sec,gpu0_power_w\n");
    for (int i = 0; i < ROWS; i++)
        rn_str_printf(&s, "%d,%d\n", i, i % 2 ? 300 : 100);
    free(put("20260101_000000", s.p));
    struct rn_card_log log;
    rn_card_log_read(&log, dir);
    cr_assert(log.n <= RN_CARD_ROWS && log.n > RN_CARD_ROWS / 4, "%zu", log.n);
    for (size_t i = 0; i < log.n; i++) {
        cr_assert(i == 0 || log.time_s[i] > log.time_s[i - 1]);
        cr_assert(log.columns[0].values[i] == 200, "%zu: %g", i, log.columns[0].values[i]);
    }
    rn_card_log_release(&log);
    rn_str_release(&s);
}

Test(card_log, the_newest_sample_is_the_last_whole_line_of_a_file_that_is_written)
{
    char *text = rn_xprintf(
        "%st,1,100,50,97,0x4,200,61,base,1\nt,2,110,51,98,0x0,210,,base,2\nt,3,9", heading);
    char *path = put("20260101_000000", text);
    json_t *cards = rn_card_newest(dir);
    cr_assert_eq(json_array_size(cards), 2);
    cr_assert(rn_json_real(json_array_get(cards, 0), "power_w", 0) == 110);
    cr_assert(rn_json_real(json_array_get(cards, 0), "util_pct", 0) == 98);
    cr_assert(rn_json_real(json_array_get(cards, 1), "power_w", 0) == 210);
    cr_assert(!json_object_get(json_array_get(cards, 1), "temp_c"), "it was not known");
    json_decref(cards);
    cr_assert_eq(utime(path, &(struct utimbuf){1000, 1000}), 0);
    cards = rn_card_newest(dir);
    cr_assert_eq(json_array_size(cards), 0, "what nobody writes any more says nothing of now");
    json_decref(cards);
    free(path);
    free(text);
}
