/* What `runnel fetch` says of its files: many neighbours that say the same in one line, whoever
 * failed in a line of his own, and every file for programs. */
#include "fetch_rows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct rn_fetch_rows rows;
static char got[8192];

/* n files of an entry, from number `first` on, a KiB each. */
static void add(const char *entry, int first, int n, const char *state)
{
    for (int i = first; i < first + n; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s/f%02d", entry, i);
        struct rn_fetch_row *row = rn_fetch_rows_add(&rows, file, state);
        row->size_bytes = 1024;
        row->trust = "sums";
        row->where = "a.example";
        snprintf(row->sha256, RN_HEX, "%064d", i);
    }
}

static struct rn_fetch_row *last_row(void)
{
    return &rows.rows[rows.n - 1];
}

static int count_lines(void)
{
    int n = 0;
    for (const char *p = got; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static void print(bool json)
{
    FILE *f = tmpfile();
    cr_assert(f && dup2(fileno(f), STDOUT_FILENO) >= 0);
    rn_fetch_rows_print(&rows, json);
    rn_fetch_rows_release(&rows);
    rows = (struct rn_fetch_rows){0};
    fflush(stdout);
    rewind(f);
    got[fread(got, 1, sizeof got - 1, f)] = '\0';
    fclose(f);
}

static void expect_lines(const char *expected)
{
    print(false);
    cr_expect_str_eq(got, expected);
}

Test(fetch_rows, a_folded_line_names_both_ends_and_says_what_all_have_in_common)
{
    add("data.s", 0, 9, "fetched");
    expect_lines("state    file               size              trust  where\n"
                 "fetched  data.s/f00 .. f08  9 files, 9.0 KiB  sums   a.example\n");
}

Test(fetch_rows, a_handful_is_listed)
{
    add("data.s", 0, RN_FETCH_LISTED, "fetched");
    print(false);
    cr_expect_eq(count_lines(), 1 + RN_FETCH_LISTED);
    cr_expect_null(strstr(got, ".."));
}

Test(fetch_rows, a_failure_breaks_the_line_in_two_and_stands_between_them)
{
    add("data.s", 0, 40, "fetched");
    rows.rows[20].state = "failed";
    rows.rows[20].trust = "-";
    rows.rows[20].where = "";
    rows.rows[20].alone = true;
    expect_lines(
        "state    file               size                sha256        trust  where\n"
        "fetched  data.s/f00 .. f19  20 files, 20.0 KiB                sums   a.example\n"
        "failed   data.s/f20         1.0 KiB             000000000000  -\n"
        "fetched  data.s/f21 .. f39  19 files, 19.0 KiB                sums   a.example\n");
}

Test(fetch_rows, what_failed_never_shares_a_line)
{
    add("data.s", 0, 40, "failed");
    for (size_t i = 0; i < rows.n; i++)
        rows.rows[i].alone = true;
    print(false);
    cr_expect_eq(count_lines(), 1 + 40);
}

/* Also where it says what those before and behind it say: at either end and in the middle. */
Test(fetch_rows, who_stands_alone_does_so_among_equals)
{
    add("data.s", 0, 21, "ok");
    rows.rows[0].alone = rows.rows[10].alone = rows.rows[20].alone = true;
    print(false);
    cr_expect_eq(count_lines(), 1 + 3 + 2, "%s", got);
    cr_expect(strstr(got, "f01 .. f09") && strstr(got, "f11 .. f19"), "%s", got);
}

Test(fetch_rows, entries_never_share_a_line)
{
    add("data.s", 0, 9, "fetched");
    add("data.sh", 9, 9, "fetched");
    expect_lines("state    file                size              trust  where\n"
                 "fetched  data.s/f00 .. f08   9 files, 9.0 KiB  sums   a.example\n"
                 "fetched  data.sh/f09 .. f17  9 files, 9.0 KiB  sums   a.example\n");
}

/* Each of the four words tells files apart; the file in the middle leaves eight on either side. */
Test(fetch_rows, only_files_that_say_the_same_share_a_line)
{
    for (int word = 0; word < 4; word++) {
        add("data.s", 0, 17, "fetched");
        const char **differs[] = {&rows.rows[8].state, &rows.rows[8].trust, &rows.rows[8].where,
                                  &rows.rows[8].health};
        *differs[word] = "other";
        print(false);
        cr_expect_eq(count_lines(), 1 + 17, "word %d:\n%s", word, got);
    }
}

Test(fetch_rows, a_date_is_told_if_it_is_that_of_all)
{
    for (int differ = 0; differ < 2; differ++) {
        add("data.s", 0, 9, "good");
        for (size_t i = 0; i < rows.n; i++)
            rows.rows[i].date = "2026-11-21";
        if (differ)
            last_row()->date = "2026-11-22";
        print(false);
        cr_expect_eq(count_lines(), 2);
        cr_expect_eq(strstr(got, "a.example 2026-11-21\n") != NULL, !differ, "%s", got);
    }
}

/* What is claimed of one file is not known of all, nor is a sum that no number holds. */
Test(fetch_rows, sizes_are_added_up_if_all_are_known)
{
    const int64_t sizes[] = {-1, INT64_MAX};
    for (size_t i = 0; i < RN_COUNT(sizes); i++) {
        add("data.s", 0, 9, "ok");
        rows.rows[4].size_bytes = sizes[i];
        print(false);
        cr_expect(strstr(got, "  9 files  sums"), "%s", got);
    }
}

/* --check: a row for each source, those of a file together. */
Test(fetch_rows, sources_of_alike_files_are_a_line_each)
{
    for (int i = 0; i < 20; i++) {
        add("data.s", i, 1, "refused");
        add("data.s", i, 1, "ok");
        last_row()->where = "b.example";
    }
    rows.rows[2 * 9 + 1].state = "transient"; /* f09 at b.example */
    expect_lines(
        "state      file               size                sha256        trust  where\n"
        "refused    data.s/f00 .. f08  9 files, 9.0 KiB                  sums   a.example\n"
        "ok         data.s/f00 .. f08  9 files, 9.0 KiB                  sums   b.example\n"
        "refused    data.s/f09         1.0 KiB             000000000000  sums   a.example\n"
        "transient  data.s/f09         1.0 KiB             000000000000  sums   b.example\n"
        "refused    data.s/f10 .. f19  10 files, 10.0 KiB                sums   a.example\n"
        "ok         data.s/f10 .. f19  10 files, 10.0 KiB                sums   b.example\n");
}

Test(fetch_rows, a_file_of_other_sources_stands_apart)
{
    add("data.s", 0, 9, "ok");
    add("data.s", 9, 1, "ok");
    add("data.s", 9, 1, "ok");
    add("data.s", 10, 9, "ok");
    print(false);
    cr_expect_eq(count_lines(), 1 + 1 + 2 + 1, "%s", got);
}

Test(fetch_rows, programs_get_every_file)
{
    add("data.s", 0, 20, "cached");
    rn_fetch_rows_add(&rows, "data.t/raw", "ok")->health = "";
    last_row()->where = "h: \xff";
    last_row()->date = "2026-11-21";
    rn_fetch_rows_add(&rows, "data.u/raw", "failed")->message = "no source";
    print(true);
    cr_expect_eq(count_lines(), 22);
    cr_expect(strstr(got, "{\"file\":\"data.s/f07\",\"sha256\":"
                          "\"0000000000000000000000000000000000000000000000000000000000000007\","
                          "\"size_bytes\":1024,\"state\":\"cached\",\"trust\":\"sums\","
                          "\"where\":\"a.example\"}\n"));
    cr_expect(strstr(got, "{\"file\":\"data.u/raw\",\"message\":\"no source\",\"sha256\""), "%s",
              got);
    cr_expect(strstr(got, "{\"file\":\"data.t/raw\",\"health\":\"\",\"sha256\":\"\","
                          "\"size_bytes\":-1,\"state\":\"ok\",\"trust\":\"-\","
                          "\"where\":\"h: \xef\xbf\xbd 2026-11-21\"}\n"),
              "%s", got);
}

Test(fetch_rows, no_file_is_no_line)
{
    print(false);
    cr_expect_eq(count_lines(), 0);
}
