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

/* --- plotting --- */

const unsigned rn_chart_colours[RN_CHART_COLOURS] = {0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7,
                                                     0xe69f00, 0x56b4e9, 0x8a7a00, 0x7f7f7f};

static double across(const struct rn_frame *f, double share)
{
    return f->left + share * (f->right - f->left);
}

static double down(const struct rn_frame *f, double share)
{
    return f->bottom - share * (f->bottom - f->top);
}

/* As short as it may be and never "1.5e+04": 15000, 2.5M, 0.0006. */
static void show_tick(char text[32], double value)
{
    static const double LONG = 1e6, LONGEST = 1e12;
    if (fabs(value) >= LONG && fabs(value) < LONGEST)
        snprintf(text, 32, "%.5gM", value / LONG);
    else
        snprintf(text, 32, "%.6g", value);
}

static void plot_tick(const struct rn_frame *f, const struct rn_canvas *to, bool vertical,
                      double share, double value)
{
    char text[32];
    double x = across(f, vertical ? 0 : share), y = down(f, vertical ? share : 0);
    struct rn_point from = {x, vertical ? y : f->top}, end = {vertical ? f->right : x, y};
    show_tick(text, value);
    to->rule(to->ctx, from, end);
    to->tick(to->ctx, (struct rn_point){x, y}, vertical ? RN_BESIDE : RN_BELOW, text);
}

static void plot_axis(const struct rn_frame *f, const struct rn_canvas *to,
                      const struct scale *scale, bool vertical)
{
    double first, step;
    rn_chart_ticks(scale->low, scale->high, vertical ? 5 : 8, &first, &step);
    for (double v = first; v <= scale->high + 1e-9 * step; v += step) {
        double shown = fabs(v) < 1e-9 * step ? 0 : v;
        plot_tick(f, to, vertical, (v - scale->low) / (scale->high - scale->low),
                  scale->logarithmic ? pow(10, shown) : shown);
    }
}

void rn_chart_plot(const struct rn_chart *c, const struct rn_frame *f, const struct rn_canvas *to)
{
    struct scale x, y;
    struct rn_point points[RN_CHART_POINTS];
    size_t keep[RN_CHART_POINTS];
    span(c, &x, &y);
    plot_axis(f, to, &x, false);
    plot_axis(f, to, &y, true);
    for (size_t l = 0; l < c->n; l++) {
        const struct rn_line *line = &c->lines[l];
        size_t n = rn_chart_thin(line->y, line->n, RN_CHART_POINTS, keep);
        for (size_t i = 0; i < n; i++) {
            double v = line->y[keep[i]];
            points[i].x = across(f, place(&x, line->x[keep[i]]));
            points[i].y = can_show(c, v) ? down(f, place(&y, v)) : NAN;
        }
        to->curve(to->ctx, l % RN_CHART_COLOURS, points, n);
    }
}

/* --- as SVG --- */

static void svg_rule(void *ctx, struct rn_point from, struct rn_point to)
{
    if (from.y == to.y)
        rn_str_printf(ctx, "<path class=grid d=\"M%.0f %.1fH%.0f\"/>", from.x, from.y, to.x);
    else
        rn_str_printf(ctx, "<path class=grid d=\"M%.1f %.0fV%.0f\"/>", from.x, from.y, to.y);
}

static void svg_tick(void *ctx, struct rn_point at, enum rn_side place, const char *text)
{
    if (place == RN_BESIDE)
        rn_str_printf(ctx, "<text x=%.0f y=%.1f class=y>%s</text>", at.x - 6, at.y + 4, text);
    else
        rn_str_printf(ctx, "<text x=%.1f y=%.0f class=x>%s</text>", at.x, at.y + 15, text);
}

static void svg_curve(void *ctx, size_t colour, const struct rn_point *points, size_t n)
{
    bool drawing = false;
    rn_str_printf(ctx, "<path class=\"line c%zu\" d=\"", colour);
    for (size_t i = 0; i < n; i++) {
        bool shown = !isnan(points[i].y);
        if (shown) /* a length of nothing: with round ends a point alone is a dot */
            rn_str_printf(ctx, drawing ? "L%.1f %.1f" : "M%.1f %.1fh0", points[i].x, points[i].y);
        drawing = shown;
    }
    rn_str_puts(ctx, "\"/>");
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
    static const struct rn_frame frame = {LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM};
    struct rn_canvas svg = {s, svg_rule, svg_tick, svg_curve};
    rn_str_puts(s, is_dots(c) ? "<figure class=dots id=\"" : "<figure id=\"");
    rn_html_text(s, c->id);
    rn_str_puts(s, "\"><h3>");
    rn_html_text(s, c->title);
    rn_str_printf(s, "</h3><svg viewBox=\"0 0 %d %d\" role=img aria-label=\"", WIDTH, HEIGHT);
    rn_html_text(s, c->title);
    rn_str_puts(s, "\">");
    rn_chart_plot(c, &frame, &svg);
    rn_str_printf(s, "<text class=x x=%d y=%d>", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 3);
    rn_html_text(s, c->x_label);
    rn_str_puts(s, "</text></svg>");
    draw_legend(s, c);
    rn_str_puts(s, "</figure>\n");
}
