/* What cards and processors say of themselves, from the driver's library to the rows of a file.
 * tests/fake/nvml.c plays the driver. */
#include "../scratch.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "samples.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rn_err err;
static struct rn_nvml *nvml;
static double values[RN_GPU_VALUES];

static void setup(void)
{
    scratch_up();
}
static void teardown(void)
{
    rn_nvml_close(nvml);
    scratch_down();
}
TestSuite(gpu, .init = setup, .fini = teardown, .timeout = 300);

/* A library that is loaded already is found by its name: as if it lay where the driver puts it. */
static void install(const char *driver, const char *script)
{
    char *path = rn_xprintf(RUNNEL_BUILD_DIR "/fake-%s/libnvidia-ml.so.1", driver);
    setenv("FAKE_NVML", script, 1);
    cr_assert(dlopen(path, RTLD_NOW), "%s", dlerror());
    free(path);
}

static void open_cards(const char *script)
{
    install("nvml", script);
    cr_assert_eq(rn_nvml_open(&nvml, &err), RN_OK, "%s", err.msg);
}

static double look(size_t card, enum rn_gpu_value v)
{
    rn_nvml_read(nvml, card, values);
    return values[v];
}

static char *written(const char *name)
{
    char *text = NULL, *path = rn_join(dir, name);
    rn_file_read(path, 1 << 20, &text, NULL, NULL);
    free(path);
    cr_assert(text, "%s is not there", name);
    return text;
}

