#include "machine.h"

#include <criterion/criterion.h>

Test(machine, a_disk_is_asked_by_the_nearest_folder_that_is_there)
{
    cr_expect_gt(rn_disk_free("/tmp/not/there"), 0);
    cr_expect_gt(rn_disk_free("not-there"), 0);
}
