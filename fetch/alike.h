/* alike.h - what is said of many files: of the first few by name, of the others by their number.
 *
 *     struct rn_alike alike = {.log = log};
 *     struct rn_saying s = {RN_WARN, "a.example refused 403", finding.detail, now_s};
 *     rn_alike_tell(&alike, &s, "rejected %s from a.example: %s", file->name, finding.detail);
 *     rn_alike_tick(&alike, now_s);         often; tells of those that have waited for a while
 *     rn_alike_release(&alike);             tells of the rest
 *
 * Lines are alike if their kinds and words are equal. RN_ALIKE_NAMED of them are told as they are,
 * and what comes then is counted: "rejected f4 from a.example: status 403 (and 1995 more alike)".
 * A kind with more than RN_ALIKE_WORDS different words, as where each line has numbers of its own,
 * shares one more count. Nothing is counted together that differs in its kind; where there are
 * more of them than anybody foresaw, each line is told. One thread at a time. */
#ifndef RN_ALIKE_H
#define RN_ALIKE_H

#include "log.h"

#include <stddef.h>

enum { RN_ALIKE_NAMED = 4, RN_ALIKE_WORDS = 16, RN_ALIKE_MAX = 512 };

struct rn_alike_line; /* those of one kind and with the same words */

struct rn_alike {
    const struct rn_log *log;
    struct rn_alike_line *lines; /* in the order of their first */
    size_t n, cap;
};

struct rn_saying {
    enum rn_level level;
    const char *kind;  /* never shown; what differs here is never counted together */
    const char *words; /* never shown; "": all of the kind are alike */
    double now_s;
};

/* How many alike were there before. */
size_t rn_alike_tell(struct rn_alike *, const struct rn_saying *, const char *fmt, ...)
    RN_PRINTF(3, 4);
void rn_alike_tick(struct rn_alike *, double now_s);
void rn_alike_release(struct rn_alike *);

#endif
