#define _GNU_SOURCE /* pipe2, memmem */
#include "sandbox.h"

#include "clock.h"
#include "mem.h"
#include "sandbox_layers.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBE_S = 60, OUTPUT_MAX = 64 << 10, NONCE = 32 };

const char *const rn_verdict_names[] = {"pass",   "fail",   "early", "timeout",
                                        "memory", "output", "killed"};

struct rn_sandbox {
    char *root;
    struct sock_fprog filter;
};

/* --- a run, from outside --- */

struct running {
    pid_t pid;
    int out, trouble; /* our ends */
    struct rn_str printed;
    char nonce[NONCE + 1];
    bool too_late, too_much;
};

static void make_nonce(char nonce[NONCE + 1])
{
    unsigned char bytes[NONCE / 2];
    ssize_t n = getrandom(bytes, sizeof bytes, 0);
    RN_ASSERT(n == (ssize_t)sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
}

/* The program, and behind its last line what proves that it was reached. */
static void add_proof(struct rn_str *s, const char *program, size_t n, const char *nonce)
{
    rn_str_add(s, program, n);
    rn_str_printf(s, "\nimport os, sys\nsys.stdout.flush()\nos.write(1, b'%s')\n", nonce);
}

static int start(const struct rn_sandbox *s, const struct rn_str *program, struct running *r,
                 struct rn_err *err)
{
    int out[2], trouble[2];
    if (pipe2(out, O_CLOEXEC) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "no pipe for the sandbox");
    if (pipe2(trouble, O_CLOEXEC) != 0) {
        close(out[0]);
        close(out[1]);
        return rn_fail_errno(err, RN_NOWHERE, "no pipe for the sandbox");
    }
    struct rn_cage cage = {s->root, program->p, program->n, s->filter, out[1], trouble[1]};
    r->pid = fork();
    if (r->pid == 0)
        rn_cage_enter(&cage);
    close(out[1]);
    close(trouble[1]);
    r->out = out[0];
    r->trouble = trouble[0];
    return r->pid > 0 ? RN_OK : rn_fail_errno(err, RN_NOWHERE, "no process for the sandbox");
}

/* Takes what is printed until the last writer is gone, or until it is enough. */
static void watch(struct running *r, double wall_s)
{
    double end = rn_clock_s() + wall_s;
    char buf[4096];
    for (;;) {
        double left = end - rn_clock_s();
        struct pollfd p = {.fd = r->out, .events = POLLIN};
        int ready = left > 0 ? poll(&p, 1, (int)(left * 1000) + 1) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        r->too_late = ready <= 0;
        ssize_t n = ready > 0 ? read(r->out, buf, sizeof buf) : 0;
        if (n <= 0)
            return;
        rn_str_add(&r->printed, buf, (size_t)n);
        r->too_much = r->printed.n > OUTPUT_MAX;
        if (r->too_much)
            return;
    }
}

/* The whole family: the child leads a session, and with the first process of the sandbox's world
 * all of that world ends. */
static int end(struct running *r)
{
    int status = 0;
    if (r->too_late || r->too_much) {
        kill(-r->pid, SIGKILL);
        kill(r->pid, SIGKILL);
    }
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int check_layers(const struct running *r, struct rn_err *err)
{
    struct rn_cage_trouble t;
    if (read(r->trouble, &t, sizeof t) != (ssize_t)sizeof t)
        return RN_OK;
    t.layer[sizeof t.layer - 1] = t.step[sizeof t.step - 1] = '\0';
    rn_hint(err, "without all of its layers nothing is run");
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                   "the sandbox lacks its layer '%s' on this machine: %s (%s)", t.layer,
                   strerror(t.error), t.step);
}

static enum rn_verdict judge(const struct running *r, int status)
{
    const char *text = r->printed.p ? r->printed.p : "";
    if (r->too_much)
        return RN_VERDICT_OUTPUT;
    if (r->too_late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
        return RN_VERDICT_TIMEOUT;
    if (WIFSIGNALED(status))
        return RN_VERDICT_KILLED;
    if (WEXITSTATUS(status) != 0)
        return memmem(text, r->printed.n, "MemoryError", 11) ? RN_VERDICT_MEMORY : RN_VERDICT_FAIL;
    bool reached =
        r->printed.n >= NONCE && memcmp(text + r->printed.n - NONCE, r->nonce, NONCE) == 0;
    return reached ? RN_VERDICT_PASS : RN_VERDICT_EARLY;
}

static void take_tail(const struct running *r, struct rn_sandbox_result *result)
{
    size_t n = r->printed.n, most = sizeof result->output - 1;
    size_t from = n > most ? n - most : 0;
    memset(result->output, 0, sizeof result->output);
    if (n)
        memcpy(result->output, r->printed.p + from, n - from);
}

int rn_sandbox_run(struct rn_sandbox *s, const char *program, size_t n, double wall_s,
                   struct rn_sandbox_result *result, struct rn_err *err)
{
    struct running r = {.out = -1};
    struct rn_str whole = {0};
    make_nonce(r.nonce);
    add_proof(&whole, program, n, r.nonce);
    int rc = start(s, &whole, &r, err);
    rn_str_release(&whole);
    if (rc == RN_OK) {
        watch(&r, wall_s);
        result->status = end(&r);
        rc = check_layers(&r, err);
    }
    if (rc == RN_OK) {
        result->verdict = judge(&r, result->status);
        take_tail(&r, result);
    }
    if (r.out >= 0) {
        close(r.out);
        close(r.trouble);
    }
    rn_str_release(&r.printed);
    return rc;
}

/* --- the sandbox --- */

/* A program that passes shows that every layer can be put on. */
static int probe(struct rn_sandbox *s, struct rn_err *err)
{
    struct rn_sandbox_result r;
    static const char program[] = "assert 1 + 1 == 2";
    RN_TRY(rn_sandbox_run(s, program, sizeof program - 1, PROBE_S, &r, err));
    if (r.verdict != RN_VERDICT_PASS)
        return rn_fail(err, RN_ESTAGE, RN_NOWHERE,
                       "the sandbox does not work on this machine: a program that does nothing "
                       "ended with '%s': %.300s",
                       rn_verdict_names[r.verdict], r.output);
    return RN_OK;
}

int rn_sandbox_new(struct rn_sandbox **out, struct rn_err *err)
{
    const char *tmp = getenv("TMPDIR");
    struct rn_sandbox *s = rn_new(struct rn_sandbox);
    s->root = rn_xprintf("%s/runnel-sandbox-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int rc = RN_OK;
    if (!mkdtemp(s->root)) {
        rc = rn_fail_errno(err, RN_PATH(s->root), "no folder for the sandbox");
        s->root[0] = '\0';
    }
    if (rc == RN_OK && (errno = rn_cage_filter(&s->filter)) != 0)
        rc = rn_fail_errno(err, RN_NOWHERE, "the sandbox lacks its layer 'seccomp'");
    if (rc == RN_OK)
        rc = probe(s, err);
    if (rc == RN_OK)
        *out = s;
    else
        rn_sandbox_free(s);
    return rc;
}

void rn_sandbox_free(struct rn_sandbox *s)
{
    if (!s)
        return;
    if (s->root[0])
        rmdir(s->root);
    free(s->root);
    free(s->filter.filter);
    free(s);
}
