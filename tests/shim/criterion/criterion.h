/* tests/shim/criterion/criterion.h - the part of Criterion's interface that the unit tests use,
 * for where Criterion itself cannot run: it starts itself anew for each test, and qemu-user
 * cannot start a program of the other kind of processor without help from the kernel; nor does it
 * start under ThreadSanitizer.
 *
 *   test-base [--patience FACTOR] [PART-OF-NAME]
 *
 * Each test runs in a forked process, one after the other; FACTOR stretches the timeouts. */
#ifndef RN_CRITERION_SHIM_H
#define RN_CRITERION_SHIM_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shim_options {
    void (*init)(void), (*fini)(void);
    double timeout; /* seconds; 0: none */
};

/* A test, or a suite: then `run` is NULL. */
struct shim_test {
    const char *suite, *name;
    void (*run)(void);
    struct shim_options with;
    struct shim_test *next;
};

void shim_add(struct shim_test *test);

/* Notes a failure unless `ok`; ends the test if `must`. */
void shim_check(bool ok, bool must, const char *file, int line, const char *claim, const char *fmt,
                ...) __attribute__((format(printf, 6, 7)));

/* Ends the test, which then counts as neither passing nor failing. */
void shim_skip(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#define SHIM_ADD(id, ...)                                                                          \
    __attribute__((constructor)) static void shim_add_##id(void)                                   \
    {                                                                                              \
        static struct shim_test test = {__VA_ARGS__};                                              \
        shim_add(&test);                                                                           \
    }
#define TestSuite(s, ...) SHIM_ADD(suite_##s, .suite = #s, .with = {__VA_ARGS__})
#define Test(s, n, ...)                                                                            \
    static void shim_run_##s##_##n(void);                                                          \
    SHIM_ADD(s##_##n, .suite = #s, .name = #n, .run = shim_run_##s##_##n, .with = {__VA_ARGS__})   \
    static void shim_run_##s##_##n(void)

#define SHIM_CHECK(ok, must, claim, ...)                                                           \
    shim_check(ok, must, __FILE__, __LINE__, claim, " " __VA_ARGS__)
#define SHIM_OP(must, a, op, b, ...) SHIM_CHECK((a)op(b), must, #a " " #op " " #b, __VA_ARGS__)
#define SHIM_STR(must, a, op, b, ...)                                                              \
    SHIM_CHECK(strcmp(a, b) op 0, must, #a " " #op " " #b, __VA_ARGS__)
#define SHIM_ARR(must, a, b, bytes, ...)                                                           \
    SHIM_CHECK(memcmp(a, b, bytes) == 0, must, #a " == " #b, __VA_ARGS__)

#define cr_assert(x, ...)                  SHIM_CHECK(!!(x), true, #x, __VA_ARGS__)
#define cr_expect(x, ...)                  SHIM_CHECK(!!(x), false, #x, __VA_ARGS__)
#define cr_assert_not(x, ...)              SHIM_CHECK(!(x), true, "!(" #x ")", __VA_ARGS__)
#define cr_expect_not(x, ...)              SHIM_CHECK(!(x), false, "!(" #x ")", __VA_ARGS__)
#define cr_skip_test(...)                  shim_skip(__VA_ARGS__)
#define cr_assert_fail(...)                SHIM_CHECK(false, true, "never here", __VA_ARGS__)
#define cr_expect_fail(...)                SHIM_CHECK(false, false, "never here", __VA_ARGS__)
#define cr_assert_null(x, ...)             SHIM_OP(true, x, ==, NULL, __VA_ARGS__)
#define cr_expect_null(x, ...)             SHIM_OP(false, x, ==, NULL, __VA_ARGS__)
#define cr_assert_not_null(x, ...)         SHIM_OP(true, x, !=, NULL, __VA_ARGS__)
#define cr_expect_not_null(x, ...)         SHIM_OP(false, x, !=, NULL, __VA_ARGS__)
#define cr_assert_eq(a, b, ...)            SHIM_OP(true, a, ==, b, __VA_ARGS__)
#define cr_expect_eq(a, b, ...)            SHIM_OP(false, a, ==, b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...)           SHIM_OP(true, a, !=, b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...)           SHIM_OP(false, a, !=, b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...)            SHIM_OP(true, a, <, b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...)            SHIM_OP(false, a, <, b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...)           SHIM_OP(true, a, <=, b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...)           SHIM_OP(false, a, <=, b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...)            SHIM_OP(true, a, >, b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...)            SHIM_OP(false, a, >, b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...)           SHIM_OP(true, a, >=, b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...)           SHIM_OP(false, a, >=, b, __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...)        SHIM_STR(true, a, ==, b, __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...)        SHIM_STR(false, a, ==, b, __VA_ARGS__)
#define cr_assert_str_neq(a, b, ...)       SHIM_STR(true, a, !=, b, __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...)       SHIM_STR(false, a, !=, b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...)        SHIM_STR(false, a, ==, "", __VA_ARGS__)
#define cr_expect_float_eq(a, b, off, ...) SHIM_OP(false, fabs((a) - (b)), <=, off, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, bytes, ...) SHIM_ARR(true, a, b, bytes, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, bytes, ...) SHIM_ARR(false, a, b, bytes, __VA_ARGS__)

#endif
