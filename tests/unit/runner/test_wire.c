/* What a stage's process says arrives as it was said; what no stage would say is not believed. */
#include "wire.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ends[2];
static struct rn_wire wire;
static struct rn_inbox inbox;

static void setup(void)
{
    cr_assert_eq(pipe(ends), 0);
    rn_wire_init(&wire, ends[1]);
}
static void teardown(void)
{
    rn_inbox_release(&inbox);
}
TestSuite(wire, .init = setup, .fini = teardown, .timeout = 300);

static struct rn_news next(void)
{
    struct rn_news news = {0};
    if (rn_inbox_next(&inbox, &news))
        return news;
    rn_inbox_read(&inbox, ends[0]);
    cr_assert(rn_inbox_next(&inbox, &news), "nothing came");
    return news;
}

Test(wire, everything_arrives_as_it_was_said)
{
    struct rn_metric_value v[6];
    for (int i = 0; i < 6; i++)
        v[i] = (struct rn_metric_value){i % 2 ? "loss" : "norm", i == 5 ? NAN : (float)i};
    struct rn_arrival a = {"shards", 3, 8, "a.bin", "/cache/ab", 12, "00ff"};
    rn_wire_log(&wire, RN_WARN, "low on space");
    rn_wire_progress(&wire, 3, 10, "files", "a.bin");
    rn_wire_numbers(&wire, 7, v, 6);
    rn_wire_arrival(&wire, &a);
    rn_wire_file(&wire, &(struct rn_file_end){"data.f/a", "failed", "", -1, "-", "", "dead", true});
    rn_wire_tick(&wire);
    rn_wire_meet(&wire, "a0ff");
    struct rn_news n = next();
    cr_expect(n.kind == RN_NEWS_LOG && n.level == RN_WARN);
    cr_expect_str_eq(n.text, "low on space");
    n = next();
    cr_expect(n.kind == RN_NEWS_PROGRESS && n.done == 3 && n.total == 10);
    cr_expect_str_eq(n.unit, "files");
    size_t numbers = 0;
    while (numbers < 6) { /* in as many messages as it takes */
        n = next();
        cr_assert(n.kind == RN_NEWS_NUMBERS && n.step == 7 && n.n_values > 0);
        for (size_t i = 0; i < n.n_values; i++, numbers++)
            cr_expect(n.values[i].value == v[numbers].value ||
                      (isnan(n.values[i].value) && numbers == 5));
    }
    n = next();
    cr_expect(n.kind == RN_NEWS_ARRIVAL && n.arrival.index == 3 && n.arrival.count == 8);
    cr_expect_str_eq(n.arrival.path, "/cache/ab");
    n = next();
    cr_expect(n.kind == RN_NEWS_FILE && n.file.size_bytes == -1);
    cr_expect_str_eq(n.file.file, "data.f/a");
    cr_expect_str_eq(n.file.message, "dead");
    n = next();
    cr_expect(n.kind == RN_NEWS_TICK && n.done == 3, "a tick says how far the last progress was");
    n = next();
    cr_expect(n.kind == RN_NEWS_MEET);
    cr_expect_str_eq(n.text, "a0ff");
}

Test(wire, end_carries_the_whole_error)
{
    struct rn_stage_end end = {.rc = RN_ESTAGE, .step = 12, .stage_s = 1.5, .sync_s = 0.25};
    rn_fail(&end.err, RN_ESTAGE, (struct rn_place){"a.yaml", 3, 7}, "too bad");
    rn_hint(&end.err, "try again");
    rn_wire_end(&wire, &end);
    struct rn_news n = next();
    cr_assert_eq(n.kind, RN_NEWS_END);
    cr_expect(n.end.rc == RN_ESTAGE && n.end.step == 12 && n.end.sync_s == 0.25);
    cr_expect_str_eq(n.end.err.msg, "too bad");
    cr_expect_str_eq(n.end.err.hint, "try again");
    cr_expect_str_eq(n.end.err.path, "a.yaml");
    cr_expect(n.end.err.line == 3 && n.end.err.col == 7);
}

