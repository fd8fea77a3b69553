/* A process is named by pid, start and boot; the dead do not count as living. */
#include "process.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(process, start_stays_the_same_and_is_known_for_the_living)
{
    int64_t start = rn_process_start(getpid());
    cr_assert_gt(start, 0);
    cr_assert_eq(rn_process_start(getpid()), start);
    cr_assert_gt(rn_process_start(getppid()), 0);
}

Test(process, killed_child_is_gone_before_it_is_buried)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    cr_assert_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    cr_assert_eq(rn_process_start(pid), 0);
    waitpid(pid, NULL, 0);
    cr_assert_eq(rn_process_start(pid), 0);
}

Test(process, boot_has_an_id)
{
    char id[RN_BOOT_ID], again[RN_BOOT_ID];
    rn_boot_id(id);
    rn_boot_id(again);
    cr_assert_str_eq(id, again);
    cr_assert_eq(strlen(id), 36u);
}
