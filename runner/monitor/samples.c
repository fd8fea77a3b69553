#include "samples.h"

#include "file.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* --- cells --- */

static void put_number(struct rn_str *s, double value)
{
    char text[32];
    rn_str_putc(s, ',');
    if (isfinite(value))
        rn_str_puts(s, rn_show_real(text, value));
}

static void put_value(struct rn_str *s, enum rn_gpu_value v, double value)
{
    if (v == RN_GPU_THROTTLE && value >= 0 && value < 0x1p63)
        rn_str_printf(s, ",0x%" PRIx64, (uint64_t)value);
    else
        put_number(s, value);
}

static void put_tag(struct rn_str *s, struct rn_tag tag)
{
    rn_str_printf(s, ",%s,", tag.stage ? tag.stage : "");
    if (tag.stage && tag.step >= 0)
        rn_str_printf(s, "%" PRId64, tag.step);
}

static struct tm utc(double time_s)
{
    time_t t = (time_t)time_s;
    struct tm tm = {0};
    gmtime_r(&t, &tm);
    return tm;
}

char *rn_samples_name(double time_s)
{
    char text[sizeof "20261121_172211"];
    struct tm tm = utc(time_s);
    strftime(text, sizeof text, "%Y%m%d_%H%M%S", &tm);
    return rn_xprintf("gpu_metrics_%s.csv", text);
}

/* "2026-11-21T17:22:11.250Z" */
static void put_timestamp(struct rn_str *s, double time_s)
{
    char text[sizeof "2026-11-21T17:22:11"];
    struct tm tm = utc(time_s);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    rn_str_printf(s, "%s.%03dZ", text, (int)((time_s - floor(time_s)) * 1000));
}

/* --- wide --- */

static void put_wide_heading(struct rn_str *s, const struct rn_sampler *from, bool tagged)
{
    rn_str_puts(s, "timestamp,elapsed_sec");
    for (size_t i = 0; i < from->n; i++)
        for (int v = 0; v < RN_GPU_VALUES; v++)
            if (*rn_gpu_columns[v].wide)
                rn_str_printf(s, ",gpu%u_%s", from->cards[i].card->index, rn_gpu_columns[v].wide);
    rn_str_printf(s, "%s%s\n", from->rapl.n ? ",cpu_power_w,cpu_energy_j" : "",
                  tagged ? ",stage,step" : "");
}

static void put_wide(struct rn_samples *f, const struct rn_sampler *from, struct rn_tag tag)
{
    put_timestamp(&f->rows, from->time_s);
    rn_str_printf(&f->rows, ",%.3f", from->last_s - from->first_s);
    for (size_t i = 0; i < from->n; i++)
        for (int v = 0; v < RN_GPU_VALUES; v++)
            if (*rn_gpu_columns[v].wide)
                put_value(&f->rows, (enum rn_gpu_value)v, from->cards[i].values[v]);
    if (from->rapl.n) {
        put_number(&f->rows, from->cpu_w);
        put_number(&f->rows, from->cpu_j);
    }
    if (f->tagged)
        put_tag(&f->rows, tag);
    rn_str_putc(&f->rows, '\n');
    f->n_rows++;
}

/* --- long --- */

static void put_long_heading(struct rn_str *s)
{
    rn_str_puts(s, "t_unix_ns,t_rel_s,gpu,uuid");
    for (int v = 0; v < RN_GPU_VALUES; v++)
        if (*rn_gpu_columns[v].in_long)
            rn_str_printf(s, ",%s", rn_gpu_columns[v].in_long);
    rn_str_puts(s, ",stage,step\n");
}

static void put_long_row(struct rn_samples *f, const struct rn_sampler *from, const char *device,
                         const char *uuid, const double values[RN_GPU_VALUES], struct rn_tag tag)
{
    rn_str_printf(&f->rows, "%" PRId64 ",%.3f,%s,%s", (int64_t)(from->time_s * 1e6) * 1000,
                  from->last_s - from->first_s, device, uuid);
    for (int v = 0; v < RN_GPU_VALUES; v++)
        if (*rn_gpu_columns[v].in_long)
            put_value(&f->rows, (enum rn_gpu_value)v, values[v]);
    put_tag(&f->rows, tag);
    rn_str_putc(&f->rows, '\n');
    f->n_rows++;
}

static void put_long(struct rn_samples *f, const struct rn_sampler *from, struct rn_tag tag)
{
    double cpu[RN_GPU_VALUES];
    char index[16];
    for (size_t i = 0; i < from->n; i++) {
        snprintf(index, sizeof index, "%u", from->cards[i].card->index);
        put_long_row(f, from, index, from->cards[i].card->uuid, from->cards[i].values, tag);
    }
    for (int v = 0; v < RN_GPU_VALUES; v++)
        cpu[v] = NAN;
    cpu[RN_GPU_POWER_AVERAGE] = from->cpu_w;
    cpu[RN_GPU_ENERGY] = from->cpu_j;
    if (from->rapl.n)
        put_long_row(f, from, "cpu", "", cpu, tag);
}

/* --- the file --- */

/* What a full disk left of a row is cut off again. */
void rn_samples_flush(struct rn_samples *f)
{
    size_t done = rn_write_all(f->fd, f->rows.p, f->rows.n);
    if (done == f->rows.n) {
        f->size_bytes += (int64_t)done;
        f->written += (int64_t)f->n_rows;
    } else {
        f->why = f->why ? f->why : errno;
        f->lost += (int64_t)f->n_rows;
        if (done > 0 && ftruncate(f->fd, (off_t)f->size_bytes) != 0)
            f->size_bytes += (int64_t)done; /* a torn row stays; readers pass over it */
    }
    f->n_rows = 0;
    rn_str_clear(&f->rows);
}

int rn_samples_open(struct rn_samples *f, const char *path, enum rn_samples_form form,
                    const struct rn_sampler *from, bool tagged, struct rn_err *err)
{
    *f = (struct rn_samples){.form = form, .tagged = tagged, .fd = -1};
    f->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (f->fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot make");
    f->path = rn_xdup(path);
    f->put_s = from->last_s;
    if (form == RN_WIDE)
        put_wide_heading(&f->rows, from, tagged);
    else
        put_long_heading(&f->rows);
    rn_samples_flush(f);
    if (!f->why)
        return RN_OK;
    errno = f->why;
    unlink(path);
    rn_samples_close(f);
    return rn_fail_errno(err, RN_PATH(path), "cannot write");
}

void rn_samples_add(struct rn_samples *f, const struct rn_sampler *from, struct rn_tag tag)
{
    if (f->form == RN_WIDE)
        put_wide(f, from, tag);
    else
        put_long(f, from, tag);
    if (from->last_s - f->put_s < 1)
        return;
    rn_samples_flush(f);
    f->put_s = from->last_s;
}

void rn_samples_close(struct rn_samples *f)
{
    if (!f->path)
        return;
    rn_samples_flush(f);
    close(f->fd);
    free(f->path);
    rn_str_release(&f->rows);
    *f = (struct rn_samples){.fd = -1};
}
