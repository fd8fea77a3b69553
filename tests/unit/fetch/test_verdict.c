/* Bytes decide; looks alike are told apart. */
#include "file.h"
#include "rig.h"

TestSuite(verdict, .timeout = 300);

static enum rn_verdict judge(const char *body, const char *format)
{
    struct rn_finding f;
    rn_judge_bytes(body, strlen(body), (int64_t)strlen(body), format, 200, &f);
    return f.verdict;
}

Test(verdict, error_pages_in_every_dress)
{
    static const char *const pages[] = {
        "<!DOCTYPE html><html>",
        "  \r\n\t<HTML>",
        "\xEF\xBB\xBF<html>",
        "<meta charset=x>",
        "<!-- cached --><html>",
        "<head>",
        "<?xml version='1.0'?><Error><Code>X</Code></Error>",
        "<Error><Code>NoSuchKey</Code></Error>",
        "<?xml version='1.0'?><rss/>",
    };
    for (size_t i = 0; i < RN_COUNT(pages); i++)
        cr_assert_eq(judge(pages[i], "jsonl"), RN_ERROR_PAGE, "%s", pages[i]);
    cr_assert_eq(judge("<!doctype html><p>a page</p>", "html"), RN_ACCEPTED);
    cr_assert_eq(judge("a < b and b > c", "text"), RN_ACCEPTED);
}

Test(verdict, json_errors_but_not_json_that_says_error)
{
    cr_assert_eq(judge("{\"error\": \"gated\"}", NULL), RN_ERROR_JSON);
    cr_assert_eq(judge("{\"error\": {\"message\": \"quota\"}}", NULL), RN_ERROR_JSON);
    cr_assert_eq(judge("{\"message\": \"Not Found\", \"documentation_url\": \"u\"}", NULL),
                 RN_ERROR_JSON);
    cr_assert_eq(judge("{\"error\": 18224, \"a\": 1}", "json"), RN_ACCEPTED, "a vocabulary");
    cr_assert_eq(judge("{\"message\": \"hello\"}\n", "jsonl"), RN_ACCEPTED);
    cr_assert_eq(judge("{\"error\": \"a\"}\n{\"error\": \"b\"}\n", "jsonl"), RN_ACCEPTED,
                 "two records are a file");
}

Test(verdict, s3_codes_that_pass_are_asked_again)
{
    cr_assert_eq(judge("<Error><Code>SlowDown</Code></Error>", NULL), RN_TRANSIENT);
    cr_assert(rn_verdict_again(RN_TRANSIENT) && rn_verdict_again(RN_TRUNCATED));
    cr_assert(!rn_verdict_again(RN_REFUSED) && !rn_verdict_again(RN_DIGEST));
}

Test(verdict, the_evidence_is_printable_whatever_came)
{
    struct rn_finding f;
    const char evil[] = "<Error><Code>A\033[31m\n\"B</Code><Message>\x01\xFF</Message></Error>";
    rn_judge_bytes(evil, sizeof evil - 1, sizeof evil - 1, NULL, 403, &f);
    for (const char *p = f.detail; *p; p++)
        cr_assert(*p >= 0x20 && *p < 0x7F);
    cr_assert(!rn_find(&f, RN_REFUSED, "%s", "a\033[2J\n\xC3"));
    cr_assert_str_eq(f.detail, "a?[2J??");
    char buf[256];
    cr_assert_str_eq(rn_show_text(buf, "<a>\n\x80\"", 6), "\"<a>\\n\\x80\\\"\"");
    cr_assert_str_eq(rn_show_hex(buf, "<META\x01", 6), "3C 4D 45 54 41 01 \"<META.\"");
}

Test(verdict, statuses)
{
    static const struct {
        long status;
        enum rn_verdict verdict;
    } rows[] = {
        {408, RN_TRANSIENT}, {425, RN_TRANSIENT},   {429, RN_TRANSIENT},   {500, RN_TRANSIENT},
        {502, RN_TRANSIENT}, {503, RN_TRANSIENT},   {504, RN_TRANSIENT},   {522, RN_TRANSIENT},
        {524, RN_TRANSIENT}, {401, RN_REFUSED},     {403, RN_REFUSED},     {404, RN_REFUSED},
        {410, RN_REFUSED},   {451, RN_REFUSED},     {300, RN_REFUSED},     {304, RN_REFUSED},
        {203, RN_REFUSED},   {511, RN_INTERCEPTED}, {407, RN_INTERCEPTED}, {206, RN_TRUNCATED}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_finding f;
        rn_judge_status(rows[i].status, "", 0, &f);
        cr_assert_eq(f.verdict, rows[i].verdict, "%ld", rows[i].status);
    }
}

Test(verdict, the_status_decides_and_the_body_says_why)
{
    struct rn_finding f;
    const char denied[] =
        "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
    rn_judge_status(403, denied, strlen(denied), &f);
    cr_assert_eq(f.verdict, RN_REFUSED);
    cr_assert_str_eq(f.detail, "S3 AccessDenied (403)");
    const char skewed[] = "<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message>";
    rn_judge_status(403, skewed, strlen(skewed), &f);
    cr_assert_str_eq(f.detail, "S3 RequestTimeTooSkewed (403): too large (is the clock of this "
                               "machine right?)");
    rn_judge_status(511, "<html><title>Wifi</title>", 25, &f);
    cr_assert_str_eq(f.detail, "HTML page 'Wifi' (511): a captive portal or proxy wants a login");
    rn_judge_status(503, "<html>", 6, &f);
    cr_assert_eq(f.verdict, RN_TRANSIENT, "a page with 503 is still trouble that passes");
}

Test(verdict, a_page_in_utf16)
{
    struct rn_finding f;
    cr_assert(!rn_judge_bytes("\xFF\xFE<\0h\0t\0m\0l\0>\0", 14, 14, "jsonl", 200, &f));
    cr_assert_eq(f.verdict, RN_ERROR_PAGE);
    cr_assert(!rn_judge_bytes("\xFE\xFF\0<\0h\0t\0m\0l\0>", 14, 14, NULL, 200, &f));
    cr_assert(rn_judge_bytes("\xFF\xFE", 2, 2, NULL, 200, &f));
}

Test(verdict, a_file_without_its_ending_was_cut)
{
    struct rn_finding f;
    const char *path = "/tmp/runnel-verdict-ending";
    cr_assert_eq(rn_file_write(path, "PAR1datadata", 12, NULL), RN_OK);
    cr_assert(!rn_judge_ending(path, "parquet", &f));
    cr_assert_eq(f.verdict, RN_TRUNCATED);
    cr_assert(rn_judge_ending(path, "text", &f));
    cr_assert_eq(rn_file_write(path, "PAR1dataPAR1", 12, NULL), RN_OK);
    cr_assert(rn_judge_ending(path, "parquet", &f));
    cr_assert_eq(rn_file_write(path, "PK\003\004......", 10, NULL), RN_OK);
    cr_assert(!rn_judge_ending(path, "zip", &f));
    unlink(path);
}
