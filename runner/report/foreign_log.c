#include "foreign_log.h"

#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "tok/sec: 83,385": a number behind its name. */
static const struct {
    const char *name, *metric;
    double factor;
} before[] = {
    {"loss", "loss", 1},
    {"training loss", "loss", 1},
    {"train loss", "loss", 1},
    {"grad norm", "grad_norm", 1},
    {"norm", "grad_norm", 1},
    {"lrm", "lrm", 1},
    {"lr", "lr", 1},
    {"dt", "dt_ms", 1}, /* unless its unit says otherwise */
    {"tok/sec", "tok_per_sec", 1},
    {"mfu", "mfu", 1},
    {"bf16_mfu", "mfu", 1},
    {"total time", "total_time_min", 1},
    {"epoch", "epoch", 1},
    {"validation bpb", "val_bpb", 1},
    {"validation loss", "val_loss", 1},
    {"val loss", "val_loss", 1},
    {"core metric", "core", 1},
    {"hellaswag accuracy", "hellaswag", 1},
    {"trl", "loss", 1},
    {"tel", "val_loss", 1},
    {"eval", "hellaswag", 1},
};

/* "1571.88 ms": a number before it. */
static const struct {
    const char *unit, *metric;
    double factor;
} behind[] = {{"ms", "dt_ms", 1},
              {"% bf16 mfu", "mfu", 1},
              {"% fp32 mfu", "mfu", 1},
              {"tok/s", "tok_per_sec", 1}};

/* Units of a number behind its name that are not the metric's own. */
static const struct {
    const char *metric, *unit;
    double factor;
} units[] = {{"dt_ms", "s", 1000}, {"total_time_min", "s", 1.0 / 60}, {"total_time_min", "h", 60}};

static const char *skip_blanks(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

/* A number with commas between thousands; NULL if there is none. nan and inf are numbers. */
static const char *read_number(const char *p, double *out)
{
    char digits[64];
    size_t n = 0;
    const char *from = p;
    for (; n + 1 < sizeof digits && (isalnum((unsigned char)*p) || strchr("+-.,", *p)) && *p; p++)
        if (*p != ',')
            digits[n++] = *p;
    digits[n] = '\0';
    char *end;
    *out = strtod(digits, &end);
    if (end == digits)
        return NULL;
    /* what strtod left over was not part of it: "1571.88ms" */
    size_t used = (size_t)(end - digits);
    for (p = from; used > 0; p++)
        used -= *p != ',';
    return p;
}

static bool put(struct rn_foreign_line *l, const char *metric, double value)
{
    if (l->n < RN_FOREIGN_VALUES)
        l->values[l->n++] = (struct rn_metric_value){metric, value};
    return true;
}

static double unit_factor(const char *metric, const char *rest)
{
    for (size_t i = 0; i < RN_COUNT(units); i++) {
        size_t n = strlen(units[i].unit);
        if (strcmp(metric, units[i].metric) == 0 && strncmp(rest, units[i].unit, n) == 0 &&
            !isalpha((unsigned char)rest[n]))
            return units[i].factor;
    }
    return 1;
}

/* Where the value of "NAME: value", "NAME value" begins; NULL if the field has another name. */
static const char *value_of(const char *field, const char *name)
{
    size_t n = strlen(name);
    if (strncasecmp(field, name, n) != 0 || (field[n] != ':' && field[n] != ' '))
        return NULL;
    return skip_blanks(field + n + 1);
}

/* False: it has one of our names and no number. */
static bool read_field(struct rn_foreign_line *l, const char *field)
{
    double v;
    field = skip_blanks(field);
    for (size_t i = 0; i < RN_COUNT(before); i++) {
        const char *value = value_of(field, before[i].name);
        if (!value)
            continue;
        const char *rest = read_number(value, &v);
        return rest && put(l, before[i].metric, v * unit_factor(before[i].metric, rest));
    }
    const char *rest = read_number(field, &v);
    for (size_t i = 0; rest && i < RN_COUNT(behind); i++)
        if (strncasecmp(skip_blanks(rest), behind[i].unit, strlen(behind[i].unit)) == 0)
            return put(l, behind[i].metric, v);
    return true;
}

/* Digits and nothing else of a number at p; NULL if there are none. */
static const char *read_count(const char *p, int64_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*p))
        return NULL;
    *out = (int64_t)strtoll(p, &end, 10);
    return end;
}

