#define _GNU_SOURCE /* unshare, pivot_root and the like */
#include "sandbox_layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Rights that Debian 12's headers do not know. */
#define NET_BIND_TCP    (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPES          (1ULL << 0 | 1ULL << 1) /* abstract sockets, signals */
#define FS_TRUNCATE     (1ULL << 14)
#define FS_REFER        (1ULL << 13)
struct ruleset { /* landlock_ruleset_attr of ABI 6 */
    uint64_t fs, net, scoped;
};

static _Noreturn void give_up(const struct rn_cage *c, const char *layer, const char *step)
{
    struct rn_cage_trouble t = {.error = errno};
    snprintf(t.layer, sizeof t.layer, "%s", layer);
    snprintf(t.step, sizeof t.step, "%s", step);
    ssize_t n = write(c->trouble, &t, sizeof t);
    _exit(n == (ssize_t)sizeof t ? 126 : 127);
}
#define MUST(layer, call)                                                                          \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            give_up(c, layer, #call);                                                              \
    } while (0)

/* --- namespaces --- */

static int put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    int error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return n == (ssize_t)strlen(text) ? 0 : -1;
}

static void leave_world(const struct rn_cage *c)
{
    char map[64];
    unsigned uid = getuid(), gid = getgid();
    MUST("namespaces", unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |
                               CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP));
    MUST("namespaces", put("/proc/self/setgroups", "deny"));
    snprintf(map, sizeof map, "1000 %u 1", uid);
    MUST("namespaces", put("/proc/self/uid_map", map));
    snprintf(map, sizeof map, "1000 %u 1", gid);
    MUST("namespaces", put("/proc/self/gid_map", map));
}

/* --- root: the current folder is its top while it is built --- */

/* The flags that a mount in this namespace may not lose. */
static unsigned long kept_flags(const char *path)
{
    static const struct {
        unsigned long from, to;
    } flags[] = {{ST_NODEV, MS_NODEV},       {ST_NOSUID, MS_NOSUID},
                 {ST_NOEXEC, MS_NOEXEC},     {ST_NOATIME, MS_NOATIME},
                 {ST_RELATIME, MS_RELATIME}, {ST_NODIRATIME, MS_NODIRATIME}};
    struct statvfs st;
    unsigned long all = 0;
    if (statvfs(path, &st) == 0)
        for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
            all |= st.f_flag & flags[i].from ? flags[i].to : 0;
    return all;
}

static void show_usr(const struct rn_cage *c)
{
    static const char *const links[] = {"bin", "sbin", "lib", "lib32", "lib64", "libx32"};
    MUST("root", mkdir("usr", 0755));
    MUST("root", mount("/usr", "usr", NULL, MS_BIND, NULL));
    MUST("root",
         mount(NULL, "usr", NULL,
               MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | kept_flags("usr"), NULL));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char to[32];
        snprintf(to, sizeof to, "usr/%s", links[i]);
        MUST("root", symlink(to, links[i]));
    }
}

