/* runnel monitor - power, heat and load of the GPUs, as a CSV file. */
#include "clock.h"
#include "command.h"
#include "mem.h"
#include "path.h"
#include "samples.h"
#include "signals.h"
#include "str.h"
#include "table.h"
#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const struct rn_opt opts[] = {
    {"hz", 0, "X", "samples a second, 0.1 to 100 (default: 10)"},
    {"gpus", 0, "LIST", "only these cards, by the driver's numbers: 0,2 (default: all)"},
    {"duration", 0, "TIME", "end after so long (default: at Ctrl-C)"},
    {"format", 0, "wide|long", "a row a sample (default), or a row a card"},
    {"out", 'o', "FILE", "where to write, a file or a folder (default: the working directory)"},
    {0}};

static const char details[] =
    "Writes gpu_metrics_YYYYMMDD_HHMMSS.csv until Ctrl-C or --duration, then prints what each card "
    "used. Times are UTC. `wide` has the columns timestamp, elapsed_sec, gpu0_power_w, gpu0_temp_c "
    "and so on for each card; `long` has the card in a column, and its UUID. A value that a card "
    "does not have is an empty column.\n\n"
    "The driver renews power about ten times a second, however often it is asked: how often was "
    "measured at the start and is printed. Energy is the card's own counter where it has one. "
    "Processors are included where /sys/class/powercap may be read.\n\n"
    "`monitor: {hz: 10}` in a pipeline file does the same beside a run.";

static const struct rn_example examples[] = {
    {"monitor", "every card, ten times a second, until Ctrl-C"},
    {"monitor --hz 100 --gpus 0 --duration 30s --out power.csv", "half a minute of one card"},
    {0}};

struct asked {
    double hz, duration_s; /* INFINITY: until somebody ends it */
    enum rn_samples_form form;
    char *path; /* owned */
};

static char *path_asked(const char *out)
{
    struct stat st;
    char *name = rn_samples_name(rn_time_s()), *path;
    if (out && (stat(out, &st) != 0 || !S_ISDIR(st.st_mode)))
        path = rn_xdup(out);
    else
        path = out ? rn_join(out, name) : rn_xdup(name);
    free(name);
    return path;
}

static int read_asked(struct asked *a, const struct rn_cli *cli, struct rn_err *err)
{
    const char *duration = rn_cli_opt(cli, "duration"), *format = rn_cli_opt(cli, "format");
    char why[RN_WHY];
    *a = (struct asked){.duration_s = INFINITY};
    RN_TRY(rn_cli_real(cli, "hz", 10, 0.1, 100, &a->hz, err));
    if (duration && !rn_units_real(duration, RN_U_TIME, &a->duration_s, why))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--duration: %s", why);
    a->form = format && strcmp(format, "long") == 0 ? RN_LONG : RN_WIDE;
    a->path = path_asked(rn_cli_opt(cli, "out"));
    return RN_OK;
}

/* --- at work --- */

static void sample(struct rn_sampler *s, struct rn_samples *f, const struct asked *a)
{
    struct rn_pace pace = rn_pace_from(rn_clock_s(), a->hz);
    double until_s = pace.start_s + a->duration_s;
    while (!rn_signals_stopping() && rn_clock_s() < until_s) {
        rn_sampler_take(s, rn_clock_s(), rn_time_s());
        rn_samples_add(f, s, (struct rn_tag){0});
        rn_pace_step(&pace, rn_clock_s());
        rn_pace_wait(&pace);
    }
    rn_samples_flush(f);
}

static void tell_start(const struct rn_sampler *s, const struct asked *a)
{
    fprintf(stderr, "writing %s: %zu card%s, %g a second%s\n", a->path, s->n, s->n == 1 ? "" : "s",
            a->hz, isinf(a->duration_s) ? "; Ctrl-C ends it" : "");
    if (!s->rapl.n)
        fprintf(stderr, "without the processors' energy: %s\n", s->rapl.why);
}

/* --- what it was --- */

static const struct rn_column columns[] = {{"device", "device", rn_cell_text},
                                           {"name", "name", rn_cell_text},
                                           {"mean W", "mean_w", rn_cell_number},
                                           {"max W", "max_w", rn_cell_number},
                                           {"Wh", "energy_wh", rn_cell_number},
                                           {"max C", "max_c", rn_cell_number},
                                           {"held", "throttled_s", rn_cell_span},
                                           {"by heat", "hard_throttled_s", rn_cell_span},
                                           {"", "note", rn_cell_text},
                                           {0}};

static void tell_sums(const struct rn_cli *cli, const struct rn_sampler *s,
                      const struct rn_samples *f)
{
    json_t *rows = rn_sampler_sums(s);
    if (rn_cli_json(cli)) {
        json_t *all = json_pack("{s:s, s:I, s:f, s:O}", "path", f->path, "samples",
                                (json_int_t)s->n_samples, "hz", rn_sampler_hz(s), "devices", rows);
        if (!isnan(s->update_hz))
            json_object_set_new(all, "power_update_hz", json_real(s->update_hz));
        rn_table_object(all);
        json_decref(all);
    } else {
        printf("%s: %zu samples, %.1f a second", f->path, s->n_samples, rn_sampler_hz(s));
        if (!isnan(s->update_hz))
            printf("; the driver renews power %.1f times a second", s->update_hz);
        printf("\n\n");
        rn_table_print(columns, rows, false);
    }
    json_decref(rows);
}

static int sampled(const struct rn_cli *cli, struct rn_sampler *s, const struct asked *a,
                   struct rn_err *err)
{
    struct rn_samples f;
    RN_TRY(rn_samples_open(&f, a->path, a->form, s, false, err));
    tell_start(s, a);
    rn_sampler_measure(s, &rn_ticker_real);
    sample(s, &f, a);
    tell_sums(cli, s, &f);
    int rc = RN_OK;
    if (f.lost) {
        errno = f.why;
        rc = rn_fail_errno(err, RN_PATH(f.path), "%lld rows are lost", (long long)f.lost);
    }
    rn_samples_close(&f);
    return rc;
}

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    struct asked a;
    struct rn_sampler s;
    RN_TRY(read_asked(&a, cli, err));
    rn_signals_install();
    int rc = rn_sampler_open(&s, rn_cli_opt(cli, "gpus"), err);
    if (rc == RN_OK) {
        rc = sampled(cli, &s, &a, err);
        rn_sampler_release(&s);
    }
    free(a.path);
    return rc;
}

const struct rn_command rn_command_monitor = {"monitor",
                                              "",
                                              "power, heat and load of the GPUs as CSV",
                                              opts,
                                              run,
                                              .details = details,
                                              .examples = examples};
