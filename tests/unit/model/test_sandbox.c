/* Programs that try to get out of the sandbox, or to pass without being right: each with the class
 * it must end in. What a program touched outside is looked at after it. */
#include "file.h"
#include "mem.h"
#include "sandbox.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANY (-1)

struct attempt {
    const char *what, *program;
    int verdict;
};

/* An attempt that fails, raises: its verdict is `fail`. What succeeds, passes. */
static const struct attempt attempts[] = {
    /* the world outside: files */
    {"read /etc/shadow", "open('/etc/shadow').read()", RN_VERDICT_FAIL},
    {"read /etc/passwd", "open('/etc/passwd').read()", RN_VERDICT_FAIL},
    {"read somebody's keys", "import os; os.listdir('/root/.ssh')", RN_VERDICT_FAIL},
    {"list homes", "import os; os.listdir('/home')", RN_VERDICT_FAIL},
    {"read /proc", "open('/proc/1/environ','rb').read()", RN_VERDICT_FAIL},
    {"read /sys", "import os; os.listdir('/sys')", RN_VERDICT_FAIL},
    {"read a disk", "open('/dev/sda','rb').read(1)", RN_VERDICT_FAIL},
    {"write /usr", "open('/usr/lib/here','w')", RN_VERDICT_FAIL},
    {"write /tmp", "open('/tmp/here','w')", RN_VERDICT_FAIL},
    {"write the root", "open('/here','w')", RN_VERDICT_FAIL},
    {"climb out by names", "open('../../../../../../../etc/hostname').read()", RN_VERDICT_FAIL},
    {"a link out", "import os; os.symlink('/etc/shadow','/box/l'); open('/box/l').read()",
     RN_VERDICT_FAIL},
    {"a hard link of a program", "import os; os.link('/usr/bin/env','/box/env')", RN_VERDICT_FAIL},
    {"a device of its own", "import os; os.mknod('/box/d', 0o60600, os.makedev(8,0))",
     RN_VERDICT_FAIL},
    {"chroot", "import os; os.chroot('/box')", RN_VERDICT_FAIL},
    {"change its program", "open('/box/program.py','w').write('x')", RN_VERDICT_FAIL},
    /* processes */
    {"fork", "import os; os.fork()", RN_VERDICT_FAIL},
    {"fork bomb", "import os\nwhile True: os.fork()", RN_VERDICT_FAIL},
    {"a shell", "import subprocess; subprocess.run(['sh','-c','id'], check=True)", RN_VERDICT_FAIL},
    {"posix_spawn", "import os; os.posix_spawn('/usr/bin/id',['id'],{})", RN_VERDICT_FAIL},
    {"another program in its place", "import os; os.execv('/usr/bin/id',['id'])", RN_VERDICT_EARLY},
    {"a daemon", "import os\nif os.fork(): os._exit(0)\nos.setsid()", RN_VERDICT_FAIL},
    {"kill everybody", "import os; os.kill(-1, 9)", RN_VERDICT_FAIL},
    {"kill its parent", "import os; os.kill(os.getppid(), 9)", RN_VERDICT_FAIL},
    {"threads without end",
     "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(9,), "
     "daemon=True).start()",
     RN_VERDICT_FAIL},
    {"ptrace",
     "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\nassert c.ptrace(16, 1, 0, 0) == 0",
     RN_VERDICT_FAIL},
    /* the network */
    {"connect to the loopback", "import socket; socket.create_connection(('127.0.0.1', PORT))",
     RN_VERDICT_FAIL},
    {"resolve a name", "import socket; socket.getaddrinfo('localhost', 80)", RN_VERDICT_FAIL},
    {"a server", "import socket; socket.socket().bind(('', 0))", RN_VERDICT_FAIL},
    {"an abstract socket", "import socket; socket.socket(socket.AF_UNIX).connect('\\0x')",
     RN_VERDICT_FAIL},
    {"a raw socket", "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
     RN_VERDICT_FAIL},
    /* the kernel */
    {"mount",
     "import ctypes\nassert ctypes.CDLL(None).mount(b'x', b'/box', b'tmpfs', 0, None) == 0",
     RN_VERDICT_FAIL},
    {"a namespace of its own", "import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0",
     RN_VERDICT_FAIL},
    {"become root", "import os; os.setuid(0)", RN_VERDICT_FAIL},
    {"more memory by asking", "import resource as r; r.setrlimit(r.RLIMIT_AS, (1 << 40, 1 << 40))",
     RN_VERDICT_FAIL},
    {"memory that runs", "import ctypes\nassert ctypes.CDLL(None).syscall(319, b'x', 0) >= 0",
     RN_VERDICT_FAIL},
    {"a 32-bit call", "import ctypes\nassert ctypes.CDLL(None).syscall(0x40000000 + 39) > 0", ANY},
    /* too much */
    {"10 GB", "x = bytearray(10 << 30)", RN_VERDICT_MEMORY},
    {"memory bit by bit", "x = []\nwhile True: x.append(bytes(1 << 20))", RN_VERDICT_MEMORY},
    {"print without end", "while True: print('x' * 1000)", RN_VERDICT_OUTPUT},
    {"fill the disk", "for i in range(99): open(f'/box/{i}','wb').write(bytes(1 << 20))",
     RN_VERDICT_FAIL},
    {"one large file", "open('/box/f','wb').write(bytes(2 << 20))", RN_VERDICT_FAIL},
    {"many files", "for i in range(9999): open(f'/box/{i}','w').close()", RN_VERDICT_FAIL},
    {"many open files", "x = [open('/box/program.py') for i in range(99)]", RN_VERDICT_FAIL},
    {"sleep", "import time; time.sleep(99)", RN_VERDICT_TIMEOUT},
    {"stop itself", "import signal; signal.pause()", RN_VERDICT_TIMEOUT},
    {"read for ever from nobody", "assert input()", RN_VERDICT_FAIL},
    /* passing without being right */
    {"leave early", "import sys; sys.exit(0)\nassert False", RN_VERDICT_EARLY},
    {"leave at once", "import os; os._exit(0)", RN_VERDICT_EARLY},
    {"close what it prints to", "import os; os.close(1); os.close(2)", RN_VERDICT_FAIL},
    {"print what another would", "print('0' * 32)\nimport os; os._exit(0)", RN_VERDICT_EARLY},
    {"a handler at the end", "import atexit, os; atexit.register(os._exit, 0)\nraise ValueError",
     RN_VERDICT_EARLY},
    {"bytes that are no text", "import os; os.write(1, bytes(range(256)))\nassert False",
     RN_VERDICT_FAIL},
    {"a crash", "import ctypes; ctypes.string_at(0)", RN_VERDICT_KILLED},
    {"a syntax error", "def f(:", RN_VERDICT_FAIL},
    {"an open text", "x = \"\"\"", RN_VERDICT_FAIL},
};

