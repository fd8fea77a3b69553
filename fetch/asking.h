/* asking.h - one file and its sources: whom to ask next, and what the answers were.
 *
 *     struct rn_asking a;
 *     rn_asking_init(&a, fetcher, file, &hosts, &alike);
 *     switch (rn_asking_next(&a, now_s)) {
 *     case RN_ASK:  ... a.source, a.host ...   then rn_asking_reject(&a, &response, kept, now_s)
 *     case RN_WAIT: ... until a.wake_s ...
 *     case RN_GIVE_UP: return rn_asking_fail(&a, &reason, err);
 *     }
 *     rn_asking_release(&a);
 *
 * No sockets, no files but the quarantine's, no clock of its own. */
#ifndef RN_ASKING_H
#define RN_ASKING_H

#include "alike.h"
#include "fetcher.h"
#include "hosts.h"
#include "lfs_api.h"

/* How one source fared; what the final message is made of. */
struct rn_standing {
    struct rn_source source;
    struct rn_host *host;
    bool out, tried; /* for good; in this round */
    bool mirror;     /* by digest: one try, and nobody minds that it lacks the file */
    bool led;        /* a git-lfs pointer led here, and promised `lfs` */
    struct rn_lfs lfs;
    char *api_url;           /* of the batch API that says where the object is; owned; or NULL */
    bool unresolved;         /* and has not said so yet: source.url is its own */
    char gave[RN_HEX];       /* digest of what it gave instead of the pinned file, or "" */
    char *told;              /* "host: verdict: detail"; owned */
    enum rn_verdict verdict; /* of the last answer */
};

struct rn_asking {
    const struct rn_fetcher *f;
    const struct rn_fetch_file *file;
    char pin[RN_HEX]; /* "" if there is none */
    enum rn_trust trust;
    int64_t cap_bytes; /* no body of this file can be larger, or -1 */
    struct rn_hosts *hosts;
    struct rn_alike *alike; /* what is said of many files */
    struct rn_standing *standings;
    size_t n, struck;        /* struck: may not be asked (--offline, --locked) */
    struct rn_standing *now; /* that is being asked */
    int64_t round;
    double wake_s;
};

void rn_asking_init(struct rn_asking *, const struct rn_fetcher *, const struct rn_fetch_file *,
                    struct rn_hosts *, struct rn_alike *);
void rn_asking_release(struct rn_asking *);

enum rn_turn { RN_ASK, RN_WAIT, RN_GIVE_UP };
enum rn_turn rn_asking_next(struct rn_asking *, double now_s); /* sets now, or wake_s */

/* What the source in `now` gave was not the file: tells it, keeps evidence, decides whether it is
 * asked again. further: the file is a good deal more complete than it ever was. */
void rn_asking_reject(struct rn_asking *, const struct rn_response *, bool further, double now_s);
/* The batch API of the source in `now` said where its object is: that is asked next; or why it is
 * nowhere: as rn_asking_reject. */
void rn_asking_resolved(struct rn_asking *, struct rn_lfs_want *, double now_s);
/* With a digest that was not the right one: what it was. */
void rn_asking_gave(struct rn_asking *, const char *sha256);
/* reason: the same for files that failed alike; the caller's. */
int rn_asking_fail(const struct rn_asking *, char **reason, struct rn_err *);

/* The source in `now` gave what may be the file, and nobody vouches for it: from now on `sha256` is
 * what the others have to give. False if no other could still be asked. */
bool rn_asking_second(struct rn_asking *, const char *sha256);
/* True if another then gave something else. */
bool rn_asking_disputed(const struct rn_asking *);

/* Most bytes that a body from `now` may have. */
int64_t rn_asking_cap(const struct rn_asking *);

#endif
