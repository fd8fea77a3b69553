/* Files written to break the reader: each is refused within a second and 64 MiB, at a place, with a
 * message that says what is wrong. Every case runs in a process of its own. */
#include "cells.h"
#include "file.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CPU_MAX_MS = 1000, RSS_MAX_MIB = 64 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 20, MEASURE_RSS = 0 };
#else
enum { SLOWER = 1, MEASURE_RSS = 1 };
#endif

#define HEAD   "runnel: 1\nname: x\n"
#define STAGES "stages: {base: {kind: base-train}}\n"
#define BASE   HEAD "stages:\n  base: {kind: base-train, "

struct hostile {
    const char *what;
    void (*make)(struct rn_str *); /* or */
    const char *text;
    const char *says; /* part of some problem */
    int line;         /* of that problem, 0: the file as a whole */
};

static void repeat(struct rn_str *s, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        rn_str_puts(s, text);
}

static void alias_bomb(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        rn_str_printf(s, "a%d: &a%d [", i, i);
        for (int k = 0; k < 9; k++)
            rn_str_printf(s, "*a%d%s", i - 1, k < 8 ? ", " : "]\n");
    }
}

static void variable_bomb(struct rn_str *s)
{
    rn_str_puts(s, HEAD STAGES "vars:\n  a0: [x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 30; i++) {
        rn_str_printf(s, "  a%d: [", i);
        for (int k = 0; k < 9; k++)
            rn_str_printf(s, "\"${vars.a%d}\"%s", i - 1, k < 8 ? ", " : "]\n");
    }
}

static void text_bomb(struct rn_str *s)
{
    rn_str_puts(s, HEAD STAGES "vars:\n  a0: 0123456789\n");
    for (int i = 1; i < 40; i++)
        rn_str_printf(s, "  a%d: ${vars.a%d}${vars.a%d}\n", i, i - 1, i - 1);
}

static void deep_list(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: ");
    repeat(s, "[", 100000);
}

static void deep_map(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: ");
    repeat(s, "{a: ", 100000);
}

static void deep_block(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a:\n");
    for (int i = 1; i < 2500; i++)
        rn_str_printf(s, "%*s- \n", i, "");
}

static void dashes(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a:\n  ");
    repeat(s, "- ", 100000);
}

static void question_marks(struct rn_str *s)
{
    repeat(s, "? ", 100000);
}

static void variables_in_a_row(struct rn_str *s)
{
    rn_str_puts(s, HEAD STAGES "vars:\n  v0: 1\n");
    for (int i = 4000; i > 0; i--)
        rn_str_printf(s, "  v%d: \"${vars.v%d}\"\n", i, i - 1);
}

static void million_keys(struct rn_str *s)
{
    rn_str_puts(s, HEAD "stages:\n");
    for (int i = 0; i < 1000000 && s->n < RN_YAML_BYTES - 100; i++)
        rn_str_printf(s, " k%d:\n", i);
}