/* "step 00004/71680 (0.01%)": past it, NULL if the line does not begin like that. */
static const char *read_head(struct rn_foreign_line *l, const char *p)
{
    if (strncasecmp(p, "step", 4) != 0 || !(p[4] == ' ' || p[4] == ':'))
        return NULL;
    p = read_count(skip_blanks(p + 5), &l->step);
    if (p && *p == '/')
        p = read_count(p + 1, &l->total);
    return p;
}

/* llm.c's main.log: "s:12 trl:3.4567 lr:0.000600 norm:1.23". */
static enum rn_foreign read_short(struct rn_foreign_line *l, char *text)
{
    if (strncmp(text, "s:", 2) != 0 || !read_count(text + 2, &l->step))
        return RN_FOREIGN_OTHER;
    char *save, *field = strtok_r(text, " ", &save);
    while ((field = strtok_r(NULL, " ", &save)))
        if (!read_field(l, field))
            return RN_FOREIGN_BROKEN;
    return l->n ? RN_FOREIGN_STEP : RN_FOREIGN_BROKEN;
}

/* build-nanogpt's log.txt: "250 val 5.1234", "250 hella 0.2463", "251 train 5.2". */
static enum rn_foreign read_plain(struct rn_foreign_line *l, const char *text)
{
    static const struct {
        const char *word, *metric;
    } words[] = {{"train", "loss"}, {"val", "val_loss"}, {"hella", "hellaswag"}};
    const char *p = read_count(text, &l->step);
    if (!p || *p++ != ' ')
        return RN_FOREIGN_OTHER;
    for (size_t i = 0; i < RN_COUNT(words); i++) {
        size_t n = strlen(words[i].word);
        double v;
        if (strncmp(p, words[i].word, n) != 0 || p[n] != ' ')
            continue;
        const char *rest = read_number(p + n + 1, &v);
        return rest && !*rest && put(l, words[i].metric, v) ? RN_FOREIGN_STEP : RN_FOREIGN_BROKEN;
    }
    return RN_FOREIGN_OTHER;
}

/* llm.c's "val loss 3.28" and "HellaSwag: 2900/10042 = 0.2888": of the step before them. */
static enum rn_foreign read_between(struct rn_foreign_line *l, const char *text)
{
    double v;
    const char *equals = strchr(text, '='), *value = value_of(text, "val loss");
    l->step = -1;
    if (value)
        return read_number(value, &v) && put(l, "val_loss", v) ? RN_FOREIGN_STEP
                                                               : RN_FOREIGN_BROKEN;
    if (!rn_starts_with(text, "HellaSwag: ") || !equals)
        return RN_FOREIGN_OTHER;
    return read_number(skip_blanks(equals + 1), &v) && put(l, "hellaswag", v) ? RN_FOREIGN_STEP
                                                                              : RN_FOREIGN_BROKEN;
}

static enum rn_foreign read_fields(struct rn_foreign_line *l, char *fields)
{
    char *save;
    for (char *f = strtok_r(fields, "|", &save); f; f = strtok_r(NULL, "|", &save))
        if (!read_field(l, f))
            return RN_FOREIGN_BROKEN;
    return l->n ? RN_FOREIGN_STEP : RN_FOREIGN_OTHER;
}

/* Two ranks, or a step and a warning, in one line: nobody knows whose numbers they are. */
static bool holds_two(const char *text)
{
    int heads = 0;
    for (const char *p = text; *p; p++)
        heads += strncasecmp(p, "step ", 5) == 0 && isdigit((unsigned char)*skip_blanks(p + 5));
    return heads > 1;
}

enum rn_foreign rn_foreign_line_read(struct rn_foreign_line *l, const char *line)
{
    char text[1024];
    *l = (struct rn_foreign_line){0};
    snprintf(text, sizeof text, "%s", skip_blanks(line));
    text[strcspn(text, "\r\n")] = '\0';
    if (holds_two(text))
        return RN_FOREIGN_BROKEN;
    const char *rest = read_head(l, text);
    if (rest) {
        char *fields = strchr(rest, '|');
        return fields ? read_fields(l, fields + 1) : RN_FOREIGN_OTHER;
    }
    enum rn_foreign what = read_short(l, text);
    if (what == RN_FOREIGN_OTHER)
        what = read_plain(l, text);
    return what == RN_FOREIGN_OTHER ? read_between(l, text) : what;
}
