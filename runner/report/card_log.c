#include "card_log.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>

/* --- files --- */

enum { FIELDS_MAX = 512 };

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths, oldest first, as their names say; *out and what is in it are the caller's. */
static size_t list_files(const char *run_dir, char ***out)
{
    char *dir = rn_join(run_dir, "monitor");
    size_t n = 0, cap = 0;
    DIR *d = opendir(dir);
    *out = NULL;
    for (struct dirent *e; d && (e = readdir(d));)
        if (rn_starts_with(e->d_name, "gpu_metrics_") && rn_ends_with(e->d_name, ".csv"))
            RN_PUSH(*out, n, cap, rn_join(dir, e->d_name));
    if (d)
        closedir(d);
    if (n)
        qsort(*out, n, sizeof **out, by_text);
    free(dir);
    return n;
}

static void free_files(char **files, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(files[i]);
    free(files);
}

/* Cuts a line at its commas. */
static size_t split(char *line, char *fields[FIELDS_MAX])
{
    size_t n = 0;
    line[strcspn(line, "\r\n")] = '\0';
    for (char *at = line, *comma; n < FIELDS_MAX; at = comma + 1) {
        fields[n++] = at;
        comma = strchr(at, ',');
        if (!comma)
            break;
        *comma = '\0';
    }
    return n;
}

static double number_of(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    return *text && *end == '\0' ? value : NAN;
}

/* "gpu0_power_w": 0 and "power_w". */
static bool parse_column(const char *name, size_t *card, const char **what)
{
    enum { CARDS_MAX = 64 };
    char *end;
    if (!rn_starts_with(name, "gpu") || !isdigit((unsigned char)name[3]))
        return false;
    unsigned long n = strtoul(name + 3, &end, 10);
    *card = n;
    *what = end + 1;
    return n < CARDS_MAX && *end == '_';
}

/* --- all of it --- */

struct reading {
    struct rn_card_log *log;
    double sums[RN_CARD_COLUMNS]; /* of the stretch that is being read */
    size_t counts[RN_CARD_COLUMNS];
    size_t in_stretch, stretch; /* rows; of one kept row */
    double stretch_s;
    size_t of[FIELDS_MAX]; /* column of the log of each field, RN_CARD_COLUMNS: none */
    size_t time_field;
    double offset_s, last_s;
};

static bool is_kept(const char *name)
{
    size_t card;
    const char *what;
    return parse_column(name, &card, &what) &&
           (strcmp(what, "power_w") == 0 || strcmp(what, "temp_c") == 0);
}

static size_t column_of(struct rn_card_log *log, const char *name)
{
    for (size_t i = 0; i < log->n_columns; i++)
        if (strcmp(log->columns[i].name, name) == 0)
            return i;
    if (!is_kept(name) || log->n_columns == RN_CARD_COLUMNS)
        return RN_CARD_COLUMNS;
    struct rn_card_column *c = &log->columns[log->n_columns];
    *c = (struct rn_card_column){rn_xdup(name), rn_xalloc(RN_CARD_ROWS * sizeof(double))};
    for (size_t i = 0; i < RN_CARD_ROWS; i++)
        c->values[i] = NAN;
    return log->n_columns++;
}

static double mean_of_two(double a, double b)
{
    return isnan(a) ? b : isnan(b) ? a : (a + b) / 2;
}

/* Half as many rows, each twice as long. */
static void halve(struct reading *r)
{
    struct rn_card_log *log = r->log;
    for (size_t i = 0; i < log->n / 2; i++) {
        log->time_s[i] = log->time_s[2 * i];
        for (size_t c = 0; c < log->n_columns; c++) {
            double *v = log->columns[c].values;
            v[i] = mean_of_two(v[2 * i], v[2 * i + 1]);
        }
    }
    log->n /= 2;
    r->stretch *= 2;
}

static void end_stretch(struct reading *r)
{
    struct rn_card_log *log = r->log;
    if (r->in_stretch == 0)
        return;
    log->time_s[log->n] = r->stretch_s;
    for (size_t c = 0; c < log->n_columns; c++)
        log->columns[c].values[log->n] = r->counts[c] ? r->sums[c] / (double)r->counts[c] : NAN;
    log->n++;
    memset(r->sums, 0, sizeof r->sums);
    memset(r->counts, 0, sizeof r->counts);
    r->in_stretch = 0;
}

