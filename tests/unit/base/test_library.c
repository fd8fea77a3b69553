/* A library is opened when it is first needed, whoever needs it first; a missing one is told. */
#include "library.h"

#include "mem.h"
#include "parallel.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

TestSuite(library, .timeout = 300);

#define REAL(F) F(sqrt) F(floor)
#define MORE(F) F(sqrt) F(cr_no_such_function)
double cr_no_such_function(double);

static struct {
    REAL(RN_LIBRARY_POINTER)
} real;
static struct {
    MORE(RN_LIBRARY_POINTER)
} more;
static struct rn_library wanted = RN_LIBRARY(REAL, real, "libm.so.6", "libc6");
static struct rn_library none = RN_LIBRARY(REAL, real, "librunnel-no-such.so.7", "a-package");
static struct rn_library old = RN_LIBRARY(MORE, more, "libm.so.6", "a-package");

Test(library, its_functions_are_those_of_the_names)
{
    struct rn_err err = {0};
    cr_assert_eq(rn_library_need(&wanted, RN_NOWHERE, &err), RN_OK, "%s", err.msg);
    cr_expect_eq(real.sqrt(49), 7);
    cr_expect_eq(real.floor(2.5), 2);
    cr_expect_eq(rn_library_need(&wanted, RN_NOWHERE, &err), RN_OK);
}

static void use(void *ctx, int64_t first, int64_t end, int worker)
{
    double *sums = ctx;
    (void)worker;
    for (int64_t i = first; i < end; i++)
        if (rn_library_need(&wanted, RN_NOWHERE, NULL) == RN_OK)
            sums[i] = real.sqrt((double)(i * i)) + real.floor(0.5);
}

Test(library, the_first_use_may_come_from_any_thread)
{
    enum { THREADS = 8, PIECES = 64 };
    double sums[PIECES] = {0};
    rn_parallel(THREADS, PIECES, PIECES, use, sums);
    for (int i = 0; i < PIECES; i++)
        cr_expect_eq(sums[i], i);
}

static void expect_missing(struct rn_library *l, const char *why)
{
    struct rn_err err = {0};
    const char *missing = "";
    for (int i = 0; i < 2; i++) { /* it is looked for again, and is as missing as before */
        err = (struct rn_err){0};
        cr_expect_eq(rn_library_need(l, RN_PATH("a.tar"), &err), RN_EIO);
        cr_expect(strstr(err.msg, why), "%s", err.msg);
        cr_expect_str_eq(err.path, "a.tar");
        cr_expect_str_eq(err.hint, "install a-package");
    }
    cr_expect(!rn_library_open(l, &missing));
    cr_expect(strstr(missing, why), "%s", missing);
}

Test(library, a_missing_one_is_told_with_what_to_install)
{
    expect_missing(&none, "librunnel-no-such.so.7: ");
    cr_expect_null(real.sqrt);
}

Test(library, one_without_a_function_is_missing)
{
    expect_missing(&old, "cr_no_such_function");
}
