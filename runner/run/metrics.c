#include "metrics.h"

#include "clock.h"
#include "file.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_CAP = 1 << 20, NEWEST_BYTES = 1 << 20 };

/* --- reading --- */

static void take_line(char *line, size_t n, int64_t end_bytes,
                      void (*each)(void *, json_t *, int64_t), void *ctx)
{
    json_t *doc = NULL;
    if (n <= LINE_CAP && rn_json_parse(line, n, RN_NOWHERE, &doc, NULL) == RN_OK &&
        json_is_object(doc))
        each(ctx, doc, end_bytes);
    json_decref(doc);
}

int rn_metrics_each(const char *path, void (*each)(void *ctx, json_t *line, int64_t end_bytes),
                    void *ctx, struct rn_err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return errno == ENOENT ? RN_OK : rn_fail_errno(err, RN_PATH(path), "cannot open");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int64_t end_bytes = 0;
    while ((n = getline(&line, &cap, file)) > 0 && line[n - 1] == '\n') {
        end_bytes += n;
        take_line(line, (size_t)n - 1, end_bytes, each, ctx);
    }
    int rc = ferror(file) ? rn_fail_errno(err, RN_PATH(path), "cannot read") : RN_OK;
    free(line);
    fclose(file);
    return rc;
}

static void append_line(void *ctx, json_t *line, int64_t end_bytes)
{
    (void)end_bytes;
    json_array_append(ctx, line);
}

json_t *rn_metrics_read(const char *path)
{
    json_t *lines = json_array();
    rn_metrics_each(path, append_line, lines, NULL);
    return lines;
}

json_t *rn_metrics_newest(const char *path)
{
    json_t *lines = json_array();
    char *text = rn_xalloc(NEWEST_BYTES), *line = text, *end;
    size_t n = rn_file_tail(path, text, NEWEST_BYTES);
    /* a line whose beginning is not there is no object, and passed over like any torn one */
    for (; (end = memchr(line, '\n', n - (size_t)(line - text))); line = end + 1)
        take_line(line, (size_t)(end - line), 0, append_line, lines);
    free(text);
    return lines;
}

/* --- writing --- */

/* A value reads the same whether it was measured just now or read back as "5". */
static json_t *as_real(const json_t *value)
{
    return json_is_number(value) ? json_real(json_number_value(value)) : json_null();
}

static void take(struct rn_metrics *m, const json_t *line)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)line, name,
                        value) if (strcmp(name, "step") != 0 &&
                                   strcmp(name, "time") != 0) if (!json_is_string(value))
        json_object_set_new(m->last, name, as_real(value));
    m->step = rn_json_int(line, "step", m->step);
    m->lines++;
}

struct recount {
    struct rn_metrics *m;
    int64_t lines_max;
};

static void recount_line(void *ctx, json_t *line, int64_t end_bytes)
{
    struct recount *r = ctx;
    if (r->m->lines >= r->lines_max)
        return;
    take(r->m, line);
    r->m->size_bytes = end_bytes;
}

/* Reads the file again, at most lines_max lines, and cuts the rest (a torn tail at least). */
static int restart(struct rn_metrics *m, int64_t lines_max, struct rn_err *err)
{
    struct recount r = {m, lines_max};
    m->lines = m->size_bytes = 0;
    m->step = -1;
    json_object_clear(m->last);
    RN_TRY(rn_metrics_each(m->path, recount_line, &r, err));
    if (m->fd >= 0 && rn_file_size(m->path) != m->size_bytes &&
        ftruncate(m->fd, (off_t)m->size_bytes) != 0)
        return rn_fail_errno(err, RN_PATH(m->path), "cannot cut");
    return RN_OK;
}

/* The file comes with its first line: a stage without numbers leaves none, however it ends. */
static int open_file(struct rn_metrics *m, int create)
{
    if (m->fd < 0)
        m->fd = open(m->path, O_WRONLY | O_APPEND | O_CLOEXEC | create, 0666);
    return m->fd;
}

int rn_metrics_open(struct rn_metrics *m, const char *path, struct rn_err *err)
{
    *m = (struct rn_metrics){.fd = -1, .path = rn_xdup(path)};
    if (open_file(m, 0) < 0 && errno != ENOENT) {
        int rc = rn_fail_errno(err, RN_PATH(path), "cannot open");
        free(m->path);
        m->path = NULL;
        return rc;
    }
    m->last = json_object();
    return restart(m, INT64_MAX, err);
}

