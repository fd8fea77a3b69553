/* lfs_api.h - git-lfs' batch API: where the objects behind pointers are, many in one request.
 *
 *     char *api_url = rn_lfs_api_url(pointer_url);                NULL: not known for this host
 *     struct rn_lfs_want wants[2] = {{.lfs = one}, {.lfs = another}};
 *     rn_lfs_ask(&how, api_url, wants, 2);                        waits for the answer
 *     if (wants[0].href) ...      a GET of it gives the object; else wants[0].finding says why not
 *     rn_lfs_want_release(&wants[0]);
 */
#ifndef RN_LFS_API_H
#define RN_LFS_API_H

#include "lfs_answer.h"
#include "who.h"

enum { RN_LFS_AT_ONCE = 100 };

struct rn_lfs_how {
    const struct rn_who *who; /* whose secrets the API may see */
    double connect_s, stall_s;
    bool (*stopping)(void *ctx); /* may be NULL */
    void *ctx;
};

/* Of the repository that the pointer at this url lies in; the caller frees. */
char *rn_lfs_api_url(const char *url);
/* At most RN_LFS_AT_ONCE of them. Any thread. */
void rn_lfs_ask(const struct rn_lfs_how *, const char *api_url, struct rn_lfs_want *, size_t n);

#endif
