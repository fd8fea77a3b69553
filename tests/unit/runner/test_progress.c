#include "events.h"
#include "progress.h"

#include <criterion/criterion.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static char *text;
static size_t size;
static struct rn_ui ui;

static void talk_into_memory(enum rn_ui_mode mode)
{
    rn_ui_init(&ui, false, 5);
    ui.mode = mode;
    ui.color = ui.groups = false;
    ui.talk = open_memstream(&text, &size);
}

static const char *said(void)
{
    fflush(ui.talk);
    return text;
}

Test(progress, each_stage_at_work_has_one_live_line)
{
    talk_into_memory(RN_UI_LIVE);
    rn_ui_stage(&ui, '>', "data", "runs");
    rn_ui_stage(&ui, '>', "base", "runs");
    cr_assert_str_eq(said(), "> data   runs\n> data   "
                             "\r\033[K> base   runs\n> data   \n> base   ");
    rn_ui_progress(&ui, "base", 1, 10, "steps", "loss 3.2");
    usleep(110000);
    rn_ui_progress(&ui, "data", 10, 0, "files", NULL);
    size_t before = strlen(said());
    cr_assert_str_eq(text + before - strlen("> data   10 files\n> base   1/10 steps  loss 3.2"),
                     "> data   10 files\n> base   1/10 steps  loss 3.2");
    rn_ui_stage(&ui, '+', "data", "made");
    cr_assert_str_eq(said() + before, "\r\033[K\033[A\033[K+ data   made\n"
                                      "> base   1/10 steps  loss 3.2");
    before = strlen(text);
    rn_ui_stage(&ui, '-', "base", "failed");
    cr_assert_str_eq(said() + before, "\r\033[K- base   failed\n");
    rn_ui_release(&ui);
}

Test(progress, live_lines_are_drawn_ten_times_a_second_at_most)
{
    talk_into_memory(RN_UI_LIVE);
    rn_ui_stage(&ui, '>', "base", "runs");
    size_t before = strlen(said());
    for (int i = 0; i < 100000; i++)
        rn_ui_progress(&ui, "base", i, 100000, "steps", "loss 3.2");
    cr_assert_lt(strlen(said()) - before, 100 * 80);
    rn_ui_release(&ui);
}

Test(progress, a_log_has_transitions_and_a_line_every_30_s)
{
    talk_into_memory(RN_UI_PLAIN);
    rn_ui_stage(&ui, '>', "base", "runs");
    for (int i = 0; i < 1000; i++)
        rn_ui_progress(&ui, "base", i, 1000, "steps", NULL);
    cr_assert_str_eq(said(), "> base   runs\n");
    ui.rows[0].shown_s -= 31;
    rn_ui_progress(&ui, "base", 1000, 1000, "steps", "loss 1.0");
    rn_ui_progress(&ui, "base", 1000, 1000, "steps", "loss 1.0");
    cr_assert_eq(strncmp(said() + 14, "> base   1000/1000 steps  loss 1.0", 34), 0, "%s", text);
    cr_assert_eq(strchr(text + 14, '\n'), text + strlen(text) - 1);
    rn_ui_release(&ui);
}

/* One read of a terminal gives what has arrived by then, which may be less than was written. The
 * test's timeout ends it if the words never come. */
static void read_until(int fd, const char *words, char *screen, size_t cap)
{
    size_t n = 0;
    while (!strstr(screen, words) && n + 1 < cap) {
        ssize_t got = read(fd, screen + n, cap - 1 - n);
        cr_assert_gt(got, 0, "the terminal ended before \"%s\": %s", words, screen);
        n += (size_t)got;
        screen[n] = '\0';
    }
}

/* A line that wraps could not be taken back: wide characters count twice, nothing is cut in two. */
Test(progress, live_lines_fit_the_terminal, .timeout = 300)
{
    int outer, inner;
    struct winsize w = {.ws_col = 30, .ws_row = 24};
    cr_assert_eq(openpty(&outer, &inner, NULL, NULL, &w), 0);
    rn_ui_init(&ui, false, 5);
    ui.mode = RN_UI_LIVE;
    ui.color = false;
    ui.talk = fdopen(inner, "w");
    rn_ui_progress(&ui, "base", 7, 0, "x",
                   "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e"
                   "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e");
    char screen[256] = "";
    read_until(outer,
               "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e"
               "\xe8\xaa\x9e\xe8\xaa\x9e\xe8\xaa\x9e",
               screen, sizeof screen);
    /* "> base   7 x  " are 14 columns; 15 are left of 29: seven characters of two */
    cr_assert_eq(strlen(screen), 14 + 7 * 3, "%s", screen);
    rn_ui_release(&ui);
}

Test(progress, more_stages_than_lines_are_counted, .timeout = 300)
{
    int outer, inner;
    struct winsize w = {.ws_col = 80, .ws_row = 8};
    cr_assert_eq(openpty(&outer, &inner, NULL, NULL, &w), 0);
    rn_ui_init(&ui, false, 5);
    ui.mode = RN_UI_LIVE;
    ui.color = false;
    ui.talk = fdopen(inner, "w");
    for (int i = 0; i < 9; i++) {
        char stage[8];
        snprintf(stage, sizeof stage, "s%d", i);
        rn_ui_stage(&ui, '>', stage, "runs");
    }
    cr_assert_eq(ui.drawn, 4);
    char screen[8192] = "";
    read_until(outer, "  and 6 more", screen, sizeof screen);
    rn_ui_release(&ui);
}

Test(progress, groups_of_a_log_never_overlap)
{
    talk_into_memory(RN_UI_PLAIN);
    ui.groups = true;
    rn_ui_stage(&ui, '>', "a", "runs");
    rn_ui_stage(&ui, '>', "b", "runs");
    rn_ui_stage(&ui, '+', "b", "made");
    rn_ui_stage(&ui, '+', "a", "made");
    rn_ui_stage(&ui, '>', "c", "runs");
    rn_ui_stage(&ui, '+', "c", "made");
    cr_assert_str_eq(said(), "::group::a\n> a      runs\n::endgroup::\n> b      runs\n"
                             "+ b      made\n+ a      made\n"
                             "::group::c\n> c      runs\n::endgroup::\n+ c      made\n");
    rn_ui_release(&ui);
}

Test(events, the_table_is_whole)
{
    const char *event = NULL;
    for (const struct rn_event_row *r = rn_event_rows; r->event || r->field; r++) {
        event = r->event ? r->event : event;
        cr_assert_not_null(event);
        cr_assert_gt(strlen(r->doc), 5);
        for (const struct rn_event_row *o = r + 1; o->field && r->field; o++)
            cr_assert_str_neq(o->field, r->field, "%s", event);
    }
    json_t *schema = rn_events_schema();
    cr_assert_not_null(schema);
    json_decref(schema);
}
