#include "err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    int exit_status;
    const char *word;
} codes[] = {
#define X(code, exit_status, word, action) [code] = {exit_status, word},
    RN_CODES(X)
#undef X
};

int rn_code_exit(enum rn_code code)
{
    return codes[code].exit_status;
}

const char *rn_code_word(enum rn_code code)
{
    return codes[code].word;
}

static void record(struct rn_err *err, enum rn_code code, struct rn_place at)
{
    err->code = code;
    err->line = at.line;
    err->col = at.col;
    snprintf(err->path, sizeof err->path, "%s", at.path ? at.path : "");
}

int rn_fail(struct rn_err *err, enum rn_code code, struct rn_place at, const char *fmt, ...)
{
    RN_ASSERT(code != RN_OK);
    if (!err || err->code != RN_OK)
        return code;
    record(err, code, at);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return code;
}

int rn_fail_errno(struct rn_err *err, struct rn_place at, const char *fmt, ...)
{
    int e = errno;
    enum rn_code code = e == ENOSPC || e == EDQUOT || e == EFBIG ? RN_ENOSPACE
                        : e == ENOMEM                            ? RN_ENOMEM
                                                                 : RN_EIO;
    if (!err || err->code != RN_OK)
        return code;
    record(err, code, at);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", strerror(e));
    return code;
}

int rn_fail_as(struct rn_err *err, const struct rn_err *other)
{
    if (!err || err->code != RN_OK || other->code == RN_OK)
        return other->code;
    *err = *other;
    return err->code;
}

void rn_hint(struct rn_err *err, const char *fmt, ...)
{
    if (!err || err->hint[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
    va_end(ap);
}

int rn_while(struct rn_err *err, const char *fmt, ...)
{
    if (!err)
        return RN_EIO;
    char old[sizeof err->msg];
    memcpy(old, err->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->msg)
        snprintf(err->msg + n, sizeof err->msg - (size_t)n, ": %s", old);
    return (int)err->code;
}

/* Control characters of somebody else's text would move the cursor or colour the terminal. */
static void put_clean(const char *p, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        fputc(c < 0x20 || c == 0x7F ? '?' : c, out);
    }
}

/* Line `number` of a file without its end; NULL if there is none. Caller frees. */
static char *read_line(const char *path, int number)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = 0;
    if (!f)
        return NULL;
    for (int i = 0; i < number && n >= 0; i++)
        n = getline(&line, &cap, f);
    fclose(f);
    if (n < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

/* Past n characters (not bytes) of UTF-8, or at the end. */
static const char *skip_characters(const char *p, int n)
{
    while (*p && n-- > 0)
        for (p++; ((unsigned char)*p & 0xC0) == 0x80;)
            p++;
    return p;
}

/* The source line under the message, of a long one the part around the column, and the hint behind
 * its caret. False if the line cannot be read. */
static bool print_source_line(const struct rn_err *at, FILE *out)
{
    enum { LONG = 120, BEFORE = 60, SHOWN = 160 };
    char *line = read_line(at->path, at->line);
    if (!line)
        return false;
    int skipped = at->col > LONG ? at->col - BEFORE : 0;
    const char *from = skip_characters(line, skipped), *to = skip_characters(from, SHOWN);
    const char *dots = skipped ? "..." : "";
    fprintf(out, "%6d | %s", at->line, dots);
    put_clean(from, (size_t)(to - from), out);
    fprintf(out, "%s\n", *to ? "..." : "");
    if (at->col > 0) {
        fprintf(out, "       | %*s^%s", at->col - 1 - skipped + (int)strlen(dots), "",
                *at->hint ? " " : "");
        put_clean(at->hint, strlen(at->hint), out);
        fputc('\n', out);
    }
    free(line);
    return at->col > 0;
}

/* The characters that a workflow command of GitHub Actions reads as its own. */
static void put_escaped(const char *p, FILE *out)
{
    for (; *p; p++)
        if (strchr("%:,", *p) || (unsigned char)*p < 0x20)
            fprintf(out, "%%%02X", (unsigned char)*p);
        else
            fputc(*p, out);
}

/* An annotation at the line of the file, where a continuous build shows such. */
static void print_annotation(const struct rn_err *err, FILE *out)
{
    fputs("::error title=", out);
    put_escaped(rn_code_word(err->code), out);
    if (err->path[0]) {
        fputs(",file=", out);
        put_escaped(err->path, out);
    }
    if (err->line > 0)
        fprintf(out, ",line=%d,col=%d", err->line, err->col);
    fputs("::", out);
    put_escaped(err->msg, out);
    fputc('\n', out);
}

void rn_err_print(const struct rn_err *err, FILE *out)
{
    const char *actions = getenv("GITHUB_ACTIONS");
    if (actions && *actions)
        print_annotation(err, out);
    bool in_file = err->path[0] != '\0', in_line = in_file && err->line > 0;
    bool spot = in_line && err->col > 0;
    if (in_file)
        fputs(err->path, out);
    if (in_line)
        fprintf(out, ":%d", err->line);
    if (spot)
        fprintf(out, ":%d", err->col);
    if (in_file)
        fputs(": ", out);
    fprintf(out, "%s: ", rn_code_word(err->code));
    put_clean(err->msg, strlen(err->msg), out);
    fputc('\n', out);
    bool hinted = spot && print_source_line(err, out);
    if (!hinted && err->hint[0]) {
        fputs("  ", out);
        put_clean(err->hint, strlen(err->hint), out);
        fputc('\n', out);
    }
}

_Noreturn void rn_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken promise inside runnel: %s\n", file, line, cond);
    abort();
}