Test(wire, end_names_what_was_published)
{
    struct rn_stage_end end = {.rc = RN_OK};
    memset(end.out, 'a', RN_HEX - 1);
    rn_wire_end(&wire, &end);
    cr_expect_str_eq(next().end.out, end.out);
    end.out[0] = '\0';
    rn_wire_end(&wire, &end);
    cr_expect_str_empty(next().end.out);
}

Test(wire, key_that_is_none_breaks_the_inbox)
{
    struct rn_stage_end end = {.rc = RN_OK, .out = "../../elsewhere"};
    struct rn_news news;
    rn_wire_end(&wire, &end);
    cr_assert(rn_inbox_read(&inbox, ends[0]));
    cr_expect_not(rn_inbox_next(&inbox, &news));
    cr_expect(inbox.broken);
}

Test(wire, message_in_pieces_arrives_once_it_is_whole)
{
    int through[2];
    char bytes[256];
    rn_wire_log(&wire, RN_INFO, "in pieces");
    ssize_t n = read(ends[0], bytes, sizeof bytes);
    cr_assert(n > 8 && pipe(through) == 0);
    struct rn_news news;
    for (ssize_t i = 0; i < n; i++) {
        cr_expect_not(rn_inbox_next(&inbox, &news));
        cr_assert_eq(write(through[1], bytes + i, 1), 1);
        cr_expect(rn_inbox_read(&inbox, through[0]));
    }
    cr_assert(rn_inbox_next(&inbox, &news));
    cr_expect_str_eq(news.text, "in pieces");
}

Test(wire, texts_that_are_too_long_are_cut)
{
    enum { LONG = 100000 };
    char *text = calloc(1, LONG + 1);
    memset(text, 'x', LONG);
    rn_wire_log(&wire, RN_INFO, text);
    struct rn_news n = next();
    cr_expect(strlen(n.text) > 1000 && strlen(n.text) < LONG);
    free(text);
}

/* A reader of bytes that nobody promised anything about. */
static void feed(const void *bytes, size_t n)
{
    struct rn_inbox in = {0};
    struct rn_news news;
    int pair[2];
    cr_assert(pipe(pair) == 0 && write(pair[1], bytes, n) == (ssize_t)n);
    close(pair[1]);
    for (bool more = true; more;) {
        more = rn_inbox_read(&in, pair[0]);
        while (rn_inbox_next(&in, &news))
            continue;
    }
    close(pair[0]);
    rn_inbox_release(&in);
}

Test(wire, damaged_messages_do_no_harm)
{
    unsigned char bytes[4096], broken[4096];
    struct rn_stage_end end = {.rc = RN_ESTAGE};
    struct rn_metric_value v = {"loss", 1};
    struct rn_arrival a = {"shards", 3, 8, "a.bin", "/cache/ab", 12, "00ff"};
    rn_fail(&end.err, RN_ESTAGE, RN_LINE("a.yaml", 1), "bad");
    rn_wire_numbers(&wire, 1, &v, 1);
    rn_wire_arrival(&wire, &a);
    rn_wire_end(&wire, &end);
    ssize_t n = read(ends[0], bytes, sizeof bytes);
    cr_assert_gt(n, 100);
    unsigned seed = 1;
    for (int round = 0; round < 20000; round++) {
        memcpy(broken, bytes, (size_t)n);
        for (int k = 0; k < 1 + round % 4; k++) {
            seed = seed * 1103515245u + 12345u;
            broken[(seed >> 8) % (unsigned)n] = (unsigned char)(seed >> 24);
        }
        feed(broken, (size_t)n - (size_t)(round % 3));
    }
}

Test(wire, size_beyond_the_cap_ends_the_talk)
{
    uint32_t head[2] = {1u << 30, RN_NEWS_LOG};
    struct rn_news news;
    cr_assert_eq(write(ends[1], head, sizeof head), sizeof head);
    rn_inbox_read(&inbox, ends[0]);
    cr_expect_not(rn_inbox_next(&inbox, &news));
    cr_expect(inbox.broken);
    cr_expect_not(rn_inbox_read(&inbox, ends[0]));
}
