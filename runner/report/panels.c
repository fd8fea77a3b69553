#include "panels.h"

#ifndef RN_HAVE_CAIRO

int rn_panels_write(const struct rn_account *a, const char *path, struct rn_err *err)
{
    (void)a;
    rn_fail(err, RN_EUSAGE, RN_PATH(path), "this program was built without cairo");
    rn_hint(err, "install libcairo2-dev and build again; the HTML page needs nothing");
    return RN_EUSAGE;
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

#define CAIRO(X)                                                                                   \
    X(image_surface_create)                                                                        \
    X(create)                                                                                      \
    X(set_source_rgb)                                                                              \
    X(paint)                                                                                       \
    X(select_font_face)                                                                            \
    X(set_font_size)                                                                               \
    X(text_extents)                                                                                \
    X(show_text)                                                                                   \
    X(move_to)                                                                                     \
    X(line_to)                                                                                     \
    X(rectangle)                                                                                   \
    X(fill)                                                                                        \
    X(stroke)                                                                                      \
    X(set_line_width)                                                                              \
    X(set_line_cap)                                                                                \
    X(set_line_join)                                                                               \
    X(status)                                                                                      \
    X(status_to_string)                                                                            \
    X(surface_write_to_png_stream)                                                                 \
    X(destroy)                                                                                     \
    X(surface_destroy)

struct pen {
#define MEMBER(name) __typeof__(&cairo_##name) name;
    CAIRO(MEMBER)
#undef MEMBER
    cairo_t *on;
};

static int open_cairo(struct pen *p, struct rn_err *err)
{
    static const char *const names[] = {
#define NAME(name) "cairo_" #name,
        CAIRO(NAME)
#undef NAME
            NULL};
    _Static_assert(offsetof(struct pen, on) == (RN_COUNT(names) - 1) * sizeof names[0],
                   "functions come first, each with its name");
    const char *missing;
    if (rn_library_load(p, "libcairo.so.2", names, &missing))
        return RN_OK;
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "a picture needs cairo: %s", missing);
    rn_hint(err, "install libcairo2; the HTML page needs nothing");
    return RN_EUSAGE;
}

/* --- strokes --- */

enum { WIDTH = 1600, HEIGHT = 1040, MARGIN = 24, HEAD = 56 };
enum { INK = 0x1b1f24, SOFT = 0x57606a, RULE = 0xd8dee4, PAPER = 0xffffff };
enum { TEXT = 17, TITLE = 22 };

static void set_colour(const struct pen *p, unsigned rgb)
{
    p->set_source_rgb(p->on, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0);
}

/* Cairo takes UTF-8 only, and stops for good at anything else. Returns the width; share: of it that
 * stands left of x. */
static double put_text(const struct pen *p, double x, double y, double share, const char *text)
{
    cairo_text_extents_t extents;
    char *clean = rn_xdup(text);
    rn_ui_clean(clean);
    p->text_extents(p->on, clean, &extents);
    p->move_to(p->on, x - share * extents.x_advance, y);
    p->show_text(p->on, clean);
    free(clean);
    return extents.x_advance;
}

static void put_rule(void *ctx, struct rn_point from, struct rn_point to)
{
    const struct pen *p = ctx;
    set_colour(p, RULE);
    p->set_line_width(p->on, 1);
    p->move_to(p->on, floor(from.x) + 0.5, floor(from.y) + 0.5);
    p->line_to(p->on, floor(to.x) + 0.5, floor(to.y) + 0.5);
    p->stroke(p->on);
}

static void put_tick(void *ctx, struct rn_point at, enum rn_side place, const char *text)
{
    const struct pen *p = ctx;
    set_colour(p, SOFT);
    if (place == RN_BESIDE)
        put_text(p, at.x - 8, at.y + TEXT / 3.0, 1, text);
    else
        put_text(p, at.x, at.y + TEXT + 6, 0.5, text);
}

