#include "chart.h"

#include "html.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { WIDTH = 720, HEIGHT = 260, LEFT = 64, RIGHT = 12, TOP = 8, BOTTOM = 34 };

/* --- which points --- */

size_t rn_chart_thin(const double *y, size_t n, size_t most, size_t *keep)
{
    size_t kept = 0, stretches = most / 2;
    if (n <= most) {
        for (size_t i = 0; i < n; i++)
            keep[kept++] = i;
        return kept;
    }
    for (size_t s = 0; s < stretches; s++) {
        size_t from = s * n / stretches, to = (s + 1) * n / stretches, low = from, high = from;
        for (size_t i = from; i < to; i++) {
            if (!(y[low] <= y[i]))
                low = i;
            if (!(y[high] >= y[i]))
                high = i;
        }
        keep[kept++] = low < high ? low : high;
        if (low != high)
            keep[kept++] = low < high ? high : low;
    }
    return kept;
}

void rn_chart_ticks(double low, double high, int wanted, double *first, double *step)
{
    static const double round[] = {1, 2, 5, 10};
    double raw = (high - low) / wanted, power = pow(10, floor(log10(raw)));
    *step = power;
    for (size_t i = 0; i < sizeof round / sizeof *round; i++)
        if (round[i] * power >= raw) {
            *step = round[i] * power;
            break;
        }
    *first = ceil(low / *step) * *step;
}

/* --- scales --- */

struct scale {
    double low, high;
    bool logarithmic;
};

static double place(const struct scale *s, double v)
{
    return ((s->logarithmic ? log10(v) : v) - s->low) / (s->high - s->low);
}

static bool can_show(const struct rn_chart *c, double y)
{
    return isfinite(y) && (!c->log_y || y > 0);
}

static void widen(struct scale *s)
{
    if (!(s->low <= s->high))
        *s = (struct scale){0, 1, s->logarithmic};
    if (s->high - s->low < 1e-9 * fmax(1, fabs(s->high))) {
        s->low -= 0.5;
        s->high += 0.5;
    }
}

static void span(const struct rn_chart *c, struct scale *x, struct scale *y)
{
    *x = *y = (struct scale){DBL_MAX, -DBL_MAX, false};
    y->logarithmic = c->log_y;
    for (size_t l = 0; l < c->n; l++)
        for (size_t i = 0; i < c->lines[l].n; i++) {
            double v = c->lines[l].y[i];
            if (!can_show(c, v))
                continue;
            v = c->log_y ? log10(v) : v;
            x->low = fmin(x->low, c->lines[l].x[i]);
            x->high = fmax(x->high, c->lines[l].x[i]);
            y->low = fmin(y->low, v);
            y->high = fmax(y->high, v);
        }
    widen(x);
    widen(y);
}

static double across(double share)
{
    return LEFT + share * (WIDTH - LEFT - RIGHT);
}

static double down(double share)
{
    return TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
}

/* --- drawing --- */

static void draw_tick(struct rn_str *s, bool vertical, double share, double value)
{
    double x = across(vertical ? 0 : share), y = down(vertical ? share : 0);
    if (vertical)
        rn_str_printf(s,
                      "<path class=grid d=\"M%d %.1fH%d\"/><text x=%d y=%.1f class=y>%.4g</text>",
                      LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, value);
    else
        rn_str_printf(s,
                      "<path class=grid d=\"M%.1f %dV%d\"/><text x=%.1f y=%d class=x>%.6g</text>",
                      x, TOP, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 15, value);
}

static void draw_axis(struct rn_str *s, const struct scale *scale, bool vertical)
{
    double first, step;
    rn_chart_ticks(scale->low, scale->high, vertical ? 5 : 8, &first, &step);
    for (double v = first; v <= scale->high + 1e-9 * step; v += step) {
        double shown = fabs(v) < 1e-9 * step ? 0 : v;
        draw_tick(s, vertical, (v - scale->low) / (scale->high - scale->low),
                  scale->logarithmic ? pow(10, shown) : shown);
    }
}

static void draw_line(struct rn_str *s, const struct rn_chart *c, size_t l, const struct scale *x,
                      const struct scale *y)
{
    const struct rn_line *line = &c->lines[l];
    size_t keep[RN_CHART_POINTS], n = rn_chart_thin(line->y, line->n, RN_CHART_POINTS, keep);
    bool drawing = false;
    rn_str_printf(s, "<path class=\"line c%zu\" d=\"", l % RN_CHART_COLOURS);
    for (size_t i = 0; i < n; i++) {
        double v = line->y[keep[i]];
        if (can_show(c, v)) /* a length of nothing: with round ends a point alone is a dot */
            rn_str_printf(s, drawing ? "L%.1f %.1f" : "M%.1f %.1fh0",
                          across(place(x, line->x[keep[i]])), down(place(y, v)));
        drawing = can_show(c, v);
    }
    rn_str_puts(s, "\"/>");
}

static void draw_legend(struct rn_str *s, const struct rn_chart *c)
{
    rn_str_puts(s, "<figcaption>");
    for (size_t l = 0; l < c->n; l++) {
        rn_str_printf(s, "<span class=\"key c%zu\">", l % RN_CHART_COLOURS);
        rn_html_text(s, c->lines[l].label);
        rn_str_puts(s, "</span> ");
    }
    rn_str_puts(s, "</figcaption>");
}

static bool is_dots(const struct rn_chart *c)
{
    size_t longest = 0;
    for (size_t l = 0; l < c->n; l++)
        longest = c->lines[l].n > longest ? c->lines[l].n : longest;
    return longest < 3;
}

void rn_chart_draw(struct rn_str *s, const struct rn_chart *c)
{
    struct scale x, y;
    span(c, &x, &y);
    rn_str_puts(s, is_dots(c) ? "<figure class=dots id=\"" : "<figure id=\"");
    rn_html_text(s, c->id);
    rn_str_puts(s, "\"><h3>");
    rn_html_text(s, c->title);
    rn_str_printf(s, "</h3><svg viewBox=\"0 0 %d %d\" role=img aria-label=\"", WIDTH, HEIGHT);
    rn_html_text(s, c->title);
    rn_str_puts(s, "\">");
    draw_axis(s, &x, false);
    draw_axis(s, &y, true);
    for (size_t l = 0; l < c->n; l++)
        draw_line(s, c, l, &x, &y);
    rn_str_printf(s, "<text class=x x=%d y=%d>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3);
    rn_html_text(s, c->x_label);
    rn_str_puts(s, "</text></svg>");
    draw_legend(s, c);
    rn_str_puts(s, "</figure>\n");
}