static void add_row(struct reading *r, char **fields, size_t n)
{
    double time_s = r->time_field < n ? number_of(fields[r->time_field]) : NAN;
    if (!isfinite(time_s))
        return;
    r->last_s = r->offset_s + time_s;
    if (r->in_stretch++ == 0)
        r->stretch_s = r->last_s;
    for (size_t i = 0; i < n; i++) {
        double value = r->of[i] < RN_CARD_COLUMNS ? number_of(fields[i]) : NAN;
        if (isfinite(value)) {
            r->sums[r->of[i]] += value;
            r->counts[r->of[i]]++;
        }
    }
    if (r->in_stretch < r->stretch)
        return;
    if (r->log->n < RN_CARD_ROWS)
        end_stretch(r);
    else
        halve(r); /* and this one goes on, so that all are as long */
}

static void take_heading(struct reading *r, char **fields, size_t n)
{
    r->time_field = FIELDS_MAX;
    for (size_t i = 0; i < FIELDS_MAX; i++)
        r->of[i] = i < n ? column_of(r->log, fields[i]) : RN_CARD_COLUMNS;
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i], "elapsed_sec") == 0)
            r->time_field = i;
}

/* A torn last line is no row. */
static void read_file(struct reading *r, const char *path)
{
    FILE *f = fopen(path, "re");
    char *line = NULL, *fields[FIELDS_MAX];
    size_t cap = 0;
    ssize_t got;
    bool headed = false;
    while (f && (got = getline(&line, &cap, f)) > 0 && line[got - 1] == '\n') {
        size_t n = split(line, fields);
        if (headed)
            add_row(r, fields, n);
        else
            take_heading(r, fields, n);
        headed = true;
    }
    free(line);
    if (f)
        fclose(f);
    r->offset_s = r->last_s;
}

void rn_card_log_read(struct rn_card_log *log, const char *run_dir)
{
    char **files;
    size_t n = list_files(run_dir, &files);
    *log = (struct rn_card_log){0};
    log->time_s = rn_xalloc(RN_CARD_ROWS * sizeof(double));
    struct reading *r = rn_new(struct reading);
    r->log = log;
    r->stretch = 1;
    for (size_t i = 0; i < n; i++)
        read_file(r, files[i]);
    if (log->n == RN_CARD_ROWS && r->in_stretch)
        halve(r);
    end_stretch(r);
    free(r);
    free_files(files, n);
}

void rn_card_log_release(struct rn_card_log *log)
{
    for (size_t i = 0; i < log->n_columns; i++) {
        free(log->columns[i].name);
        free(log->columns[i].values);
    }
    free(log->time_s);
    *log = (struct rn_card_log){0};
}

/* --- the newest --- */

static bool is_fresh(const char *path)
{
    static const double FRESH_S = 60;
    struct stat st;
    return stat(path, &st) == 0 && rn_time_s() - (double)st.st_mtime < FRESH_S;
}

/* The last whole line of a text, cut out of it; "" without one. */
static char *last_line(char *text, size_t n)
{
    while (n > 0 && text[n - 1] != '\n')
        n--;
    text[n > 0 ? n - 1 : 0] = '\0';
    char *before = strrchr(text, '\n');
    return before ? before + 1 : text;
}

static void add_value(json_t *cards, const char *column, const char *text)
{
    size_t card;
    const char *what;
    double value = number_of(text);
    if (!parse_column(column, &card, &what) || !isfinite(value))
        return;
    while (json_array_size(cards) <= card)
        json_array_append_new(cards, json_object());
    json_object_set_new(json_array_get(cards, card), what, json_real(value));
}

static void take_newest(json_t *cards, const char *path)
{
    enum { TAIL = 1 << 16 };
    char *heading = NULL, *tail = rn_xalloc(TAIL + 1), *names[FIELDS_MAX], *values[FIELDS_MAX];
    size_t cap = 0, got = rn_file_tail(path, tail, TAIL);
    FILE *f = fopen(path, "re");
    if (f && getline(&heading, &cap, f) > 0) {
        size_t n = split(heading, names), n_values = split(last_line(tail, got), values);
        for (size_t i = 0; i < n && i < n_values; i++)
            add_value(cards, names[i], values[i]);
    }
    if (f)
        fclose(f);
    free(heading);
    free(tail);
}

json_t *rn_card_newest(const char *run_dir)
{
    char **files;
    size_t n = list_files(run_dir, &files);
    json_t *cards = json_array();
    if (n && is_fresh(files[n - 1]))
        take_newest(cards, files[n - 1]);
    free_files(files, n);
    return cards;
}