static struct rn_sandbox *open_or_skip(void)
{
    struct rn_err err = {0};
    struct rn_sandbox *s;
    if (rn_sandbox_new(&s, &err) == RN_OK)
        return s;
    cr_assert_eq(err.code, RN_ECONFIG, "%s", err.msg);
    fprintf(stderr, "SKIP: %s\n", err.msg);
    return NULL;
}

enum { PATIENCE_S = 60 };

static struct rn_sandbox_result run(struct rn_sandbox *s, const char *program, double wall_s)
{
    struct rn_err err = {0};
    struct rn_sandbox_result r;
    cr_assert_eq(rn_sandbox_run(s, program, strlen(program), wall_s, &r, &err), RN_OK, "%s",
                 err.msg);
    return r;
}

Test(sandbox, what_is_right_passes)
{
    struct rn_sandbox *s = open_or_skip();
    if (!s)
        return;
    static const char *const right[] = {
        "assert sum(range(10)) == 45",
        "print('some words')",
        "import math, re, collections, heapq, typing, hashlib, json, random, itertools, datetime",
        "open('/box/own','w').write('x'); assert open('/box/own').read() == 'x'",
        "import threading\nt = threading.Thread(target=print)\nt.start(); t.join()",
        "import os; assert os.getpid() == 1",
        "import os\nfor d in '/etc /home /tmp /proc /dev'.split(): assert not os.path.exists(d)",
        "",
    };
    for (size_t i = 0; i < RN_COUNT(right); i++) {
        struct rn_sandbox_result r = run(s, right[i], PATIENCE_S);
        cr_expect_eq(r.verdict, RN_VERDICT_PASS, "%s: %s: %s", right[i],
                     rn_verdict_names[r.verdict], r.output);
    }
    rn_sandbox_free(s);
}

