/* lfs_answer.h - what a git-lfs server says of the objects that it was asked for.
 *
 *     struct rn_lfs_want wants[2] = {{.lfs = one}, {.lfs = another}};
 *     if (rn_lfs_take_answer(&api, text, n_bytes, wants, 2))
 *         if (wants[0].href) ...  a GET of it gives the object; else wants[0].finding says why not
 *     rn_lfs_want_release(&wants[0]);
 *
 * It is somebody else's text: bounded, only about objects that were asked for, with their sizes. It
 * may send us to another host, which then sees the headers that came with its address and none of
 * ours; never from afar to plain http, nor with headers that frame a request. */
#ifndef RN_LFS_ANSWER_H
#define RN_LFS_ANSWER_H

#include "http.h"
#include "lfs.h"

struct rn_lfs_want {
    struct rn_lfs lfs;
    /* The answer: */
    char *href;     /* owned; NULL: none */
    char **headers; /* "Name: value", for the origin of href alone; owned */
    size_t n_headers;
    struct rn_finding finding; /* of what came instead of a href */
};

/* api: where the answer came from. False: it is no answer, and nothing was said of anything. Any
 * thread. */
bool rn_lfs_take_answer(const struct rn_url *api, const char *text, size_t n_bytes,
                        struct rn_lfs_want *, size_t n);
/* The same of all of them. */
void rn_lfs_find_all(struct rn_lfs_want *, size_t n, const struct rn_finding *);
void rn_lfs_want_release(struct rn_lfs_want *);

#endif
