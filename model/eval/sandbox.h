/* sandbox.h - runs a Python program that nobody has read, where it can do no harm.
 *
 *     struct rn_sandbox *s;
 *     RN_TRY(rn_sandbox_new(&s, err));             every layer is there, or this says which is not
 *     struct rn_sandbox_result r;
 *     RN_TRY(rn_sandbox_run(s, program, strlen(program), 5, &r, err));
 *     bool right = r.verdict == RN_VERDICT_PASS;
 *     rn_sandbox_free(s);
 *
 * The layers, all of them or none:
 *
 *     namespaces   user, pid, network, mount, ipc, uts, cgroup: an empty world but for itself
 *     root         a file system of its own: /usr read-only, a folder of 16 MiB, nothing else
 *     rlimits      memory, processor time, files, their size, processes, core
 *     privileges   none, and none to be had
 *     landlock     files: /usr to read and execute, the folder to write; no network
 *     seccomp      no processes, sockets, mounts, tracing, keys, and what else is not needed
 *     watch        wall clock and output, from outside; the end of the first process ends all
 *
 * A program passes if it ends by itself after its last line was reached. */
#ifndef RN_SANDBOX_H
#define RN_SANDBOX_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>

enum rn_verdict {
    RN_VERDICT_PASS,
    RN_VERDICT_FAIL,    /* an exception, or a status other than 0 */
    RN_VERDICT_EARLY,   /* status 0, but the last line was not reached */
    RN_VERDICT_TIMEOUT, /* wall clock, or processor time */
    RN_VERDICT_MEMORY,
    RN_VERDICT_OUTPUT, /* more than it may print */
    RN_VERDICT_KILLED, /* by a signal of its own doing */
};
extern const char *const rn_verdict_names[];

struct rn_sandbox;
struct rn_sandbox_result {
    enum rn_verdict verdict;
    int status;        /* as wait says */
    char output[1024]; /* what it printed last; any bytes, NUL-terminated */
};

/* RN_ECONFIG: a layer is missing on this machine, says which; RN_ESTAGE: python3 does not work. */
int rn_sandbox_new(struct rn_sandbox **, struct rn_err *);
void rn_sandbox_free(struct rn_sandbox *); /* takes NULL */
/* wall_s: seconds that it may take. RN_ECONFIG if a layer cannot be put on: nothing has run. */
int rn_sandbox_run(struct rn_sandbox *, const char *program, size_t n, double wall_s,
                   struct rn_sandbox_result *, struct rn_err *);

#endif
