#include "panels.h"

#ifndef RN_SONAME

int rn_panels_need(const char *path, struct rn_err *err)
{
    rn_hint(err, "install libcairo2-dev and build again; the HTML page needs nothing");
    return rn_fail(err, RN_EUSAGE, RN_PATH(path), "this program was built without cairo");
}

int rn_panels_write(const struct rn_account *a, const char *path, struct rn_err *err)
{
    (void)a;
    return rn_panels_need(path, err);
}

#else

#include "chart.h"
#include "file.h"
#include "library.h"
#include "mem.h"
#include "progress.h"
#include "series.h"

#include <cairo.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* --- the library --- */

#define FUNCTIONS(F)                                                                               \
    F(cairo_create)                                                                                \
    F(cairo_destroy)                                                                               \
    F(cairo_fill)                                                                                  \
    F(cairo_image_surface_create)                                                                  \
    F(cairo_line_to)                                                                               \
    F(cairo_move_to)                                                                               \
    F(cairo_paint)                                                                                 \
    F(cairo_rectangle)                                                                             \
    F(cairo_select_font_face)                                                                      \
    F(cairo_set_font_size)                                                                         \
    F(cairo_set_line_cap)                                                                          \
    F(cairo_set_line_join)                                                                         \
    F(cairo_set_line_width)                                                                        \
    F(cairo_set_source_rgb)                                                                        \
    F(cairo_show_text)                                                                             \
    F(cairo_status)                                                                                \
    F(cairo_status_to_string)                                                                      \
    F(cairo_stroke)                                                                                \
    F(cairo_surface_destroy)                                                                       \
    F(cairo_surface_write_to_png_stream)                                                           \
    F(cairo_text_extents)

static struct {
    FUNCTIONS(RN_LIBRARY_POINTER)
} api;
static struct rn_library cairo = RN_LIBRARY(FUNCTIONS, api, RN_SONAME, "libcairo2");

/* --- strokes --- */

enum { WIDTH = 1600, HEIGHT = 1040, MARGIN = 24, HEAD = 56 };
enum { INK = 0x1b1f24, SOFT = 0x57606a, RULE = 0xd8dee4, PAPER = 0xffffff };
enum { TEXT = 17, TITLE = 22 };

static void set_colour(cairo_t *on, unsigned rgb)
{
    api.cairo_set_source_rgb(on, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0,
                             (rgb & 255) / 255.0);
}

/* Cairo takes UTF-8 only, and stops for good at anything else. Returns the width; share: of it that
 * stands left of x. */
static double put_text(cairo_t *on, double x, double y, double share, const char *text)
{
    cairo_text_extents_t extents;
    char *clean = rn_xdup(text);
    rn_ui_clean(clean);
    api.cairo_text_extents(on, clean, &extents);
    api.cairo_move_to(on, x - share * extents.x_advance, y);
    api.cairo_show_text(on, clean);
    free(clean);
    return extents.x_advance;
}

static void put_rule(void *ctx, struct rn_point from, struct rn_point to)
{
    cairo_t *on = ctx;
    set_colour(on, RULE);
    api.cairo_set_line_width(on, 1);
    api.cairo_move_to(on, floor(from.x) + 0.5, floor(from.y) + 0.5);
    api.cairo_line_to(on, floor(to.x) + 0.5, floor(to.y) + 0.5);
    api.cairo_stroke(on);
}

static void put_tick(void *ctx, struct rn_point at, enum rn_side place, const char *text)
{
    cairo_t *on = ctx;
    set_colour(on, SOFT);
    if (place == RN_BESIDE)
        put_text(on, at.x - 8, at.y + TEXT / 3.0, 1, text);
    else
        put_text(on, at.x, at.y + TEXT + 6, 0.5, text);
}

static void put_curve(void *ctx, size_t colour, const struct rn_point *points, size_t n)
{
    cairo_t *on = ctx;
    bool drawing = false;
    set_colour(on, rn_chart_colours[colour]);
    api.cairo_set_line_width(on, 2);
    for (size_t i = 0; i < n; i++) {
        bool shown = !isnan(points[i].y);
        if (shown && !drawing) /* a length of nothing: with round ends a point alone is a dot */
            api.cairo_move_to(on, points[i].x, points[i].y);
        if (shown)
            api.cairo_line_to(on, points[i].x, points[i].y);
        drawing = shown;
    }
    api.cairo_stroke(on);
}

/* --- a panel --- */

static const struct panel {
    const char *title, *metric;
    bool over_time;
} panels[] = {{"Loss against steps", "loss", false},
              {"Loss against time", "loss", true},
              {"Model FLOPs utilisation, %", "mfu", false},
              {"Throughput, tokens/s", "tok_per_sec", false}};
enum { ACROSS = 2, DOWN = 2 };
_Static_assert(RN_COUNT(panels) == ACROSS * DOWN, "the panels fill the picture");

