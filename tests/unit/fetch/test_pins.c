/* Pins survive, merge and never turn into something else in silence. */
#include "../scratch.h"
#include "file.h"
#include "path.h"
#include "rig.h"

#include <pthread.h>

static char *path, *run;

static void up(void)
{
    scratch_up();
    path = rn_join(dir, "pipelines/p.lock");
    run = rn_join(dir, "run");
    char *pipelines = rn_join(dir, "pipelines");
    cr_assert_eq(rn_mkdirs(pipelines, NULL), RN_OK);
    cr_assert_eq(rn_mkdirs(run, NULL), RN_OK);
    free(pipelines);
}

static void down(void)
{
    scratch_down();
    free(path);
    free(run);
}

TestSuite(pins, .init = up, .fini = down, .timeout = 300);

static struct rn_pin pin(const char *id, const char *content)
{
    struct rn_pin p = {.id = id,
                       .size_bytes = (int64_t)strlen(content),
                       .trust = RN_TRUST_FIRST_USE,
                       .host = "example.org"};
    rn_sha256_hex(content, strlen(content), p.sha256);
    return p;
}

static void add(struct rn_pins *l, const char *id, const char *content)
{
    struct rn_pin p = pin(id, content);
    const struct rn_pin *was = rn_pins_find(l, id);
    struct rn_err err = {0};
    snprintf(p.replaces, RN_HEX, "%s", was ? was->sha256 : "");
    cr_assert_eq(rn_pins_add(l, &p, 1, &err), RN_OK, "%s", err.msg);
}

Test(pins, what_is_added_is_read_again_sorted)
{
    struct rn_pins l, again;
    struct rn_err err = {0};
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK);
    cr_assert_null(rn_pins_find(&l, "d.b/x"));
    add(&l, "d.b/x", "one");
    add(&l, "d.a/x", "two");
    add(&l, "d.c/x", "three");
    add(&l, "d.b/x", "changed");
    cr_assert_eq(rn_pins_open(&again, path, run, &err), RN_OK);
    cr_assert_eq(again.n, 3);
    cr_assert_str_eq(again.pins[0].id, "d.a/x");
    cr_assert_str_eq(again.pins[2].id, "d.c/x");
    const struct rn_pin *p = rn_pins_find(&again, "d.b/x");
    cr_assert_str_eq(p->sha256, pin("d.b/x", "changed").sha256);
    cr_assert_eq(p->size_bytes, 7);
    cr_assert_eq(p->trust, RN_TRUST_FIRST_USE);
    cr_assert_str_eq(p->host, "example.org");
    rn_pins_release(&l);
    rn_pins_release(&again);
}

Test(pins, a_comment_may_stand_after_blanks)
{
    struct rn_pins l;
    struct rn_err err = {0};
    char *text = rn_xprintf(" # once: d.a/x 3 %s first-use h\n\t#\n", pin("", "abc").sha256);
    cr_assert_eq(rn_file_write(path, text, strlen(text), &err), RN_OK);
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(l.n, 0);
    rn_pins_release(&l);
    free(text);
}

#define ABC "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"

Test(pins, a_line_tells_trust_host_date_and_etag)
{
    struct rn_pins l, again;
    struct rn_err err = {0};
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK);
    struct rn_pin p = pin("d.a/x", "one");
    p.trust = RN_TRUST_HEADER;
    p.etag = "\"a b\xff\"";
    cr_assert_eq(rn_pins_add(&l, &p, 1, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_pins_open(&again, path, run, &err), RN_OK, "%s", err.msg);
    const struct rn_pin *read = rn_pins_find(&again, "d.a/x");
    cr_assert_eq(read->trust, RN_TRUST_HEADER);
    cr_assert_str_eq(read->etag, "\"a?b?\"");
    cr_assert_eq(strlen(read->date), strlen("2026-11-21T11:24:05Z"));
    cr_assert_eq(read->date[10], 'T');
    rn_pins_release(&l);
    rn_pins_release(&again);
}

Test(pins, five_columns_of_an_older_version_are_read)
{
    static const char old[] = "# runnel lock 1: id, bytes, sha256, trust, host\n"
                              "d.a/x 3 " ABC " first-use example.org\n";
    struct rn_pins l;
    struct rn_err err = {0};
    cr_assert_eq(rn_file_write(path, old, strlen(old), NULL), RN_OK);
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(rn_pins_find(&l, "d.a/x")->date, "-");
    add(&l, "d.b/x", "two");
    rn_pins_release(&l);
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(rn_pins_find(&l, "d.a/x")->etag, "-");
    cr_assert_str_eq(rn_pins_find(&l, "d.a/x")->host, "example.org");
    rn_pins_release(&l);
}

Test(pins, what_a_merge_left_behind_is_named)
{
    static const struct {
        const char *text, *told;
        int line;
    } bad[] = {
        {"<<<<<<< HEAD\nd.a/x 3 " ABC " yaml h\n", "merge conflict", 1},
        {"d.a/x 3 " ABC " yaml h\n=======\n", "merge conflict", 2},
        {"d.a/x 3 " ABC " yaml h\n>>>>>>> theirs\n", "merge conflict", 2},
        {"d.a/x 3 " ABC " yaml h\nd.b/x 3 " ABC " yaml h\nd.a/x 4 " ABC " yaml h\n",
         "'d.a/x' is pinned twice", 3},
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_pins l;
        struct rn_err err = {0};
        cr_assert_eq(rn_file_write(path, bad[i].text, strlen(bad[i].text), NULL), RN_OK);
        cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_ECONFIG, "%s", bad[i].text);
        cr_assert(strstr(err.msg, bad[i].told), "%s", err.msg);
        cr_assert_eq(err.line, bad[i].line);
    }
}

