/* owner.h - whose a private file is, told by its name, and whether that process still lives.
 *
 *     struct rn_owner me = rn_owner_self();
 *     char *stem = rn_owner_name(&me, key);            "KEY.PLACE.PID.START"
 *     if (rn_owner_is_gone("KEY.PLACE.PID.START.part", path)) ...   anybody may claim it
 *
 * PLACE is the host's name and its process namespace, START the boot and the process's start time:
 * a process number that is used again is another owner. Of another place nothing is known; an owner
 * there counts as gone when its file has not been written for a quarter of an hour. */
#ifndef RN_OWNER_H
#define RN_OWNER_H

#include <stdbool.h>

struct rn_owner {
    char place[96];
    long pid;
    char boot[9];
    unsigned long long start; /* in ticks since the boot */
};

struct rn_owner rn_owner_self(void);
char *rn_owner_name(const struct rn_owner *, const char *key); /* caller frees */
/* From "KEY.PLACE.PID.START.SUFFIX"; false: not a name of ours. */
bool rn_owner_parse(const char *name, struct rn_owner *);
/* True if nobody can be writing to it: a name of ours whose process has ended. */
bool rn_owner_is_gone(const char *name, const char *path);
bool rn_owner_same_place(const struct rn_owner *); /* as this process */
bool rn_owner_same_boot(const struct rn_owner *);  /* and since the machine started */

#endif
