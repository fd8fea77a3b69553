#include "progress.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double LIVE_EVERY_S = 0.1, JSON_EVERY_S = 1, PLAIN_EVERY_S = 10;
enum { TEXT_MAX = 4096, COLUMNS = 80 };

static bool set_in_env(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

void rn_ui_init(struct rn_ui *ui, bool json, int width)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    bool live = terminal && !set_in_env("CI");
    *ui = (struct rn_ui){.mode = json   ? RN_UI_JSON
                                 : live ? RN_UI_LIVE
                                        : RN_UI_PLAIN,
                         .color = terminal && !set_in_env("NO_COLOR"),
                         .width = width,
                         .talk = stderr};
    pthread_mutex_init(&ui->lock, NULL);
}

/* --- one line at a time, under the lock --- */

static void erase_live(struct rn_ui *ui)
{
    if (ui->live)
        fputs("\r\033[K", ui->talk);
    ui->live = false;
}

void rn_ui_release(struct rn_ui *ui)
{
    erase_live(ui);
    fflush(ui->talk);
    pthread_mutex_destroy(&ui->lock);
}

/* Controls (C0, DEL, C1) and bytes that are no UTF-8 become question marks, byte for byte. */
void rn_ui_clean(char *text)
{
    unsigned char *p = (unsigned char *)text, *end = p + strlen(text);
    for (int len; p < end; p += len) {
        uint32_t c = rn_utf8_next(p, end, &len);
        bool broken = len == 1 && *p >= 0x80;
        bool control = (c < 0x20 && c != '\t') || (c >= 0x7F && c <= 0x9F);
        if (broken || control)
            memset(p, '?', (size_t)len);
    }
}

static bool talks(const struct rn_ui *ui)
{
    return ui->mode == RN_UI_PLAIN || ui->mode == RN_UI_LIVE;
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

static void put_line(struct rn_ui *ui, char symbol, const char *stage, char *text)
{
    const char *color = color_of(ui, symbol);
    rn_ui_clean(text);
    pthread_mutex_lock(&ui->lock);
    erase_live(ui);
    fprintf(ui->talk, "%s%c %-*s%s  %s\n", color, symbol, ui->width, stage, *color ? "\033[0m" : "",
            text);
    fflush(ui->talk);
    pthread_mutex_unlock(&ui->lock);
}

void rn_ui_stage(struct rn_ui *ui, char symbol, const char *stage, const char *fmt, ...)
{
    if (!talks(ui))
        return;
    char text[TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_line(ui, symbol, stage, text);
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
    pthread_mutex_lock(&ui->lock);
    erase_live(ui);
    fprintf(ui->talk, "%s\n", text);
    fflush(ui->talk);
    pthread_mutex_unlock(&ui->lock);
}

void rn_ui_event(struct rn_ui *ui, json_t *event)
{
    if (ui->mode == RN_UI_JSON && event) {
        char *line = rn_json_canonical(event);
        pthread_mutex_lock(&ui->lock);
        printf("%s\n", line);
        fflush(stdout);
        pthread_mutex_unlock(&ui->lock);
        free(line);
    }
    json_decref(event);
}

void rn_ui_log(struct rn_ui *ui, const char *stage, enum rn_level level, const char *text)
{
    static const char *const words[] = {"debug", "info", "warning"};
    if (level == RN_DEBUG)
        return;
    bool warns = level == RN_WARN && talks(ui);
    char *copy = rn_xprintf("%s%s", warns ? "warning: " : "", text);
    rn_ui_clean(copy);
    rn_ui_event(ui, json_pack("{s:s, s:s, s:s, s:s}", "event", "log", "stage", stage, "level",
                              words[level], "text", copy));
    if (talks(ui))
        put_line(ui, ' ', stage, copy);
    free(copy);
}

/* --- progress --- */

static int columns(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : COLUMNS;
}

static double every_s(const struct rn_ui *ui)
{
    return ui->mode == RN_UI_LIVE   ? LIVE_EVERY_S
           : ui->mode == RN_UI_JSON ? JSON_EVERY_S
                                    : PLAIN_EVERY_S;
}

/* True when it is time to show something; a stage's first call only starts the clock. */
static bool due(struct rn_ui *ui, const char *stage, double done, double now_s)
{
    if (strcmp(ui->stage, stage) != 0 || done < ui->first_done) {
        snprintf(ui->stage, sizeof ui->stage, "%s", stage);
        ui->first_done = done;
        ui->first_s = ui->shown_s = now_s;
        return ui->mode == RN_UI_LIVE;
    }
    if (now_s - ui->shown_s < every_s(ui))
        return false;
    ui->shown_s = now_s;
    return true;
}

static void show_quantity(struct rn_str *s, double v, const char *unit)
{
    char buf[32];
    if (strcmp(unit, "bytes") == 0)
        rn_str_puts(s, rn_show_bytes(buf, v));
    else if (v < 100 && v != (double)(int)v)
        rn_str_printf(s, "%.1f", v);
    else if (v < 100000)
        rn_str_printf(s, "%.0f", v);
    else
        rn_str_puts(s, rn_show_count(buf, v));
}

/* "120/300 steps  loss 3.21  12.3 steps/s  6 s left" */
static void describe(struct rn_str *s, double done, double total, double rate, const char *unit,
                     const char *text)
{
    char buf[32];
    bool bytes = strcmp(unit, "bytes") == 0;
    show_quantity(s, done, unit);
    if (total > 0) {
        rn_str_puts(s, bytes ? " of " : "/");
        show_quantity(s, total, unit);
    }
    if (!bytes)
        rn_str_printf(s, " %s", unit);
    if (text && *text)
        rn_str_printf(s, "  %s", text);
    if (rate > 0) {
        rn_str_puts(s, "  ");
        show_quantity(s, rate, unit);
        rn_str_printf(s, "%s%s/s", bytes ? "" : " ", bytes ? "" : unit);
    }
    if (rate > 0 && total > done)
        rn_str_printf(s, "  %s left", rn_show_time(buf, (total - done) / rate));
}

static void show_live(struct rn_ui *ui, const char *stage, const char *text)
{
    int room = columns() - ui->width - 5;
    fprintf(ui->talk, "\r\033[K> %-*s  %.*s", ui->width, stage, room > 0 ? room : 0, text);
    fflush(ui->talk);
    ui->live = true;
}

static void show_progress(struct rn_ui *ui, const char *stage, const char *text)
{
    if (ui->mode == RN_UI_LIVE)
        show_live(ui, stage, text);
    else
        fprintf(ui->talk, "> %-*s  %s\n", ui->width, stage, text);
    fflush(ui->talk);
}

void rn_ui_progress(struct rn_ui *ui, const char *stage, double done, double total,
                    const char *unit, const char *text)
{
    double now_s = rn_clock_s();
    pthread_mutex_lock(&ui->lock);
    bool show = due(ui, stage, done, now_s);
    double elapsed_s = now_s - ui->first_s;
    double rate = elapsed_s > 0.5 ? (done - ui->first_done) / elapsed_s : 0;
    if (show && talks(ui)) {
        struct rn_str s = {0};
        describe(&s, done, total, rate, unit ? unit : "", text);
        rn_ui_clean(s.p);
        show_progress(ui, stage, s.p);
        rn_str_release(&s);
    }
    pthread_mutex_unlock(&ui->lock);
    if (show)
        rn_ui_event(ui, json_pack("{s:s, s:s, s:f, s:f, s:s, s:s, s:f}", "event", "progress",
                                  "stage", stage, "done", done, "total", total, "unit",
                                  unit ? unit : "", "text", text ? text : "", "rate", rate));
}
