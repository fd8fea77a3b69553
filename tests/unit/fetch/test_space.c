/* Room is asked for before the first byte. */
#include "space.h"

#include "machine.h"

#include <criterion/criterion.h>
#include <string.h>

Test(space, what_fits_fits_and_a_folder_need_not_exist)
{
    struct rn_space need = {0};
    struct rn_err err = {0};
    rn_space_add(&need, "/tmp/runnel-not-there/cache", 4096);
    rn_space_add(&need, "/tmp/runnel-not-there/out", 0);
    cr_assert_eq(rn_space_check(&need, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(need.n, 1, "one file system");
}

Test(space, what_does_not_fit_is_told_with_the_missing_amount)
{
    struct rn_space need = {0};
    struct rn_err err = {0};
    int64_t there = rn_disk_free("/tmp");
    rn_space_add(&need, "/tmp", there / 2);
    cr_assert_eq(rn_space_check(&need, &err), RN_OK, "%s", err.msg);
    rn_space_add(&need, "/tmp/runnel-not-there", there);
    cr_assert_eq(rn_space_check(&need, &err), RN_ENOSPACE);
    cr_assert(strstr(err.msg, "missing"), "%s", err.msg);
    cr_assert_str_eq(err.path, "/tmp");
}
