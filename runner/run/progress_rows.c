#include "progress_rows.h"

#include "clock.h"
#include "mem.h"
#include "str.h"
#include "terminal.h"

#include <stdlib.h>
#include <string.h>

static const double DRAW_EVERY_S = 0.1, RATE_AFTER_S = 0.5;
enum { ROWS_MAX = 16, ROWS_MIN = 2 };

/* --- rows --- */

static struct rn_ui_row *find(struct rn_ui *ui, const char *stage)
{
    for (size_t i = 0; i < ui->n_rows; i++)
        if (strncmp(ui->rows[i].stage, stage, sizeof ui->rows[i].stage - 1) == 0)
            return &ui->rows[i];
    return NULL;
}

struct rn_ui_row *rn_ui_row(struct rn_ui *ui, const char *stage)
{
    struct rn_ui_row *row = find(ui, stage);
    if (row)
        return row;
    struct rn_ui_row fresh = {0};
    snprintf(fresh.stage, sizeof fresh.stage, "%s", stage);
    fresh.shown_s = fresh.event_s = rn_clock_s();
    RN_PUSH(ui->rows, ui->n_rows, ui->cap_rows, fresh);
    return &ui->rows[ui->n_rows - 1];
}

void rn_ui_row_end(struct rn_ui *ui, const char *stage)
{
    struct rn_ui_row *row = find(ui, stage);
    if (!row)
        return;
    size_t behind = ui->n_rows - (size_t)(row - ui->rows) - 1;
    memmove(row, row + 1, behind * sizeof *row);
    ui->n_rows--;
}

/* A count that falls starts anew: evaluation behind training, the next file of a fetch. */
void rn_ui_row_count(struct rn_ui_row *row, struct rn_ui_count *c, double now_s)
{
    if (!row->counted || c->done < row->first_done) {
        row->counted = true;
        row->first_done = c->done;
        row->first_s = now_s;
    }
    double elapsed_s = now_s - row->first_s;
    c->rate = elapsed_s > RATE_AFTER_S ? (c->done - row->first_done) / elapsed_s : 0;
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

/* Of what takes long one wants to know the hour. */
static void show_left(struct rn_str *s, double left_s)
{
    static const double LONG_S = 600;
    char buf[32];
    double now_s = rn_time_s();
    rn_str_printf(s, "  %s left", rn_show_time(buf, left_s));
    if (left_s >= LONG_S)
        rn_str_printf(s, ", done %s", rn_show_moment(buf, now_s + left_s, now_s));
}

void rn_ui_row_describe(struct rn_str *s, const struct rn_ui_count *c)
{
    bool bytes = strcmp(c->unit, "bytes") == 0;
    show_quantity(s, c->done, c->unit);
    if (c->total > 0) {
        rn_str_puts(s, bytes ? " of " : "/");
        show_quantity(s, c->total, c->unit);
    }
    if (!bytes)
        rn_str_printf(s, " %s", c->unit);
    if (*c->text)
        rn_str_printf(s, "  %s", c->text);
    if (c->rate > 0) {
        rn_str_puts(s, "  ");
        show_quantity(s, c->rate, c->unit);
        rn_str_printf(s, "%s%s/s", bytes ? "" : " ", bytes ? "" : c->unit);
    }
    if (c->rate > 0 && c->total > c->done)
        show_left(s, (c->total - c->done) / c->rate);
}

/* --- the terminal --- */

void rn_ui_erase(struct rn_ui *ui)
{
    if (ui->drawn == 0)
        return;
    fputs("\r\033[K", ui->talk);
    for (int i = 1; i < ui->drawn; i++)
        fputs("\033[A\033[K", ui->talk);
    ui->drawn = 0;
}

static void add_row(struct rn_str *s, const struct rn_ui *ui, const struct rn_ui_row *row, int room)
{
    char line[sizeof row->stage + sizeof row->text + 64];
    snprintf(line, sizeof line, "> %-*s  %s", ui->width, row->stage, row->text);
    rn_str_printf(s, "%s%.*s", s->n ? "\n" : "", rn_terminal_fit(line, room), line);
}

/* Of more rows than fit, the first; the rest as a number. */
void rn_ui_draw(struct rn_ui *ui, bool now)
{
    double now_s = rn_clock_s();
    if (ui->mode != RN_UI_LIVE || ui->n_rows == 0 ||
        (!now && ui->drawn > 0 && now_s - ui->drawn_s < DRAW_EVERY_S))
        return;
    int columns, lines;
    struct rn_str s = {0};
    rn_terminal_size(fileno(ui->talk), &columns, &lines);
    size_t room = (size_t)(lines / 2 < ROWS_MIN   ? ROWS_MIN
                           : lines / 2 < ROWS_MAX ? lines / 2
                                                  : ROWS_MAX);
    size_t shown = ui->n_rows > room ? room - 1 : ui->n_rows;
    for (size_t i = 0; i < shown; i++)
        add_row(&s, ui, &ui->rows[i], columns - 1);
    if (shown < ui->n_rows)
        rn_str_printf(&s, "\n  and %zu more", ui->n_rows - shown);
    rn_ui_erase(ui);
    fputs(s.p, ui->talk);
    ui->drawn = (int)shown + (shown < ui->n_rows);
    ui->drawn_s = now_s;
    rn_str_release(&s);
}
