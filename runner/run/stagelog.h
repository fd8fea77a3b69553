/* stagelog.h - log/<stage>.log: what a stage says, with time stamps, also shown to the user.
 *
 *     RN_TRY(rn_stagelog_open(&log, "runs/smoke/log/base.log", "base", err));
 *     struct rn_log for_the_stage = rn_stagelog_log(&log, show, ctx);
 *     rn_stagelog_close(&log);
 *
 * Appended to over resumes; each line is flushed. A full disk loses lines, never the stage. */
#ifndef RN_STAGELOG_H
#define RN_STAGELOG_H

#include "progress.h"

#include <stdint.h>

struct rn_stagelog {
    char *path; /* owned */
    int fd;
    int64_t start_bytes; /* where this attempt's lines begin */
    const char *stage;
    void (*show)(void *ctx, enum rn_level, const char *text);
    void *ctx;
};

int rn_stagelog_open(struct rn_stagelog *, const char *path, const char *stage, struct rn_err *);
/* Every line goes to `show` too. Any thread may use the log. */
struct rn_log rn_stagelog_log(struct rn_stagelog *,
                              void (*show)(void *ctx, enum rn_level, const char *text), void *ctx);
/* This attempt's last n lines, at most 64 KiB; caller frees. */
char *rn_stagelog_tail(const struct rn_stagelog *, int n);
void rn_stagelog_close(struct rn_stagelog *); /* safe when not open */

#endif
