#include "err.h"

#include <errno.h>
#include <stdarg.h>
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
    err->at = at;
    if (at.path) {
        snprintf(err->path, sizeof err->path, "%s", at.path);
        err->at.path = err->path;
    }
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
    enum rn_code code = e == ENOSPC || e == EDQUOT ? RN_ENOSPACE : e == ENOMEM ? RN_ENOMEM : RN_EIO;
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

/* The source line under the message, if the file is still there to be read. */
static void print_source_line(const struct rn_place *at, const char *hint, FILE *out)
{
    FILE *f = fopen(at->path, "r");
    if (!f)
        return;
    char line[512];
    int number = 0;
    while (number < at->line && fgets(line, sizeof line, f))
        number += strchr(line, '\n') != NULL || feof(f);
    fclose(f);
    if (number != at->line)
        return;
    line[strcspn(line, "\r\n")] = '\0';
    fprintf(out, "%6d | %s\n", at->line, line);
    if (at->col > 0)
        fprintf(out, "       | %*s^%s%s\n", at->col - 1, "", *hint ? " " : "", hint);
}

void rn_err_print(const struct rn_err *err, FILE *out)
{
    if (err->at.path && err->at.line > 0 && err->at.col > 0)
        fprintf(out, "%s:%d:%d: ", err->at.path, err->at.line, err->at.col);
    else if (err->at.path && err->at.line > 0)
        fprintf(out, "%s:%d: ", err->at.path, err->at.line);
    else if (err->at.path)
        fprintf(out, "%s: ", err->at.path);
    fprintf(out, "%s: %s\n", rn_code_word(err->code), err->msg);
    if (err->at.path && err->at.line > 0 && err->at.col > 0)
        print_source_line(&err->at, err->hint, out);
    else if (err->hint[0])
        fprintf(out, "  %s\n", err->hint);
}

_Noreturn void rn_assert_failed(const char *cond, const char *file, int line)
{
    fprintf(stderr, "%s:%d: broken promise inside runnel: %s\n", file, line, cond);
    abort();
}
