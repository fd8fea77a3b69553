/* messenger.h - posts JSON to a url, from a process of its own.
 *
 *     struct rn_messenger m = {.tell = tell, .ctx = ctx};
 *     RN_TRY(rn_messenger_start(&m, "https://hooks.example/x", err));
 *     rn_messenger_post(&m, object);                  returns at once
 *     rn_messenger_listen(&m);                        now and then: tells what went wrong
 *     rn_messenger_stop(&m, 3);
 *
 * The pipe to the process is the queue: what does not fit any more is dropped and counted, so that
 * a server which hangs costs whoever posts nothing. A request may take five seconds; an answer of
 * 500 or above, or none, is asked for twice more. No redirects are followed and no answer is read.
 * The url may hold a secret: only its host is ever told. */
#ifndef RN_MESSENGER_H
#define RN_MESSENGER_H

#include "child.h"
#include "json.h"

struct rn_messenger {
    void (*tell)(void *ctx, const char *text); /* one line that somebody should know */
    void *ctx;
    struct rn_child child;
    int fd;          /* to the process; -1: not started */
    int64_t dropped; /* objects */
};

/* For a process of one thread (child.h). url is borrowed for the call. */
int rn_messenger_start(struct rn_messenger *, const char *url, struct rn_err *);
/* False: dropped. Larger than 4,000 bytes is dropped, too. */
bool rn_messenger_post(struct rn_messenger *, const json_t *object);
void rn_messenger_listen(struct rn_messenger *);
/* Gives it so long for what is queued, ends it, tells what was left. */
void rn_messenger_stop(struct rn_messenger *, double patience_s);

#endif
