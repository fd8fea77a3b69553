/* What the kernel refuses to a program in the sandbox, by libseccomp. */
#define _GNU_SOURCE /* memfd_create */
#include "mem.h"
#include "sandbox_layers.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Not there on every machine: what the library does not know cannot be called there either. */
static const char *const refused[] = {"fork",
                                      "vfork",
                                      "socket",
                                      "socketpair",
                                      "connect",
                                      "bind",
                                      "listen",
                                      "accept",
                                      "accept4",
                                      "ptrace",
                                      "process_vm_readv",
                                      "process_vm_writev",
                                      "kcmp",
                                      "pidfd_open",
                                      "pidfd_getfd",
                                      "pidfd_send_signal",
                                      "mount",
                                      "umount2",
                                      "pivot_root",
                                      "chroot",
                                      "move_mount",
                                      "open_tree",
                                      "fsopen",
                                      "fsconfig",
                                      "fsmount",
                                      "fspick",
                                      "mount_setattr",
                                      "unshare",
                                      "setns",
                                      "bpf",
                                      "perf_event_open",
                                      "userfaultfd",
                                      "io_uring_setup",
                                      "io_uring_enter",
                                      "io_uring_register",
                                      "add_key",
                                      "request_key",
                                      "keyctl",
                                      "kexec_load",
                                      "kexec_file_load",
                                      "init_module",
                                      "finit_module",
                                      "delete_module",
                                      "reboot",
                                      "swapon",
                                      "swapoff",
                                      "acct",
                                      "quotactl",
                                      "settimeofday",
                                      "clock_settime",
                                      "adjtimex",
                                      "clock_adjtime",
                                      "sethostname",
                                      "setdomainname",
                                      "iopl",
                                      "ioperm",
                                      "syslog",
                                      "vhangup",
                                      "name_to_handle_at",
                                      "open_by_handle_at",
                                      "lookup_dcookie",
                                      "fanotify_init",
                                      "inotify_init1",
                                      "personality",
                                      "kill",
                                      "tkill",
                                      "rt_sigqueueinfo",
                                      "rt_tgsigqueueinfo",
                                      "mknod",
                                      "mknodat",
                                      "setuid",
                                      "setgid",
                                      "setreuid",
                                      "setregid",
                                      "setresuid",
                                      "setresgid",
                                      "setgroups",
                                      "setfsuid",
                                      "setfsgid",
                                      "capset",
                                      "memfd_create",
                                      "memfd_secret",
                                      "shmget",
                                      "shmat",
                                      "msgget",
                                      "semget",
                                      "mq_open",
                                      "setpriority",
                                      "sched_setaffinity",
                                      "mbind",
                                      "migrate_pages",
                                      "move_pages",
                                      "vmsplice",
                                      "landlock_create_ruleset",
                                      "seccomp"};

static int add_rules(scmp_filter_ctx f)
{
    for (size_t i = 0; i < RN_COUNT(refused); i++) {
        int call = seccomp_syscall_resolve_name(refused[i]);
        if (call != __NR_SCMP_ERROR && seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), call, 0) != 0)
            return EINVAL;
    }
    /* New processes; threads are not. glibc falls back from clone3, whose flags are in memory. */
    int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    if (rc == 0)
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0) /* typing on somebody's terminal */
        rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                              SCMP_A1(SCMP_CMP_EQ, TIOCSTI));
    return rc ? EINVAL : 0;
}

static int export_to(scmp_filter_ctx f, int fd, struct sock_fprog *out)
{
    if (seccomp_export_bpf(f, fd) != 0)
        return EINVAL;
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || (size_t)size % sizeof *out->filter != 0)
        return EINVAL;
    out->filter = rn_xalloc((size_t)size);
    out->len = (unsigned short)((size_t)size / sizeof *out->filter);
    return pread(fd, out->filter, (size_t)size, 0) == size ? 0 : EIO;
}

int rn_cage_filter(struct sock_fprog *out)
{
    *out = (struct sock_fprog){0};
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("filter", MFD_CLOEXEC), rc = f && fd >= 0 ? 0 : ENOSYS;
    if (rc == 0) /* calls of other machines' numbers: x32 on x86-64 */
        rc = seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) ? EINVAL : 0;
    if (rc == 0)
        rc = add_rules(f);
    if (rc == 0)
        rc = export_to(f, fd, out);
    if (f)
        seccomp_release(f);
    if (fd >= 0)
        close(fd);
    return rc;
}
