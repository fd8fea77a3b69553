/* err.h - one error, told once, with the place it came from.
 *
 *     int load(const char *path, struct rn_err *err)
 *     {
 *         RN_TRY(open_it(path, err));
 *         if (n > cap)
 *             return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%zu bytes, at most %zu", n, cap);
 *         return RN_OK;
 *     }
 *
 * The first failure wins; callers on the way up may add context with rn_while. A function that can
 * fail returns int (an enum rn_code) and takes `struct rn_err *` last. Only main() prints and
 * exits. */
#ifndef RN_ERR_H
#define RN_ERR_H

#include <stdio.h>

#if defined(__GNUC__)
#define RN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#define RN_PRINTF(f, a)
#endif

/* clang-format off */
#define RN_CODES(X)                                                                               \
    /* code       exit  word              what the runner does */                                 \
    X(RN_OK,         0, "ok",             "carry on")                                             \
    X(RN_EIO,        1, "i/o",            "fail the stage; state on disk is still whole")         \
    X(RN_ENOMEM,     1, "memory",         "fail the stage; say how much was asked for")           \
    X(RN_ESTAGE,     1, "stage failed",   "stop; say how to continue")                            \
    X(RN_EUSAGE,     2, "usage",          "show place and hint, stop")                            \
    X(RN_ECONFIG,    3, "configuration",  "show place and hint, stop")                            \
    X(RN_EFETCH,     4, "fetch",          "retry, then next url")                                 \
    X(RN_ECORRUPT,   5, "invalid data",   "never use the file; say which and where")              \
    X(RN_ELOCKED,    6, "lock held",      "stop; say by whom")                                    \
    X(RN_EOFFLINE,   7, "offline",        "stop; say what is not cached")                         \
    X(RN_ENOSPACE,   8, "out of space",   "stop; say need and have")                              \
    X(RN_EGATE,      9, "gate not met",   "stop; say asked and measured")                         \
    X(RN_EWORK,     10, "work to do",     "plan --exit-code only: report it")                     \
    X(RN_EDEVICE,   11, "device",         "stop; device or numeric failure")                      \
    X(RN_EPEER,     12, "peer",           "stop; peer lost or hang")                              \
    X(RN_ESTOPPED,  75, "interrupted",    "saved a checkpoint; the same command resumes")         \
    X(RN_EQUIT,    130, "quit",           "second Ctrl-C: leave at once")
/* clang-format on */

enum rn_code {
#define X(code, exit_status, word, action) code,
    RN_CODES(X)
#undef X
};

/* A spot in a user's file. line 0: the whole file; path NULL: no file. `path` is borrowed. */
struct rn_place {
    const char *path;
    int line, col; /* 1-based */
};

struct rn_err {
    enum rn_code code; /* says what the caller may do, not which module failed */
    int line, col;     /* the place; 0: the whole file */
    char path[256];    /* "" where there is no file. All text is here: an error may be copied */
    char msg[768];     /* no capital, no full stop, no newline */
    char hint[256];    /* "" or what to try, e.g. "did you mean 'steps'?" */
};

#define RN_NOWHERE    ((struct rn_place){0})
#define RN_PATH(p)    ((struct rn_place){.path = (p)})
#define RN_LINE(p, l) ((struct rn_place){.path = (p), .line = (l)})

/* Records the failure unless one is recorded already. Returns `code`; err may be NULL. */
int rn_fail(struct rn_err *err, enum rn_code code, struct rn_place at, const char *fmt, ...)
    RN_PRINTF(4, 5);

/* Like rn_fail with strerror(errno) appended. ENOSPC, EDQUOT and EFBIG become RN_ENOSPACE, ENOMEM
 * becomes RN_ENOMEM, all others RN_EIO. */
int rn_fail_errno(struct rn_err *err, struct rn_place at, const char *fmt, ...) RN_PRINTF(3, 4);

/* Records the failure that another rn_err holds, if any, unless one is recorded already. Returns
 * its code. */
int rn_fail_as(struct rn_err *err, const struct rn_err *other);

/* Where it is; borrows the path. */
static inline struct rn_place rn_err_place(const struct rn_err *e)
{
    const struct rn_place at = {e->path[0] ? e->path : NULL, e->line, e->col};
    return at; /* no literal: C++ reads this, too */
}

/* Sets the hint line if none is set. */
void rn_hint(struct rn_err *err, const char *fmt, ...) RN_PRINTF(2, 3);

/* Adds "while ...: " before the message, on the way up. Returns err->code. */
int rn_while(struct rn_err *err, const char *fmt, ...) RN_PRINTF(2, 3);

/* Prints `path:line:col: word: msg`, the source line with a caret where the file can be read, and
 * the hint; in GitHub Actions an annotation before them. For main() and for lists of configuration
 * errors. */
void rn_err_print(const struct rn_err *err, FILE *out);

int rn_code_exit(enum rn_code code);         /* process exit status of a code */
const char *rn_code_word(enum rn_code code); /* "fetch", "lock held", ... */

#define RN_TRY(call)                                                                               \
    do {                                                                                           \
        int rn_try_rc_ = (call);                                                                   \
        if (rn_try_rc_ != RN_OK)                                                                   \
            return rn_try_rc_;                                                                     \
    } while (0)

/* For resources to release: `RN_CHECK(rc = call); ... done: free(); return rc;` */
#define RN_CHECK(assignment)                                                                       \
    do {                                                                                           \
        if ((assignment) != RN_OK)                                                                 \
            goto done;                                                                             \
    } while (0)

/* A broken promise between our own functions. Kept in release builds. */
#define RN_ASSERT(cond)                                                                            \
    do {                                                                                           \
        if (!(cond))                                                                               \
            rn_assert_failed(#cond, __FILE__, __LINE__);                                           \
    } while (0)
#ifdef __cplusplus /* headers of the kernels are read by nvcc, too */
[[noreturn]]
#else
_Noreturn
#endif
void rn_assert_failed(const char *cond, const char *file, int line);

#endif
