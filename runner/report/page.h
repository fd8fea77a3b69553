/* page.h - one HTML page about a run, or about several side by side.
 *
 *     struct rn_str s = {0};
 *     RN_TRY(rn_page_write(&s, dirs, 1, err));
 *     rn_file_write("report.html", s.p, s.n, err);
 *
 * The page needs no network and says everything without JavaScript, which only adds the choice of
 * axes, smoothing and a reading line. What a run holds (names, samples, logs) is text, no markup.
 * Only reads; takes no lock. */
#ifndef RN_PAGE_H
#define RN_PAGE_H

#include "account.h"
#include "str.h"

struct rn_page {
    struct rn_account *runs;
    size_t n;
};

int rn_page_write(struct rn_str *, const char *const *run_dirs, size_t n, struct rn_err *);

/* page_alerts.c */
void rn_page_alerts(struct rn_str *, const struct rn_page *);
/* page_curves.c */
void rn_page_curves(struct rn_str *, const struct rn_page *);
/* page_stages.c */
void rn_page_stages(struct rn_str *, const struct rn_page *);

#endif
