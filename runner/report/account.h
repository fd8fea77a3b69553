/* account.h - all that is told about a run, whatever form it takes.
 *
 *     struct rn_account a;
 *     RN_TRY(rn_account_read(&a, "runs/smoke-1a2b3c4d", err));
 *     a.state.stages[i].word, a.numbers.stages[i].curves, a.facts.results, ...
 *     rn_account_release(&a);
 *
 * Only reads; takes no lock. */
#ifndef RN_ACCOUNT_H
#define RN_ACCOUNT_H

#include "exports.h"
#include "facts.h"
#include "runstate.h"

struct rn_account {
    struct rn_runstate state;
    struct rn_numbers numbers;
    struct rn_facts facts;
    json_t *receipt; /* {"stages": {..}}, receipt.h; {} where it cannot be read */
};
/* RN_ECORRUPT, RN_EIO; can be released all the same. */
int rn_account_read(struct rn_account *, const char *run_dir, struct rn_err *);
void rn_account_release(struct rn_account *); /* safe when zeroed */

/* What stage `i` is, as the pipeline says: "base-train". */
const char *rn_account_kind(const struct rn_account *, size_t i);
/* Seconds that its finished stages took. */
double rn_account_took_s(const struct rn_account *);

#endif
