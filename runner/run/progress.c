#include "progress.h"

#include "clock.h"
#include "mem.h"
#include "progress_rows.h"
#include "str.h"
#include "terminal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double JSON_EVERY_S = 1, PLAIN_EVERY_S = 30;
enum { TEXT_MAX = 4096, SCHEMA = 1 };

static bool set_in_env(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

void rn_ui_init(struct rn_ui *ui, bool json, int width)
{
    *ui = (struct rn_ui){.mode = json                              ? RN_UI_SILENT
                                 : rn_terminal_live(STDERR_FILENO) ? RN_UI_LIVE
                                                                   : RN_UI_PLAIN,
                         .json = json,
                         .color = rn_terminal_is(STDERR_FILENO) && !set_in_env("NO_COLOR"),
                         .groups = set_in_env("GITHUB_ACTIONS"),
                         .width = width,
                         .talk = stderr};
    pthread_mutex_init(&ui->lock, NULL);
}

void rn_ui_choose(struct rn_ui *ui, const char *progress)
{
    static const struct {
        const char *word;
        enum rn_ui_mode mode;
    } modes[] = {{"plain", RN_UI_PLAIN},
                 {"tty", RN_UI_LIVE},
                 {"json", RN_UI_SILENT},
                 {"none", RN_UI_SILENT}};
    for (size_t i = 0; progress && i < RN_COUNT(modes); i++)
        if (strcmp(modes[i].word, progress) == 0)
            ui->mode = modes[i].mode;
    ui->json |= progress && strcmp(progress, "json") == 0;
}

/* --- one line at a time, under the lock --- */

/* Nobody listens any more, or the disk behind it is full: the run goes on in silence. */
static void give_up_talk(struct rn_ui *ui)
{
    clearerr(ui->talk);
    ui->mode = RN_UI_SILENT;
}

static void flush_talk(struct rn_ui *ui)
{
    if (fflush(ui->talk) != 0 || ferror(ui->talk))
        give_up_talk(ui);
}

void rn_ui_release(struct rn_ui *ui)
{
    rn_ui_erase(ui);
    flush_talk(ui);
    free(ui->rows);
    pthread_mutex_destroy(&ui->lock);
}

/* Controls (C0, DEL, C1) and bytes that are no UTF-8 become question marks, byte for byte. */
void rn_ui_clean(char *text)
{
    unsigned char *p = (unsigned char *)text, *end = p + strlen(text);
    for (int len; p < end; p += len) {
        uint32_t c = rn_utf8_next(p, end, &len);
        bool broken = len == 1 && *p >= 0x80;
        if (broken || c == '\n' || rn_is_control(c))
            memset(p, '?', (size_t)len);
    }
}

static bool talks(const struct rn_ui *ui)
{
    return ui->mode != RN_UI_SILENT;
}

static const char *color_of(const struct rn_ui *ui, char symbol)
{
    static const struct {
        char symbol;
        const char *code;
    } colors[] = {{'=', "\033[2m"},  {'+', "\033[32m"}, {'>', "\033[36m"},
                  {'!', "\033[33m"}, {'-', "\033[31m"}, {' ', "\033[2m"}};
    for (size_t i = 0; ui->color && i < RN_COUNT(colors); i++)
        if (colors[i].symbol == symbol)
            return colors[i].code;
    return "";
}

/* Whole lines, with the live lines below them again. */
static void put_text(struct rn_ui *ui, const char *text)
{
    rn_ui_erase(ui);
    fputs(text, ui->talk);
    rn_ui_draw(ui, true);
    flush_talk(ui);
}

static void put_stage(struct rn_ui *ui, char symbol, const char *stage, const char *text)
{
    const char *color = color_of(ui, symbol);
    char *line = rn_xprintf("%s%c %-*s%s  %s\n", color, symbol, ui->width, stage,
                            *color ? "\033[0m" : "", text);
    put_text(ui, line);
    free(line);
}

/* Groups of a log cannot overlap: only a stage that works alone gets one. */
static void put_group(struct rn_ui *ui, const char *stage, bool starts)
{
    if (!ui->groups || ui->mode != RN_UI_PLAIN)
        return;
    if (ui->in_group)
        put_text(ui, "::endgroup::\n");
    ui->in_group = starts && ui->n_rows == 1;
    if (ui->in_group) {
        char *line = rn_xprintf("::group::%s\n", stage);
        put_text(ui, line);
        free(line);
    }
}

void rn_ui_stage(struct rn_ui *ui, char symbol, const char *stage, const char *fmt, ...)
{
    bool starts = symbol == '>';
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    rn_ui_clean(text);
    pthread_mutex_lock(&ui->lock);
    if (!starts)
        rn_ui_row_end(ui, stage);
    else
        rn_ui_row(ui, stage);
    if (talks(ui)) {
        put_group(ui, stage, starts);
        put_stage(ui, symbol, stage, text);
    }
    pthread_mutex_unlock(&ui->lock);
}

void rn_ui_say(struct rn_ui *ui, const char *fmt, ...)
{
    if (!talks(ui))
        return;
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    rn_ui_clean(text);
    char *line = rn_xprintf("%s\n", text);
    pthread_mutex_lock(&ui->lock);
    put_text(ui, line);
    pthread_mutex_unlock(&ui->lock);
    free(line);
}

/* --- events --- */

static void give_up_events(struct rn_ui *ui)
{
    fprintf(ui->talk, "warning: stdout cannot be written (%s): no more events\n", strerror(errno));
    clearerr(stdout);
    ui->json = false;
}

void rn_ui_event(struct rn_ui *ui, json_t *event)
{
    if (ui->json && event) {
        json_object_set_new(event, "schema", json_integer(SCHEMA));
        json_object_set_new(event, "time", json_real(rn_time_s()));
        char *line = rn_json_canonical(event);
        pthread_mutex_lock(&ui->lock);
        if (ui->json && (printf("%s\n", line) < 0 || fflush(stdout) != 0))
            give_up_events(ui);
        pthread_mutex_unlock(&ui->lock);
        free(line);
    }
    json_decref(event);
}

void rn_ui_error(struct rn_ui *ui, const struct rn_err *err)
{
    char message[sizeof err->msg], hint[sizeof err->hint], path[sizeof err->path];
    snprintf(message, sizeof message, "%s", err->msg);
    snprintf(hint, sizeof hint, "%s", err->hint);
    snprintf(path, sizeof path, "%s", err->path);
    rn_ui_clean(message);
    rn_ui_clean(hint);
    rn_ui_clean(path);
    rn_ui_event(ui,
                json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:i, s:i}", "event", "error", "code",
                          rn_code_exit(err->code), "word", rn_code_word(err->code), "message",
                          message, "hint", hint, "path", path, "line", err->line, "col", err->col));
}