void rn_metrics_close(struct rn_metrics *m)
{
    if (!m->path)
        return;
    if (m->fd >= 0)
        close(m->fd);
    if (m->size_bytes == 0)
        unlink(m->path);
    free(m->path);
    json_decref(m->last);
    *m = (struct rn_metrics){.fd = -1};
}

static json_t *finite_or_null(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *line_of(int64_t step)
{
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(step));
    json_object_set_new(line, "time", json_real(rn_time_s()));
    return line;
}

/* By hand: times to the millisecond, numbers as short as they can be without losing a bit. */
static void print_value(struct rn_str *s, const char *name, const json_t *value)
{
    char number[32];
    if (json_is_integer(value))
        rn_str_printf(s, "%lld", (long long)json_integer_value(value));
    else if (json_is_string(value)) {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        rn_str_puts(s, text);
        free(text);
    } else if (!json_is_real(value))
        rn_str_puts(s, "null");
    else if (strcmp(name, "time") == 0)
        rn_str_printf(s, "%.3f", json_real_value(value));
    else
        rn_str_puts(s, rn_show_real(number, json_real_value(value)));
}

static void print_line(struct rn_str *s, const json_t *line)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)line, name, value)
    {
        rn_str_printf(s, "%c\"%s\":", s->n ? ',' : '{', name);
        print_value(s, name, value);
    }
    rn_str_puts(s, "}\n");
}

/* One write of one line; what a full disk left of it is cut off again. */
static bool put(struct rn_metrics *m, const char *text, size_t n)
{
    if (open_file(m, O_CREAT) < 0)
        return false;
    size_t done = rn_write_all(m->fd, text, n);
    if (done < n) {
        if (done > 0 && ftruncate(m->fd, (off_t)m->size_bytes) != 0)
            errno = EIO; /* a torn tail: readers pass over it */
        return false;
    }
    m->size_bytes += (int64_t)n;
    return true;
}

/* Takes over line. */
static void add_line(struct rn_metrics *m, json_t *line)
{
    struct rn_str text = {0};
    print_line(&text, line);
    bool written = put(m, text.p, text.n);
    take(m, line);
    if (!written) {
        m->lines--;
        m->lost++;
    }
    rn_str_release(&text);
    json_decref(line);
}

void rn_metrics_add(struct rn_metrics *m, int64_t step, const struct rn_metric_value *v, size_t n)
{
    json_t *line = line_of(step);
    for (size_t i = 0; i < n; i++)
        json_object_set_new(line, v[i].name, finite_or_null(v[i].value));
    add_line(m, line);
}

void rn_metrics_say(struct rn_metrics *m, int64_t step, const char *name, const char *text)
{
    json_t *line = line_of(step);
    json_object_set_new(line, name, rn_json_text(text, strlen(text)));
    add_line(m, line);
}

int64_t rn_metrics_offset(struct rn_metrics *m)
{
    if (m->fd >= 0 && rn_io.fsync(m->fd) != 0)
        m->lost++;
    return m->lines;
}

int rn_metrics_cut(struct rn_metrics *m, int64_t offset, struct rn_err *err)
{
    RN_TRY(restart(m, offset < 0 ? 0 : offset, err));
    if (m->fd >= 0 && rn_io.fsync(m->fd) != 0)
        return rn_fail_errno(err, RN_PATH(m->path), "cannot sync");
    return RN_OK;
}

/* --- which values are the machine's --- */

static bool unit_of_machine(const char *unit)
{
    static const char *const units[] = {"s", "ms", "min", "h", "bytes", "MiB", "GiB", "W", "%peak"};
    for (size_t i = 0; unit && i < RN_COUNT(units); i++)
        if (strcmp(unit, units[i]) == 0)
            return true;
    return unit && rn_ends_with(unit, "/s");
}

bool rn_metric_of_machine(const struct rn_metric *table, const char *name)
{
    static const char *const names[] = {"dt_ms",          "tok_per_sec", "mfu",
                                        "total_time_min", "gpu_power_w", "gpu_temp_c",
                                        "j_per_token"};
    for (size_t i = 0; i < RN_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    for (; table && table->name; table++)
        if (strcmp(table->name, name) == 0)
            return unit_of_machine(table->unit);
    return false;
}