/* Seconds as a person counts them over such a span; scales in place. */
static const char *scale_time(struct rn_series *lines, size_t n)
{
    static const struct {
        double from_s, unit_s;
        const char *label;
    } units[] = {{7200, 3600, "time, h"}, {120, 60, "time, min"}, {0, 1, "time, s"}};
    double longest_s = 0;
    size_t u = 0;
    for (size_t l = 0; l < n; l++)
        for (size_t i = 0; i < lines[l].n; i++)
            longest_s = fmax(longest_s, lines[l].time_s[i]);
    while (longest_s < units[u].from_s)
        u++;
    for (size_t l = 0; l < n; l++)
        for (size_t i = 0; i < lines[l].n; i++)
            lines[l].time_s[i] /= units[u].unit_s;
    return units[u].label;
}

static void put_legend(cairo_t *on, const struct rn_series *lines, size_t n, double right, double y)
{
    for (size_t l = n; l-- > 0;) {
        set_colour(on, INK);
        right -= put_text(on, right, y, 1, lines[l].label) + 6;
        set_colour(on, rn_chart_colours[l % RN_CHART_COLOURS]);
        api.cairo_rectangle(on, right - 18, y - 9, 18, 6);
        api.cairo_fill(on);
        right -= 18 + 20;
    }
}

static void put_lines(cairo_t *on, const struct panel *panel, struct rn_series *all, size_t n,
                      const struct rn_frame *f)
{
    struct rn_line *lines = rn_xalloc(n * sizeof *lines);
    const char *label = panel->over_time ? scale_time(all, n) : "step";
    for (size_t l = 0; l < n; l++)
        lines[l] = (struct rn_line){all[l].label, panel->over_time ? all[l].time_s : all[l].step,
                                    all[l].y, all[l].n};
    struct rn_chart chart = {.lines = lines, .n = n};
    struct rn_canvas canvas = {on, put_rule, put_tick, put_curve};
    api.cairo_set_font_size(on, TEXT);
    rn_chart_plot(&chart, f, &canvas);
    set_colour(on, SOFT);
    put_text(on, (f->left + f->right) / 2, f->bottom + 2 * TEXT + 14, 0.5,
             n ? label : "the run has no such numbers");
    put_legend(on, all, n, f->right, f->top - 10);
    free(lines);
}

static void put_panel(cairo_t *on, const struct rn_account *a, size_t i)
{
    enum { LABELS = 84, UNDER = 62, OVER = 40 };
    size_t n;
    double width = (WIDTH - 2.0 * MARGIN) / ACROSS,
           height = (HEIGHT - HEAD - MARGIN) / (double)DOWN;
    double x = MARGIN + (double)(i % ACROSS) * width, y = HEAD + (double)(i / ACROSS) * height;
    struct rn_frame f = {x + LABELS, x + width - MARGIN, y + OVER, y + height - UNDER};
    struct rn_series *lines = rn_series_collect(a, 1, panels[i].metric, &n);
    api.cairo_set_font_size(on, TEXT);
    set_colour(on, INK);
    put_text(on, f.left, f.top - 10, 0, panels[i].title);
    put_lines(on, &panels[i], lines, n, &f);
    rn_series_free(lines, n);
}

/* --- the picture --- */

static void draw(cairo_t *on, const struct rn_account *a)
{
    set_colour(on, PAPER);
    api.cairo_paint(on);
    api.cairo_select_font_face(on, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    api.cairo_set_line_cap(on, CAIRO_LINE_CAP_ROUND);
    api.cairo_set_line_join(on, CAIRO_LINE_JOIN_ROUND);
    api.cairo_set_font_size(on, TITLE);
    set_colour(on, INK);
    put_text(on, MARGIN, MARGIN + TITLE / 2.0, 0, a->state.tag);
    for (size_t i = 0; i < RN_COUNT(panels); i++)
        put_panel(on, a, i);
}

static cairo_status_t add_bytes(void *ctx, const unsigned char *bytes, unsigned n)
{
    rn_writer_add(ctx, bytes, n);
    return CAIRO_STATUS_SUCCESS;
}

static int write_picture(cairo_t *on, cairo_surface_t *surface, const char *path,
                         struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    cairo_status_t status = api.cairo_status(on);
    if (status == CAIRO_STATUS_SUCCESS)
        status = api.cairo_surface_write_to_png_stream(surface, add_bytes, &w);
    if (status == CAIRO_STATUS_SUCCESS)
        return rn_writer_commit(&w, NULL, err);
    rn_writer_abort(&w);
    return rn_fail(err, RN_EIO, RN_PATH(path), "cairo: %s", api.cairo_status_to_string(status));
}

/* The same answer as of a program that was built without it: what was asked for cannot be had here,
 * and nothing has failed. */
int rn_panels_need(const char *path, struct rn_err *err)
{
    const char *missing;
    if (rn_library_open(&cairo, &missing))
        return RN_OK;
    rn_hint(err, "install %s; the HTML page needs nothing", cairo.package);
    return rn_fail(err, RN_EUSAGE, RN_PATH(path), "a picture needs cairo: %s", missing);
}

int rn_panels_write(const struct rn_account *a, const char *path, struct rn_err *err)
{
    RN_TRY(rn_panels_need(path, err));
    cairo_surface_t *surface = api.cairo_image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    cairo_t *on = api.cairo_create(surface);
    draw(on, a);
    int rc = write_picture(on, surface, path, err);
    api.cairo_destroy(on);
    api.cairo_surface_destroy(surface);
    return rc;
}

#endif