static void write_program(const struct rn_cage *c)
{
    MUST("root", mkdir("box", 0700));
    int fd = open("box/program.py", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    MUST("root", fd);
    for (size_t at = 0; at < c->n;) {
        ssize_t n = write(fd, c->program + at, c->n - at);
        MUST("root", n);
        at += (size_t)n;
    }
    close(fd);
}

static void build_root(const struct rn_cage *c)
{
    MUST("root", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    MUST("root", mount("tmpfs", c->root, "tmpfs", MS_NOSUID | MS_NODEV,
                       "size=16m,nr_inodes=4096,mode=0755"));
    MUST("root", chdir(c->root));
    show_usr(c);
    write_program(c);
    MUST("root", syscall(SYS_pivot_root, ".", "."));
    MUST("root", umount2(".", MNT_DETACH)); /* the old root, which lies over the new one */
    MUST("root", chdir("/box"));
}

/* --- of the process itself --- */

static void limit(const struct rn_cage *c)
{
    const struct {
        int what;
        rlim_t most;
    } limits[] = {{RLIMIT_AS, 256 << 20},   {RLIMIT_DATA, 256 << 20}, {RLIMIT_CPU, 5},
                  {RLIMIT_FSIZE, 1 << 20},  {RLIMIT_NOFILE, 64},      {RLIMIT_CORE, 0},
                  {RLIMIT_NPROC, 16},       {RLIMIT_MEMLOCK, 0},      {RLIMIT_MSGQUEUE, 0},
                  {RLIMIT_SIGPENDING, 1024}};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct rlimit r = {limits[i].most, limits[i].most};
        MUST("rlimits", setrlimit(limits[i].what, &r));
    }
}

static void drop_privileges(const struct rn_cage *c)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    MUST("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    MUST("privileges", prctl(PR_SET_SECUREBITS, 0x2F, 0, 0, 0)); /* no uid brings any back */
    MUST("privileges", syscall(SYS_capset, &header, none));
}

static void allow(const struct rn_cage *c, int ruleset, const char *path, uint64_t rights)
{
    struct landlock_path_beneath_attr rule = {.allowed_access = rights};
    rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
    MUST("landlock", rule.parent_fd);
    MUST("landlock", syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0));
    close(rule.parent_fd);
}

static void lock_files(const struct rn_cage *c)
{
    const uint64_t read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
    const uint64_t first = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* all of ABI 1 */
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    MUST("landlock", abi);
    struct ruleset rights = {.fs = first | (abi >= 2 ? FS_REFER : 0) | (abi >= 3 ? FS_TRUNCATE : 0),
                             .net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
                             .scoped = abi >= 6 ? SCOPES : 0};
    size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &rights, size, 0);
    MUST("landlock", ruleset);
    allow(c, ruleset, "/usr", read | LANDLOCK_ACCESS_FS_EXECUTE);
    allow(c, ruleset, "/box",
          read | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
              LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |
              (abi >= 3 ? FS_TRUNCATE : 0));
    MUST("landlock", syscall(SYS_landlock_restrict_self, ruleset, 0));
    close(ruleset);
}

static _Noreturn void become_python(const struct rn_cage *c)
{
    static char *const argv[] = {"python3",         "-I", "-S", "-B", "-X", "utf8",
                                 "/box/program.py", NULL};
    static char *const env[] = {"PATH=/usr/bin", "HOME=/box", "LC_ALL=C.UTF-8", NULL};
    MUST("privileges", prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    limit(c);
    lock_files(c);
    drop_privileges(c);
    /* All but the pipes: what the program inherits is 0, 1 and 2; trouble closes when it starts. */
    MUST("seccomp", dup2(c->trouble, 3));
    MUST("seccomp", fcntl(3, F_SETFD, FD_CLOEXEC));
    MUST("seccomp", syscall(SYS_close_range, 4, ~0U, 0));
    struct rn_cage own = *c;
    own.trouble = 3;
    c = &own;
    MUST("seccomp", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &c->filter, 0, 0));
    execve("/usr/bin/python3", argv, env);
    give_up(c, "python3", "execve");
}

static void take_files(const struct rn_cage *c)
{
    int null = open("/dev/null", O_RDONLY);
    MUST("privileges", null);
    MUST("privileges", dup2(null, 0));
    MUST("privileges", dup2(c->out, 1));
    MUST("privileges", dup2(c->out, 2));
}

void rn_cage_enter(const struct rn_cage *c)
{
    int status = 0;
    MUST("namespaces", prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0));
    MUST("namespaces", setsid());
    take_files(c);
    leave_world(c);
    build_root(c);
    pid_t first = fork(); /* the first process of the new world: with it all others end */
    MUST("namespaces", first);
    if (first == 0)
        become_python(c);
    for (int fd = 0; fd < 3; fd++) /* what is printed ends when the program does */
        close(fd);
    close(c->out);
    close(c->trouble);
    while (waitpid(first, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status)) { /* to say the same: without a core */
        signal(WTERMSIG(status), SIG_DFL);
        kill(getpid(), WTERMSIG(status));
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 125);
}
