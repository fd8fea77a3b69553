/* chart.h - curves as an SVG picture that needs nothing else.
 *
 *     struct rn_line lines[] = {{.label = "base", .x = steps, .y = loss, .n = n}};
 *     struct rn_chart c = {.title = "Loss", .x_label = "step", .lines = lines, .n = 1};
 *     rn_chart_draw(&s, &c);
 *
 * A line may have any number of points: at most RN_CHART_POINTS of them are drawn, the least and
 * the greatest of each stretch, so that no spike is lost. What is not finite leaves a gap. */
#ifndef RN_CHART_H
#define RN_CHART_H

#include "str.h"

enum { RN_CHART_POINTS = 1200, RN_CHART_COLOURS = 8 };

struct rn_point { /* y NaN: a gap */
    double x, y;
};
struct rn_line {
    const char *label;
    const double *x, *y; /* x rises */
    size_t n;
};
struct rn_chart {
    const char *id, *title, *x_label;
    const struct rn_line *lines;
    size_t n;
    bool log_y; /* values at or below zero are left out */
};
void rn_chart_draw(struct rn_str *, const struct rn_chart *);

/* The same on something else than SVG: grid, ticks and curves inside a frame, in units of whoever
 * draws, y growing downwards. */
enum rn_side { RN_BELOW, RN_BESIDE }; /* of a tick's text: under the frame, left of it */
struct rn_frame {
    double left, right, top, bottom;
};
struct rn_canvas {
    void *ctx;
    void (*rule)(void *ctx, struct rn_point from, struct rn_point to);
    void (*tick)(void *ctx, struct rn_point at, enum rn_side, const char *text);
    void (*curve)(void *ctx, size_t colour, const struct rn_point *, size_t n);
};
void rn_chart_plot(const struct rn_chart *, const struct rn_frame *, const struct rn_canvas *);
/* 0xRRGGBB, told apart by the colour-blind too. */
extern const unsigned rn_chart_colours[RN_CHART_COLOURS];

/* Indices of the points that stand for all n, rising, at most `most` (even, at least 4); keep has
 * room for `most`. Returns how many. */
size_t rn_chart_thin(const double *y, size_t n, size_t most, size_t *keep);

/* About `wanted` round numbers that span [low, high]: the first, and the distance of the others. */
void rn_chart_ticks(double low, double high, int wanted, double *first, double *step);

#endif