static void write_text(const char *name, const char *text)
{
    char *path = rn_join(dir, name), *folder = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(folder, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    free(folder);
    free(path);
}

/* --- the driver --- */

Test(gpu, without_a_driver_one_line_says_what_is_missing)
{
    cr_expect_eq(rn_nvml_open(&nvml, &err), RN_EDEVICE);
    cr_expect_eq(rn_code_exit(err.code), 11);
    cr_expect_str_eq(err.msg, "libnvidia-ml.so.1 is missing: it comes with the NVIDIA driver");
}

Test(gpu, a_driver_that_is_not_loaded_is_told_in_its_own_words)
{
    install("nvml", "init=9");
    cr_expect_eq(rn_nvml_open(&nvml, &err), RN_EDEVICE);
    cr_expect_str_eq(err.msg, "the NVIDIA driver cannot be asked: Driver Not Loaded");
}

Test(gpu, no_card_is_an_error)
{
    install("nvml", "cards=0");
    cr_expect_eq(rn_nvml_open(&nvml, &err), RN_EDEVICE);
    cr_expect_str_eq(err.msg, "the NVIDIA driver shows no card");
}

Test(gpu, a_card_that_is_not_ours_to_see_is_passed_over)
{
    open_cards("cards=3 hidden=1");
    cr_assert_eq(rn_nvml_count(nvml), 2);
    cr_expect_eq(rn_nvml_card(nvml, 1)->index, 2, "it keeps the driver's number");
}

Test(gpu, more_cards_than_the_library_has_are_not_believed)
{
    open_cards("cards=4000000000");
    cr_expect_eq(rn_nvml_count(nvml), 8);
}

Test(gpu, names_are_fit_for_tables_and_terminals)
{
    open_cards("");
    cr_expect_str_eq(rn_nvml_card(nvml, 0)->name, "Fake_ 80 _[1mGB");
    cr_expect_str_eq(rn_nvml_card(nvml, 0)->uuid, "GPU-00000000");
}

Test(gpu, a_card_that_says_everything_fills_every_value)
{
    open_cards("");
    rn_nvml_read(nvml, 0, values);
    static const double expected[RN_GPU_VALUES] = {
        [RN_GPU_POWER] = 100,         [RN_GPU_TEMPERATURE] = 51,
        [RN_GPU_POWER_INSTANT] = 100, [RN_GPU_POWER_AVERAGE] = 99,
        [RN_GPU_ENERGY] = 10010,      [RN_GPU_MEMORY_TEMPERATURE] = 70,
        [RN_GPU_SM_CLOCK] = 1980,     [RN_GPU_MEMORY_CLOCK] = 2619,
        [RN_GPU_UTILISATION] = 97,    [RN_GPU_MEMORY_USED] = 20480,
        [RN_GPU_THROTTLE] = 0};
    for (int v = 0; v < RN_GPU_VALUES; v++)
        cr_expect_eq(values[v], expected[v], "%s: %g", rn_gpu_columns[v].doc, values[v]);
    cr_expect_eq(rn_nvml_card(nvml, 0)->slowdown_c, 90);
}

Test(gpu, what_a_card_lacks_is_no_number)
{
    open_cards("no=memtemp no=clock no=threshold");
    cr_expect(isnan(look(0, RN_GPU_MEMORY_TEMPERATURE)));
    cr_expect(isnan(values[RN_GPU_SM_CLOCK]));
    cr_expect(isnan(rn_nvml_card(nvml, 0)->slowdown_c));
    cr_expect_eq(values[RN_GPU_POWER], 100, "the others are there");
}

Test(gpu, without_instant_power_the_drivers_average_stands_in)
{
    open_cards("no=instant");
    cr_expect_eq(look(0, RN_GPU_POWER), 100);
    cr_expect(isnan(values[RN_GPU_POWER_INSTANT]), "but it is not called instant");
}

Test(gpu, without_the_energy_field_the_older_call_is_asked)
{
    open_cards("no=energy");
    cr_expect_eq(look(0, RN_GPU_ENERGY), 10010);
}

Test(gpu, an_old_driver_gives_what_it_has)
{
    install("nvml-old", "");
    cr_assert_eq(rn_nvml_open(&nvml, &err), RN_OK);
    cr_expect_eq(look(0, RN_GPU_POWER), 100);
    cr_expect_eq(values[RN_GPU_THROTTLE], 0, "under its name of then");
    cr_expect(isnan(values[RN_GPU_ENERGY]));
}

Test(gpu, an_error_that_begins_midway_leaves_out_its_value_alone)
{
    open_cards("fail=temp@3");
    cr_expect_eq(look(0, RN_GPU_TEMPERATURE), 51);
    cr_expect_eq(look(0, RN_GPU_TEMPERATURE), 52);
    cr_expect(isnan(look(0, RN_GPU_TEMPERATURE)));
    cr_expect_eq(values[RN_GPU_POWER], 100);
}

Test(gpu, a_lost_card_says_nothing_more_and_the_others_go_on)
{
    open_cards("cards=2 lost=1@2");
    cr_expect_eq(look(1, RN_GPU_POWER), 200);
    look(1, RN_GPU_POWER);
    look(1, RN_GPU_POWER);
    for (int v = 0; v < RN_GPU_VALUES; v++)
        cr_expect(isnan(values[v]));
    cr_expect(rn_nvml_card(nvml, 1)->lost);
    cr_expect_eq(look(0, RN_GPU_POWER), 100);
}

/* --- energy --- */

static double metered(const double (*moments)[3], size_t n)
{
    struct rn_meter m = {0};
    for (size_t i = 0; i < n; i++)
        rn_meter_add(&m, moments[i][0], moments[i][1], moments[i][2]);
    return rn_meter_joules(&m);
}
#define METERED(...)                                                                               \
    metered((const double[][3]){__VA_ARGS__}, sizeof(double[][3]){__VA_ARGS__} / sizeof(double[3]))

Test(gpu, a_counters_difference_is_exact_however_power_jumped_meanwhile)
{
    cr_expect_eq(METERED({0, 100, 5000}, {10, 900, 6234}), 1234);
}

Test(gpu, without_a_counter_power_is_integrated)
{
    cr_expect_eq(METERED({0, 100, NAN}, {10, 200, NAN}, {20, 200, NAN}), 1500 + 2000);
}

Test(gpu, where_the_counter_began_again_power_fills_the_gap)
{
    cr_expect_eq(METERED({0, 100, 5000}, {1, 100, 5100}, {2, 100, 30}, {3, 100, 130}), 300);
}

Test(gpu, a_counter_that_is_silent_for_a_while_has_counted_on)
{
    cr_expect_eq(METERED({0, 100, 0}, {1, 100, NAN}, {2, 100, NAN}, {3, 100, 777}), 777);
    cr_expect_eq(METERED({0, 100, 0}, {1, 100, 10}, {3, 100, NAN}), 10 + 200, "so far by power");
}

Test(gpu, a_moment_is_too_short_for_a_counter)
{
    cr_expect_float_eq(METERED({0, 100, 0}, {0.1, 100, 0}), 10, 1e-9);
}

Test(gpu, nothing_known_is_no_number_and_not_zero)
{
    cr_expect(isnan(METERED({0, NAN, NAN}, {1, NAN, NAN})));
}

Test(gpu, the_time_after_a_card_was_lost_is_not_in_its_mean)
{
    struct rn_meter m = {0};
    rn_meter_add(&m, 0, 100, NAN);
    rn_meter_add(&m, 10, 100, NAN);
    rn_meter_add(&m, 1000, NAN, NAN);
    cr_expect_eq(rn_meter_watts(&m), 100);
}

/* --- processors --- */

Test(gpu, processor_packages_are_added_and_their_counters_wrap)
{
    struct rn_rapl r;
    write_text("intel-rapl:0/energy_uj", "9000000\n");
    write_text("intel-rapl:0/max_energy_range_uj", "10000000\n");
    write_text("intel-rapl:0:0/energy_uj", "1\n");
    write_text("intel-rapl:1/energy_uj", "100\n");
    rn_rapl_open(&r, dir);
    cr_assert_eq(r.n, 2, "parts of packages are not counted twice");
    cr_expect_eq(rn_rapl_read(&r), 0);
    char *path = rn_join(dir, "intel-rapl:0/energy_uj");
    FILE *f = fopen(path, "w"); /* in place, as a file of the kernel's changes */
    fputs("500000\n", f);
    fclose(f);
    cr_expect_eq(rn_rapl_read(&r), 1.5);
    rn_rapl_close(&r);
    free(path);
}

Test(gpu, processors_that_do_not_count_are_told_with_the_reason)
{
    struct rn_rapl r;
    rn_rapl_open(&r, dir);
    cr_expect_eq(r.n, 0);
    cr_expect(strstr(r.why, "intel-rapl:0 is not there"), "%s", r.why);
    cr_expect(isnan(rn_rapl_read(&r)));
    write_text("intel-rapl:0/energy_uj", "soon\n");
    rn_rapl_open(&r, dir);
    cr_expect_eq(r.n, 0, "a counter that is no number is none");
}

/* --- samples --- */

static struct rn_sampler sampler;

static void sample(int n, double every_s)
{
    for (int i = 0; i < n; i++)
        rn_sampler_take(&sampler, 100 + i * every_s, 1763745731.25 + i * every_s);
}

static const json_t *sum_of(json_t *rows, const char *device)
{
    size_t i = 0;
    while (strcmp(rn_json_str(json_array_get(rows, i), "device", device), device) != 0)
        i++;
    cr_assert(i < json_array_size(rows), "no row for %s", device);
    return json_array_get(rows, i);
}

Test(gpu, sums_tell_what_each_card_used)
{
    install("nvml", "cards=2 throttle=3-4");
    cr_assert_eq(rn_sampler_open(&sampler, NULL, &err), RN_OK);
    sample(11, 1);
    json_t *rows = rn_sampler_sums(&sampler);
    const json_t *row = sum_of(rows, "gpu1");
    cr_expect_eq(rn_json_real(row, "energy_wh", 0), 100.0 / 3600);
    cr_expect_eq(rn_json_real(row, "mean_w", 0), 10);
    cr_expect_eq(rn_json_real(row, "max_w", 0), 210);
    cr_expect_eq(rn_json_real(row, "max_c", 0), 61);
    cr_expect_eq(rn_json_real(row, "hard_throttled_s", 0), 2);
    cr_expect_eq(rn_sampler_hz(&sampler), 1);
    json_decref(rows);
    rn_sampler_release(&sampler);
}

Test(gpu, cards_are_chosen_by_the_drivers_numbers)
{
    static const char *const wrong[] = {"", "3", "0,", ",0", "0,0,0,0", "-1", "a", "0x0"};
    install("nvml", "cards=3");
    cr_assert_eq(rn_sampler_open(&sampler, "2,0", &err), RN_OK);
    cr_assert_eq(sampler.n, 2);
    cr_expect_eq(sampler.cards[0].card->index, 2);
    rn_sampler_release(&sampler);
    for (size_t i = 0; i < RN_COUNT(wrong); i++) {
        struct rn_err e = {0};
        cr_expect_eq(rn_sampler_open(&sampler, wrong[i], &e), RN_EUSAGE, "'%s'", wrong[i]);
    }
}

static double ticks_s;
static double ticks_now(void *ctx)
{
    (void)ctx;
    return ticks_s;
}
static void ticks_pause(void *ctx)
{
    (void)ctx;
    ticks_s += 0.004;
}

Test(gpu, how_often_power_is_new_is_measured)
{
    static const struct rn_ticker ticker = {ticks_now, ticks_pause, NULL};
    install("nvml", "");
    cr_assert_eq(rn_sampler_open(&sampler, NULL, &err), RN_OK);
    rn_sampler_measure(&sampler, &ticker);
    cr_expect_float_eq(sampler.update_hz, 50, 1e-6, "every 5 polls of 4 ms, not 250: %g",
                       sampler.update_hz);
    rn_sampler_release(&sampler);
}

Test(gpu, power_that_does_not_change_has_no_rate)
{
    static const struct rn_ticker ticker = {ticks_now, ticks_pause, NULL};
    install("nvml", "flat=1");
    cr_assert_eq(rn_sampler_open(&sampler, NULL, &err), RN_OK);
    rn_sampler_measure(&sampler, &ticker);
    cr_expect(isnan(sampler.update_hz));
    cr_expect_lt(ticks_s, 1.1, "and it is not waited for");
    rn_sampler_release(&sampler);
}

Test(gpu, moments_that_were_missed_are_not_made_up_for)
{
    struct rn_pace p = rn_pace_from(50, 10);
    cr_expect_eq(p.due_s, 50);
    rn_pace_step(&p, 50.01);
    cr_expect_float_eq(p.due_s, 50.1, 1e-9);
    rn_pace_step(&p, 50.73);
    cr_expect_float_eq(p.due_s, 50.8, 1e-9);
}

/* --- the file --- */

static struct rn_samples file;

static void write_samples(const char *script, enum rn_samples_form form, bool tagged, int n)
{
    install("nvml", script);
    char *path = rn_join(dir, "s.csv");
    cr_assert_eq(rn_sampler_open(&sampler, NULL, &err), RN_OK);
    cr_assert_eq(rn_samples_open(&file, path, form, &sampler, tagged, &err), RN_OK);
    for (int i = 0; i < n; i++) {
        rn_sampler_take(&sampler, 100 + i * 0.25, 1763745731.25 + i * 0.25);
        rn_samples_add(&file, &sampler, (struct rn_tag){i ? "base" : NULL, i > 1 ? i : -1});
    }
    free(path);
}

static void close_samples(void)
{
    rn_samples_close(&file);
    rn_sampler_release(&sampler);
}

Test(gpu, a_wide_row_is_a_sample)
{
    write_samples("no=memtemp no=average", RN_WIDE, false, 2);
    close_samples();
    char *text = written("s.csv");
    cr_expect_str_eq(text,
                     "timestamp,elapsed_sec,gpu0_power_w,gpu0_temp_c,gpu0_power_avg_w,"
                     "gpu0_energy_j,gpu0_mem_temp_c,gpu0_sm_mhz,gpu0_mem_mhz,gpu0_util_pct,"
                     "gpu0_mem_used_mib,gpu0_throttle_hex\n"
                     "2025-11-21T17:22:11.250Z,0.000,100,51,,10010,,1980,2619,97,20480,0x0\n"
                     "2025-11-21T17:22:11.500Z,0.250,100,52,,10020,,1980,2619,97,20480,0x0\n");
    free(text);
}

Test(gpu, a_long_row_is_a_card_with_stage_and_step)
{
    write_samples("cards=2 throttle=3-3", RN_LONG, true, 3);
    close_samples();
    char *text = written("s.csv");
    const char *last = strstr(text, "1763745731750000000,0.500,1,");
    cr_expect(rn_starts_with(text, "t_unix_ns,t_rel_s,gpu,uuid,temp_c,power_inst_w,power_avg_w,"
                                   "energy_j,mem_temp_c,sm_mhz,mem_mhz,util_pct,mem_used_mib,"
                                   "throttle_hex,stage,step\n"
                                   "1763745731250000000,0.000,0,GPU-00000000,51,100,99,10010,70,"
                                   "1980,2619,97,20480,0x0,,\n"),
              "%s", text);
    cr_assert(last, "%s", text);
    cr_expect_str_eq(last, "1763745731750000000,0.500,1,GPU-00000001,53,200,199,10030,70,1980,2619,"
                           "97,20480,0x40,base,2\n");
    free(text);
}

Test(gpu, a_file_that_is_there_is_not_written_over)
{
    write_text("s.csv", "mine");
    install("nvml", "");
    char *path = rn_join(dir, "s.csv");
    cr_assert_eq(rn_sampler_open(&sampler, NULL, &err), RN_OK);
    cr_expect_eq(rn_samples_open(&file, path, RN_WIDE, &sampler, false, &err), RN_EIO);
    char *text = written("s.csv");
    cr_expect_str_eq(text, "mine");
    rn_sampler_release(&sampler);
    free(path);
    free(text);
}

/* Takes half of what it is given, and no more. */
static ssize_t write_half(int fd, const void *bytes, size_t n)
{
    static int calls;
    if (calls++ % 2 == 0)
        return write(fd, bytes, n / 2);
    errno = ENOSPC;
    return -1;
}

Test(gpu, a_full_disk_loses_rows_and_tears_none)
{
    write_samples("", RN_WIDE, false, 2);
    rn_samples_flush(&file);
    rn_io.write = write_half;
    rn_sampler_take(&sampler, 101, 1763745732);
    rn_samples_add(&file, &sampler, (struct rn_tag){0});
    rn_samples_flush(&file);
    rn_io.write = write;
    cr_expect_eq(file.lost, 1);
    cr_expect_eq(file.why, ENOSPC);
    rn_sampler_take(&sampler, 102, 1763745733);
    rn_samples_add(&file, &sampler, (struct rn_tag){0});
    close_samples();
    char *text = written("s.csv");
    int lines = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        lines++;
    cr_expect_eq(lines, 1 + 2 + 1);
    cr_expect(strstr(text, "\n2025-11-21T17:22:13.000Z,2.000,100,"), "%s", text);
    free(text);
}