static void *add_many(void *ctx)
{
    struct rn_pins l;
    struct rn_err err = {0};
    char id[32];
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK, "%s", err.msg);
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof id, "d.%s/%d", (const char *)ctx, i);
        add(&l, id, id);
    }
    rn_pins_release(&l);
    return NULL;
}

Test(pins, writers_at_the_same_time_lose_no_pin)
{
    pthread_t threads[4];
    static const char *const names[] = {"a", "b", "c", "e"};
    for (size_t i = 0; i < RN_COUNT(threads); i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_many, (void *)names[i]), 0);
    for (size_t i = 0; i < RN_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    struct rn_pins l;
    cr_assert_eq(rn_pins_open(&l, path, run, NULL), RN_OK);
    cr_assert_eq(l.n, 40);
    rn_pins_release(&l);
}

Test(pins, two_writers_keep_each_others_pins)
{
    struct rn_pins a, b;
    struct rn_err err = {0};
    cr_assert_eq(rn_pins_open(&a, path, run, &err), RN_OK);
    cr_assert_eq(rn_pins_open(&b, path, run, &err), RN_OK);
    add(&a, "d.a/x", "one");
    add(&b, "d.b/x", "two");
    add(&a, "d.c/x", "three");
    cr_assert_eq(a.n, 3);
    rn_pins_release(&a);
    rn_pins_release(&b);
}

Test(pins, two_writers_do_not_overwrite_what_they_disagree_on)
{
    struct rn_pins a, b;
    struct rn_err err = {0};
    struct rn_pin other = pin("d.a/x", "two");
    cr_assert_eq(rn_pins_open(&a, path, run, &err), RN_OK);
    cr_assert_eq(rn_pins_open(&b, path, run, &err), RN_OK);
    add(&a, "d.a/x", "one");
    cr_assert_eq(rn_pins_add(&b, &other, 1, &err), RN_EFETCH);
    cr_expect(strstr(err.msg, "d.a/x was pinned"), "%s", err.msg);
    add(&b, "d.a/x", "one");
    add(&b, "d.a/x", "two"); /* who has seen the pin may replace it */
    add(&a, "d.b/x", "three");
    other = pin("d.a/x", "four");
    other.trust = RN_TRUST_YAML;
    add(&b, "d.a/x", "five");
    cr_expect_eq(rn_pins_add(&a, &other, 1, &err), RN_OK, "the pipeline file decides");
    rn_pins_release(&a);
    rn_pins_release(&b);
}

Test(pins, what_was_read_on_the_way_is_not_overwritten_unseen)
{
    struct rn_pins a, b;
    struct rn_err err = {0};
    struct rn_pin other = pin("d.a/x", "two");
    cr_assert_eq(rn_pins_open(&a, path, run, &err), RN_OK);
    cr_assert_eq(rn_pins_open(&b, path, run, &err), RN_OK);
    add(&b, "d.a/x", "one");
    add(&a, "d.b/y", "another file"); /* reads the other's pin, which nobody compared */
    cr_assert_eq(rn_pins_add(&a, &other, 1, &err), RN_EFETCH);
    cr_expect_str_eq(rn_pins_find(&a, "d.a/x")->sha256, pin("", "one").sha256);
    rn_pins_release(&a);
    rn_pins_release(&b);
}

Test(pins, an_edit_by_hand_between_two_additions_is_heeded)
{
    struct rn_pins l;
    struct rn_err err = {0};
    char *text;
    size_t n;
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK);
    add(&l, "d.a/x", "one");
    cr_assert_eq(rn_file_read(path, 4096, &text, &n, &err), RN_OK);
    memcpy(strstr(text, "example.org"), "elsewhere.x", 11);
    cr_assert_eq(rn_file_write(path, text, n, &err), RN_OK);
    free(text);
    add(&l, "d.b/y", "two");
    cr_expect_str_eq(rn_pins_find(&l, "d.a/x")->host, "elsewhere.x");
    rn_pins_release(&l);
}

Test(pins, an_unreadable_line_is_an_error_at_that_line)
{
    static const char *const bad[] = {
        "d.a/x 3 0123 first-use host\n",
        "d.a/x three 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae yaml host\n",
        "d.a/x 3 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae guess host\n",
        "d.a/x 3 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae yaml\n",
        "d.a/x 3 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae yaml host date\n",
        "d.a/x 3 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae yaml h d e x\n",
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        struct rn_pins l;
        struct rn_err err = {0};
        char *text = rn_xprintf("# a comment\n\n%s", bad[i]);
        cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
        cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_ECONFIG, "%s", bad[i]);
        cr_assert_eq(err.line, 3);
        free(text);
    }
}

Test(pins, a_folder_that_cannot_be_written_is_not_written)
{
    if (geteuid() == 0) {
        fprintf(stderr, "SKIP: root may write everywhere; trying a folder that is not there\n");
        rn_remove_tree(path, NULL);
        char *pipelines = rn_dirname(path);
        rn_remove_tree(pipelines, NULL);
        free(pipelines);
    } else {
        char *pipelines = rn_dirname(path);
        cr_assert_eq(access(pipelines, W_OK), 0);
        cr_assert_eq(rmdir(pipelines), 0);
        free(pipelines);
    }
    struct rn_pins l;
    struct rn_err err = {0};
    cr_assert_eq(rn_pins_open(&l, path, run, &err), RN_OK);
    add(&l, "d.a/x", "one");
    char *there = rn_join(run, "p.lock");
    cr_assert(rn_exists(there));
    free(there);
    rn_pins_release(&l);
}
