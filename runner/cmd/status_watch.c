#include "status_watch.h"

#include "clock.h"
#include "dashboard.h"
#include "mem.h"
#include "progress.h"
#include "table.h"
#include "terminal.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double DRAW_EVERY_S = 0.5, LINE_EVERY_S = 30, SHARE = 50;

/* --- on a screen --- */

/* What is there is drawn again, to another size or with later clocks, until it is worth a look. */
static bool show(struct rn_screen *screen, const struct rn_runstate *r, double until_s)
{
    bool stays = true;
    do {
        struct rn_view view = {.utf8 = rn_terminal_utf8(), .now_s = rn_time_s()};
        struct rn_str text = {0};
        rn_terminal_size(STDOUT_FILENO, &view.columns, &view.lines);
        rn_dashboard(&text, r, &view);
        rn_screen_draw(screen, text.p);
        rn_str_release(&text);
        stays = rn_screen_wait(screen, DRAW_EVERY_S);
    } while (stays && rn_clock_s() < until_s);
    return stays;
}

static int watch_screen(const char *dir, struct rn_err *err)
{
    struct rn_screen screen;
    RN_TRY(rn_screen_open(&screen, err));
    for (bool going = true; going;) {
        struct rn_runstate r;
        double began_s = rn_clock_s();
        rn_runstate_init(&r, dir);
        double ready_s = rn_clock_s();
        going = r.running && show(&screen, &r, ready_s + SHARE * (ready_s - began_s));
        rn_runstate_release(&r);
    }
    rn_screen_close(&screen);
    return RN_OK;
}

/* --- in lines --- */

struct told { /* what was said of a stage last */
    char *stage, *word;
    int64_t step;
    double when_s;
};
struct teller {
    struct told *told;
    size_t n, cap;
    bool json;
};

static struct told *told_of(struct teller *t, const char *stage)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->told[i].stage, stage) == 0)
            return &t->told[i];
    struct told fresh = {.stage = rn_xdup(stage), .word = rn_xdup(""), .step = -1};
    RN_PUSH(t->told, t->n, t->cap, fresh);
    return &t->told[t->n - 1];
}

static void print_stage(const struct teller *t, const struct rn_runstate *r,
                        const struct rn_stage_state *s, double now_s)
{
    if (t->json) {
        json_t *doc = rn_runstate_stage_json(r, s);
        rn_table_object(doc);
        json_decref(doc);
        return;
    }
    struct rn_str line = {0};
    char clock[sizeof "11:24:05"] = "";
    time_t now = (time_t)now_s;
    struct tm tm;
    if (localtime_r(&now, &tm))
        strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    rn_dashboard_line(&line, s, now_s);
    char *text = rn_xprintf("%s  %s  %s  %s", clock, s->name, s->word, line.p);
    rn_ui_clean(text);
    puts(text);
    free(text);
    rn_str_release(&line);
}

static void tell_stage(struct teller *t, const struct rn_runstate *r,
                       const struct rn_stage_state *s)
{
    double now_s = rn_time_s();
    struct told *told = told_of(t, s->name);
    bool turned = strcmp(told->word, s->word) != 0;
    bool news = turned || (told->step != s->step && now_s - told->when_s >= LINE_EVERY_S);
    if (!s->last || !news)
        return;
    print_stage(t, r, s, now_s);
    free(told->word);
    *told = (struct told){told->stage, rn_xdup(s->word), s->step, now_s};
}

static void watch_lines(const char *dir, bool json)
{
    struct teller t = {.json = json};
    for (bool going = true; going;) {
        struct rn_runstate r;
        double began_s = rn_clock_s();
        rn_runstate_init(&r, dir);
        for (size_t i = 0; i < r.n_stages; i++)
            tell_stage(&t, &r, &r.stages[i]);
        going = r.running && fflush(stdout) == 0; /* nobody reads any more: enough */
        rn_runstate_release(&r);
        double wait_s = SHARE * (rn_clock_s() - began_s);
        if (going)
            poll(NULL, 0, (int)(1000 * (wait_s > DRAW_EVERY_S ? wait_s : DRAW_EVERY_S)));
    }
    for (size_t i = 0; i < t.n; i++) {
        free(t.told[i].stage);
        free(t.told[i].word);
    }
    free(t.told);
}

int rn_status_watch(const char *run_dir, bool json, struct rn_err *err)
{
    if (!json && rn_terminal_live(STDOUT_FILENO))
        return watch_screen(run_dir, err);
    watch_lines(run_dir, json);
    return RN_OK;
}
