/* publisher.h - the SHA256SUMS that publishers put beside their files, each fetched once.
 *
 *     struct rn_publisher publisher = {.fetch = rn_fetch_file};
 *     RN_TRY(rn_publisher_sums(&publisher, &fetcher, &file, &sums, err));   NULL: file has none
 *     rn_publisher_release(&publisher);
 *
 * A list is asked for only where it counts: the file is not pinned, and may be fetched. One that
 * cannot be had is not asked for again by the next file. Whoever asks is fetching already: that is
 * why `fetch` is given, and not called by its name. */
#ifndef RN_PUBLISHER_H
#define RN_PUBLISHER_H

#include "fetcher.h"

struct rn_publisher {
    int (*fetch)(const struct rn_fetcher *, const struct rn_fetch_file *, struct rn_fetched *,
                 struct rn_err *);
    struct rn_published {
        char *url;
        struct rn_sums sums;
        int rc; /* not RN_OK: it could not be had, for the reason in err */
        struct rn_err err;
    } * *lists; /* all owned; they stay where they are */
    size_t n, cap;
};

/* RN_EFETCH: the list cannot be had or is none: then the file cannot be proven either. Waits for
 * the answer. */
int rn_publisher_sums(struct rn_publisher *, const struct rn_fetcher *,
                      const struct rn_fetch_file *, const struct rn_sums **, struct rn_err *);
void rn_publisher_release(struct rn_publisher *);

#endif
