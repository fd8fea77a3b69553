/* Which points and ticks a chart shows, and where. */
#include "chart.h"
#include "mem.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Test(chart, thinning_keeps_every_extreme)
{
    enum { N = 100000, MOST = 100 };
    double *y = rn_xalloc(N * sizeof *y);
    size_t keep[MOST];
    for (int i = 0; i < N; i++)
        y[i] = sin(i * 0.001);
    y[77777] = 50;
    y[12345] = -50;
    size_t n = rn_chart_thin(y, N, MOST, keep);
    bool high = false, low = false;
    cr_assert(n <= MOST && n >= MOST / 2);
    for (size_t i = 0; i < n; i++) {
        cr_assert(i == 0 || keep[i] > keep[i - 1]);
        high |= keep[i] == 77777;
        low |= keep[i] == 12345;
    }
    cr_assert(high && low);
    cr_assert_eq(rn_chart_thin(y, 7, MOST, keep), 7);
    free(y);
}

Test(chart, ticks_are_round_and_inside)
{
    double first, step;
    rn_chart_ticks(0.13, 9.7, 5, &first, &step);
    cr_assert(first == 2 && step == 2);
    rn_chart_ticks(-3, 3, 5, &first, &step);
    cr_assert(first == -2 && step == 2);
}

struct seen { /* of what a chart asks its canvas to draw */
    size_t rules, curves, points, gaps;
    bool inside;
    char ticks[512];
};
static const struct rn_frame plane = {100, 500, 50, 250};

static void see_rule(void *ctx, struct rn_point from, struct rn_point to)
{
    struct seen *seen = ctx;
    seen->rules++;
    seen->inside &=
        from.x >= plane.left && to.x <= plane.right && from.y >= plane.top && to.y <= plane.bottom;
}

static void see_tick(void *ctx, struct rn_point at, enum rn_side side, const char *text)
{
    struct seen *seen = ctx;
    seen->inside &= side == RN_BESIDE ? at.x == plane.left : at.y == plane.bottom;
    strncat(seen->ticks, " ", sizeof seen->ticks - strlen(seen->ticks) - 1);
    strncat(seen->ticks, text, sizeof seen->ticks - strlen(seen->ticks) - 1);
}

static void see_curve(void *ctx, size_t colour, const struct rn_point *points, size_t n)
{
    struct seen *seen = ctx;
    cr_assert_lt(colour, RN_CHART_COLOURS);
    seen->curves++;
    for (size_t i = 0; i < n; i++) {
        bool gap = isnan(points[i].y);
        seen->points++;
        seen->gaps += gap;
        seen->inside &=
            points[i].x >= plane.left - 1e-6 && points[i].x <= plane.right + 1e-6 &&
            (gap || (points[i].y >= plane.top - 1e-6 && points[i].y <= plane.bottom + 1e-6));
    }
}

Test(chart, a_chart_stays_inside_its_frame_and_leaves_gaps)
{
    const double x[] = {0, 1, 2, 3, 4}, y[] = {5, NAN, 1, INFINITY, 3},
                 rate[] = {10000, 15000, 20000, 2.5e6, 1e4};
    const struct rn_line lines[] = {{"a", x, y, 5}, {"b", x, y, 0}};
    struct rn_chart c = {.lines = lines, .n = 2};
    struct seen seen = {.inside = true};
    struct rn_canvas canvas = {&seen, see_rule, see_tick, see_curve};
    rn_chart_plot(&c, &plane, &canvas);
    cr_assert(seen.inside);
    cr_assert_eq(seen.curves, 2);
    cr_assert_eq(seen.points, 5);
    cr_assert_eq(seen.gaps, 2);
    cr_assert_str_eq(seen.ticks, " 0 0.5 1 1.5 2 2.5 3 3.5 4 1 2 3 4 5");
    const struct rn_line fast = {"c", x, rate, 5};
    c = (struct rn_chart){.lines = &fast, .n = 1};
    seen = (struct seen){.inside = true};
    rn_chart_plot(&c, &plane, &canvas);
    cr_assert(strstr(seen.ticks, " 500000 1M 1.5M 2M 2.5M"), "%s", seen.ticks);
}