/* A server outside that nobody may reach. */
static int listen_outside(int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, n) == 0 && listen(fd, 1) == 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

Test(sandbox, attempts_to_get_out_fail_each_in_its_class, .timeout = 300)
{
    struct rn_sandbox *s = open_or_skip();
    if (!s)
        return;
    int port, fd = listen_outside(&port);
    cr_assert_geq(RN_COUNT(attempts), 40);
    for (size_t i = 0; i < RN_COUNT(attempts); i++) {
        const struct attempt *a = &attempts[i];
        char *program = rn_xprintf("PORT = %d\n%s", port, a->program);
        struct rn_sandbox_result r =
            run(s, program, a->verdict == RN_VERDICT_TIMEOUT ? 1 : PATIENCE_S);
        cr_expect(r.verdict != RN_VERDICT_PASS, "%s passes", a->what);
        cr_expect(a->verdict == ANY || (int)r.verdict == a->verdict, "%s: %s, not %s: %s", a->what,
                  rn_verdict_names[r.verdict],
                  a->verdict == ANY ? "" : rn_verdict_names[a->verdict], r.output);
        free(program);
    }
    cr_expect(!rn_exists("/tmp/here") && !rn_exists("/here") && !rn_exists("/usr/lib/here"));
    cr_expect_eq(waitpid(-1, NULL, WNOHANG), -1, "a process was left behind");
    close(fd);
    rn_sandbox_free(s);
}

Test(sandbox, one_program_leaves_nothing_to_the_next)
{
    struct rn_sandbox *s = open_or_skip();
    if (!s)
        return;
    cr_expect_eq(run(s, "open('/box/left','w').write('x')", PATIENCE_S).verdict, RN_VERDICT_PASS);
    cr_expect_eq(run(s, "open('/box/left')", PATIENCE_S).verdict, RN_VERDICT_FAIL);
    rn_sandbox_free(s);
}

Test(sandbox, the_environment_stays_outside)
{
    setenv("SECRET_TOKEN", "abc", 1);
    struct rn_sandbox *s = open_or_skip();
    if (!s)
        return;
    cr_expect_eq(run(s, "import os; assert 'SECRET_TOKEN' not in os.environ", PATIENCE_S).verdict,
                 RN_VERDICT_PASS);
    rn_sandbox_free(s);
}

/* --- a machine without a layer --- */

static void take_away(const char *call)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    int number = seccomp_syscall_resolve_name(call);
    cr_assert(f && number != __NR_SCMP_ERROR, "%s", call);
    cr_assert_eq(seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), number, 0), 0);
    cr_assert_eq(seccomp_load(f), 0);
    seccomp_release(f);
}

static void expect_refused(const char *call, const char *layer)
{
    struct rn_err err = {0};
    struct rn_sandbox *s = open_or_skip();
    if (!s)
        return;
    rn_sandbox_free(s);
    take_away(call);
    cr_assert_eq(rn_sandbox_new(&s, &err), RN_ECONFIG, "%s", err.msg);
    cr_expect(strstr(err.msg, layer), "%s", err.msg);
    cr_expect(strstr(err.hint, "nothing is run"), "%s", err.hint);
}

Test(sandbox, without_namespaces_nothing_is_run)
{
    expect_refused("unshare", "'namespaces'");
}
Test(sandbox, without_a_root_of_its_own_nothing_is_run)
{
    expect_refused("pivot_root", "'root'");
}
Test(sandbox, without_limits_nothing_is_run)
{
    expect_refused("prlimit64", "'rlimits'");
}
Test(sandbox, without_landlock_nothing_is_run)
{
    expect_refused("landlock_restrict_self", "'landlock'");
}
Test(sandbox, with_privileges_nothing_is_run)
{
    expect_refused("capset", "'privileges'");
}
Test(sandbox, without_seccomp_nothing_is_run)
{
    expect_refused("close_range", "'seccomp'");
}