void rn_ui_log(struct rn_ui *ui, const char *stage, enum rn_level level, const char *text)
{
    static const char *const words[] = {"debug", "info", "warning"};
    if (level == RN_DEBUG)
        return;
    char *copy = rn_xprintf("%s%s", level == RN_WARN ? "warning: " : "", text);
    rn_ui_clean(copy);
    const char *bare = level == RN_WARN ? copy + strlen("warning: ") : copy;
    rn_ui_event(ui, json_pack("{s:s, s:s, s:s, s:s}", "event", "log", "stage", stage, "level",
                              words[level], "text", bare));
    if (talks(ui)) {
        pthread_mutex_lock(&ui->lock);
        put_stage(ui, ' ', stage, copy);
        pthread_mutex_unlock(&ui->lock);
    }
    free(copy);
}

/* --- progress --- */

static bool due(double *last_s, double every_s, double now_s)
{
    if (now_s - *last_s < every_s)
        return false;
    *last_s = now_s;
    return true;
}

static void show_count(struct rn_ui *ui, struct rn_ui_row *row, const struct rn_ui_count *c,
                       double now_s)
{
    bool plain = ui->mode == RN_UI_PLAIN;
    if (!talks(ui) || (plain && !due(&row->shown_s, PLAIN_EVERY_S, now_s)))
        return;
    struct rn_str s = {0};
    rn_ui_row_describe(&s, c);
    rn_ui_clean(s.p);
    if (plain)
        put_stage(ui, '>', row->stage, s.p);
    else {
        snprintf(row->text, sizeof row->text, "%s", s.p);
        rn_ui_clean(row->text); /* of a character that was cut */
        rn_ui_draw(ui, false);
        flush_talk(ui);
    }
    rn_str_release(&s);
}

void rn_ui_progress(struct rn_ui *ui, const char *stage, double done, double total,
                    const char *unit, const char *text)
{
    struct rn_ui_count c = {done, total, 0, unit ? unit : "", text ? text : ""};
    double now_s = rn_clock_s();
    pthread_mutex_lock(&ui->lock);
    struct rn_ui_row *row = rn_ui_row(ui, stage);
    rn_ui_row_count(row, &c, now_s);
    bool event = ui->json && due(&row->event_s, JSON_EVERY_S, now_s);
    show_count(ui, row, &c, now_s);
    pthread_mutex_unlock(&ui->lock);
    if (event)
        rn_ui_event(ui, json_pack("{s:s, s:s, s:f, s:f, s:s, s:s, s:f}", "event", "progress",
                                  "stage", stage, "done", done, "total", total, "unit", c.unit,
                                  "text", c.text, "rate", c.rate));
}