static void put_curve(void *ctx, size_t colour, const struct rn_point *points, size_t n)
{
    const struct pen *p = ctx;
    bool drawing = false;
    set_colour(p, rn_chart_colours[colour]);
    p->set_line_width(p->on, 2);
    for (size_t i = 0; i < n; i++) {
        bool shown = !isnan(points[i].y);
        if (shown && !drawing) /* a length of nothing: with round ends a point alone is a dot */
            p->move_to(p->on, points[i].x, points[i].y);
        if (shown)
            p->line_to(p->on, points[i].x, points[i].y);
        drawing = shown;
    }
    p->stroke(p->on);
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

static void put_legend(const struct pen *p, const struct rn_series *lines, size_t n, double right,
                       double y)
{
    for (size_t l = n; l-- > 0;) {
        set_colour(p, INK);
        right -= put_text(p, right, y, 1, lines[l].label) + 6;
        set_colour(p, rn_chart_colours[l % RN_CHART_COLOURS]);
        p->rectangle(p->on, right - 18, y - 9, 18, 6);
        p->fill(p->on);
        right -= 18 + 20;
    }
}

static void put_lines(struct pen *p, const struct panel *panel, struct rn_series *all, size_t n,
                      const struct rn_frame *f)
{
    struct rn_line *lines = rn_xalloc(n * sizeof *lines);
    const char *label = panel->over_time ? scale_time(all, n) : "step";
    for (size_t l = 0; l < n; l++)
        lines[l] = (struct rn_line){all[l].label, panel->over_time ? all[l].time_s : all[l].step,
                                    all[l].y, all[l].n};
    struct rn_chart chart = {.lines = lines, .n = n};
    struct rn_canvas canvas = {p, put_rule, put_tick, put_curve};
    p->set_font_size(p->on, TEXT);
    rn_chart_plot(&chart, f, &canvas);
    set_colour(p, SOFT);
    put_text(p, (f->left + f->right) / 2, f->bottom + 2 * TEXT + 14, 0.5,
             n ? label : "the run has no such numbers");
    put_legend(p, all, n, f->right, f->top - 10);
    free(lines);
}

static void put_panel(struct pen *p, const struct rn_account *a, size_t i)
{
    enum { LABELS = 84, UNDER = 62, OVER = 40 };
    size_t n;
    double width = (WIDTH - 2.0 * MARGIN) / ACROSS,
           height = (HEIGHT - HEAD - MARGIN) / (double)DOWN;
    double x = MARGIN + (double)(i % ACROSS) * width, y = HEAD + (double)(i / ACROSS) * height;
    struct rn_frame f = {x + LABELS, x + width - MARGIN, y + OVER, y + height - UNDER};
    struct rn_series *lines = rn_series_collect(a, 1, panels[i].metric, &n);
    p->set_font_size(p->on, TEXT);
    set_colour(p, INK);
    put_text(p, f.left, f.top - 10, 0, panels[i].title);
    put_lines(p, &panels[i], lines, n, &f);
    rn_series_free(lines, n);
}

/* --- the picture --- */

static void draw(struct pen *p, const struct rn_account *a)
{
    set_colour(p, PAPER);
    p->paint(p->on);
    p->select_font_face(p->on, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    p->set_line_cap(p->on, CAIRO_LINE_CAP_ROUND);
    p->set_line_join(p->on, CAIRO_LINE_JOIN_ROUND);
    p->set_font_size(p->on, TITLE);
    set_colour(p, INK);
    put_text(p, MARGIN, MARGIN + TITLE / 2.0, 0, a->state.tag);
    for (size_t i = 0; i < RN_COUNT(panels); i++)
        put_panel(p, a, i);
}

static cairo_status_t add_bytes(void *ctx, const unsigned char *bytes, unsigned n)
{
    rn_writer_add(ctx, bytes, n);
    return CAIRO_STATUS_SUCCESS;
}

static int write_picture(const struct pen *p, cairo_surface_t *surface, const char *path,
                         struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    cairo_status_t status = p->status(p->on);
    if (status == CAIRO_STATUS_SUCCESS)
        status = p->surface_write_to_png_stream(surface, add_bytes, &w);
    if (status == CAIRO_STATUS_SUCCESS)
        return rn_writer_commit(&w, NULL, err);
    rn_writer_abort(&w);
    return rn_fail(err, RN_EIO, RN_PATH(path), "cairo: %s", p->status_to_string(status));
}

int rn_panels_write(const struct rn_account *a, const char *path, struct rn_err *err)
{
    struct pen p = {0};
    RN_TRY(open_cairo(&p, err));
    cairo_surface_t *surface = p.image_surface_create(CAIRO_FORMAT_RGB24, WIDTH, HEIGHT);
    p.on = p.create(surface);
    draw(&p, a);
    int rc = write_picture(&p, surface, path, err);
    p.destroy(p.on);
    p.surface_destroy(surface);
    return rc;
}

#endif