static void million_items(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: [");
    repeat(s, "x,", 1000000);
}

static void endless_list(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: [1");
    repeat(s, ", 1", 20000);
}

static void endless_quote(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: \"");
    repeat(s, "0123456789\n", 300000);
}

static void many_anchors(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a:\n");
    for (int i = 0; i < 5000; i++)
        rn_str_printf(s, "- &a%d x\n", i);
}

static void many_problems(struct rn_str *s)
{
    rn_str_puts(s, HEAD "stages:\n");
    for (int i = 0; i < 4000; i++)
        rn_str_printf(s, "  stage%d: {kind: base-trian, in: {model: stages%d}}\n", i, i);
}

static void many_unknown_stages(struct rn_str *s)
{
    rn_str_puts(s, HEAD "stages:\n");
    for (int i = 0; i < 4000; i++)
        rn_str_printf(s, "  stage%d: {kind: base-train, in: {model: stagex%d}}\n", i, i);
}

static void long_circle(struct rn_str *s)
{
    rn_str_puts(s, HEAD "stages:\n");
    for (int i = 0; i < 4000; i++)
        rn_str_printf(s, "  s%d: {kind: base-train, in: {model: s%d}}\n", i, (i + 1) % 4000);
}

static void large_matrix(struct rn_str *s)
{
    rn_str_puts(s, HEAD STAGES "vars: {a: 1, b: 1, c: 1, d: 1}\nmatrix:\n");
    for (char v = 'a'; v <= 'd'; v++) {
        rn_str_printf(s, "  vars.%c: [0", v);
        for (int i = 1; i < 4000; i++)
            rn_str_printf(s, ", %d", i);
        rn_str_puts(s, "]\n");
    }
}

static void large_file(struct rn_str *s)
{
    rn_str_puts(s, HEAD "a: ");
    repeat(s, "0123456789abcdef", 300000);
}

static void long_key(struct rn_str *s)
{
    rn_str_puts(s, HEAD "stages: {base: {kind: base-train, \"");
    repeat(s, "key", 100000);
    rn_str_puts(s, "\": 1}}\n");
}

static void long_value(struct rn_str *s)
{
    rn_str_puts(s, BASE "seed: ");
    repeat(s, "9", 99);
    rn_str_puts(s, "}\n");
}

static void very_long_value(struct rn_str *s)
{
    rn_str_puts(s, BASE "seed: \"");
    repeat(s, "9", 1000000);
    rn_str_puts(s, "\"}\n");
}

static void nul_bytes(struct rn_str *s)
{
    rn_str_add(s, HEAD "a\0b: 1\n", sizeof HEAD + 7);
}

static void utf16(struct rn_str *s)
{
    rn_str_add(s, "\xFF\xFEr\0u\0n\0", 8);
}

static const struct hostile cases[] = {
    {"alias bomb", alias_bomb, NULL, "more than 100000 nodes", 0},
    {"variable bomb", variable_bomb, NULL, "more than 100000 nodes", 0},
    {"text bomb", text_bomb, NULL, "longer than 64 KiB after substitution", 0},
    {"self alias", NULL, HEAD "a: &a [*a]\n", "an alias to what it stands in", 3},
    {"alias to nowhere", NULL, HEAD "a: *b\n", "alias to an unknown anchor 'b'", 3},
    {"lists 100,000 deep", deep_list, NULL, "nested more than 64 deep", 3},
    {"mappings 100,000 deep", deep_map, NULL, "nested more than 64 deep", 3},
    {"blocks 2,500 deep", deep_block, NULL, "nested more than 64 deep", 0},
    {"100,000 dashes", dashes, NULL, "nested more than 64 deep", 4},
    {"100,000 question marks", question_marks, NULL, "a key must be plain text", 1},
    {"variables 4,000 deep", variables_in_a_row, NULL, "variables nested more than 64 deep", 0},
    {"duplicate key", NULL, HEAD "name: y\n" STAGES,
     "key 'name' is written twice; before at line 2", 3},
    {"merge key", NULL, HEAD "b: &b {seed: 1}\nstages: {base: {<<: *b, kind: base-train}}\n",
     "YAML's merge key", 4},
    {"99 digits", long_value, NULL, "no number has more than 48 characters", 4},
    {"a million digits", very_long_value, NULL, "'seed' in stage base takes a whole number", 4},
    {"NaN", NULL, BASE "betas: [.nan, 0.9]}\n", "takes a number, found", 4},
    {"infinity", NULL, BASE "betas: [.inf, 0.9]}\n", "takes a number, found", 4},
    {"minus infinity", NULL, BASE "betas: [-.Inf, 0.9]}\n", "takes a number, found", 4},
    {"1e999", NULL, BASE "betas: [1e999, 0.9]}\n", "too large", 4},
    {"tabs", NULL, HEAD "stages:\n\tbase: {kind: base-train}\n", "not valid YAML", 4},
    {"byte order mark inside", NULL, HEAD "na\xEF\xBB\xBFme: 1\n" STAGES, "unknown key", 3},
    {"UTF-16", utf16, NULL, "not UTF-8: byte 0xFF", 1},
    {"invalid UTF-8", NULL, HEAD "a: \"\xC3\x28\"\n", "not UTF-8: byte 0xC3", 3},
    {"surrogate", NULL, HEAD "a: \"\xED\xA0\x80\"\n", "not UTF-8: byte 0xED", 3},
    {"overlong", NULL, HEAD "a: \"\xC0\xAF\"\n", "not UTF-8: byte 0xC0", 3},
    {"NUL bytes", nul_bytes, NULL, "not valid YAML: control characters", 3},
    {"escaped NUL", NULL, HEAD "a: \"\\0\"\n", "a NUL character inside a value", 3},
    {"a million keys", million_keys, NULL, "more than 4096 keys in one mapping", 4100},
    {"a million items", million_items, NULL, "more than 100000 nodes", 3},
    {"list without end", endless_list, NULL, "not valid YAML: while parsing a flow sequence", 0},
    {"quote without end", endless_quote, NULL, "not valid YAML: while scanning a quoted", 0},
    {"5,000 anchors", many_anchors, NULL, "more than 1000 anchors", 1004},
    {"4,000 problems", many_problems, NULL, "unknown kind 'base-trian' of stage stage0", 4},
    {"4,000 unknown stages", many_unknown_stages, NULL, "no stage 'stagex0'", 4},
    {"circle of 4,000 stages", long_circle, NULL, "in a circle", 0},
    {"matrix of 10^14 cells", large_matrix, NULL, "more than 10000 cells", 0},
    {"4.8 MB in one scalar", large_file, NULL, "larger than 4 MiB", 0},
    {"key of 300 KB", long_key, NULL, "not valid YAML", 3},
    {"tag", NULL, HEAD "a: !!python/object:os.system x\n" STAGES, "tags such as", 3},
    {"key that is a list", NULL, HEAD "? [a, b]\n: c\n", "a key must be plain text", 3},
    {"two documents", NULL, HEAD STAGES "---\n" HEAD, "a second document in the file", 4},
    {"directive", NULL, "%YAML 9.9\n---\n" HEAD, "incompatible YAML", 1},
    {"nothing", NULL, "", "the document is empty", 0},
    {"only a comment", NULL, "# runnel: 1\n", "the document is empty", 0},
    {"a device", NULL, HEAD "include: [/dev/zero]\n", "not a regular file", 3},
    {"a folder", NULL, HEAD "include: [/]\n", "not a regular file", 3},
    {"itself", NULL, HEAD "include: [hostile.yaml]\n", "a file that includes itself", 3},
};

struct bytes {
    const char *text;
    size_t n;
};

/* The case is its own file, whatever it is called; others come from the disk. */
static int read_case(void *ctx, const char *path, char **text, size_t *n, struct rn_err *err)
{
    const struct bytes *b = ctx;
    if (strcmp(path, "hostile.yaml") != 0)
        return rn_file_read(path, RN_YAML_BYTES, text, n, err);
    *n = b->n;
    *text = rn_xalloc(b->n + 1);
    memcpy(*text, b->text, b->n);
    return RN_OK;
}

static long mib_used(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static double cpu_ms(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* NULL if the case is refused as it should be, else what is wrong; printed by the child. */
static const char *judge(const struct hostile *h, const struct rn_document *doc, double took_ms)
{
    const struct rn_err *found = NULL;
    for (size_t i = 0; i < doc->problems.n && !found; i++)
        if (strstr(doc->problems.items[i]->msg, h->says))
            found = doc->problems.items[i];
    if (!found)
        return doc->problems.n ? doc->problems.items[0]->msg : "accepted";
    if (!found->path[0] || (h->line && found->line != h->line))
        return "at another place";
    if (took_ms > CPU_MAX_MS * SLOWER)
        return "took too long";
    if (MEASURE_RSS && mib_used() > RSS_MAX_MIB)
        return "took too much memory";
    return NULL;
}

static int refuse(const struct hostile *h)
{
    struct rn_str text = {0};
    struct rn_matrix matrix;
    struct rn_pipeline_how how = {0};
    rn_str_puts(&text, h->text ? h->text : "");
    if (h->make)
        h->make(&text);
    struct bytes bytes = {text.p, text.n};
    double start_ms = cpu_ms();
    struct rn_document *doc =
        rn_document_open("hostile.yaml", &(struct rn_document_source){read_case, &bytes});
    rn_matrix_read(&matrix, doc);
    rn_pipeline_free(rn_pipeline_compose(doc, &how, &doc->problems));
    double took_ms = cpu_ms() - start_ms;
    const char *wrong = judge(h, doc, took_ms);
    if (wrong)
        fprintf(stderr, "%s: %.0f ms, %ld MiB, line %d: %s\n", h->what, took_ms, mib_used(),
                doc->problems.n ? doc->problems.items[0]->line : 0, wrong);
    return wrong != NULL;
}

Test(hostile, files_are_refused_in_time_space_and_words, .timeout = 120)
{
    int failed = 0;
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0)
            _exit(refuse(&cases[i]));
        cr_assert(child > 0 && waitpid(child, &status, 0) == child);
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (!WIFEXITED(status))
            fprintf(stderr, "%s: died of signal %d\n", cases[i].what, WTERMSIG(status));
    }
    cr_assert_eq(failed, 0, "%d of %zu cases", failed, RN_COUNT(cases));
}

Test(hostile, a_file_of_100_megabytes_is_not_read)
{
    char path[] = "/tmp/runnel-hostile-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && ftruncate(fd, 100 << 20) == 0);
    close(fd);
    struct rn_document *doc = rn_document_open(path, NULL);
    unlink(path);
    cr_assert_eq(doc->problems.n, 1);
    cr_assert(strstr(doc->problems.items[0]->msg, "104857600 bytes, expected at most 4194304"));
    cr_assert(!MEASURE_RSS || mib_used() < RSS_MAX_MIB);
    rn_document_free(doc);
}
