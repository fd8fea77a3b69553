#include "account.h"

#include "mem.h"
#include "receipt.h"

#include <stdlib.h>

int rn_account_read(struct rn_account *a, const char *run_dir, struct rn_err *err)
{
    *a = (struct rn_account){0};
    rn_runstate_init(&a->state, run_dir);
    if (rn_receipt_read(run_dir, &a->receipt, NULL) != RN_OK)
        a->receipt = json_object();
    RN_TRY(rn_facts_read(&a->facts, run_dir, err));
    return rn_numbers_read(&a->numbers, run_dir, NULL, err);
}

void rn_account_release(struct rn_account *a)
{
    rn_runstate_release(&a->state);
    rn_facts_release(&a->facts);
    rn_numbers_release(&a->numbers);
    json_decref(a->receipt);
    *a = (struct rn_account){0};
}

const char *rn_account_kind(const struct rn_account *a, size_t i)
{
    char *key = rn_xprintf("stages.%s.kind", a->state.stages[i].name);
    const char *kind = rn_json_str(a->facts.config, key, "");
    free(key);
    return kind;
}

double rn_account_took_s(const struct rn_account *a)
{
    double took_s = 0;
    for (size_t i = 0; i < a->state.n_stages; i++)
        took_s += rn_json_real(a->state.stages[i].last, "wall_s", 0);
    return took_s;
}
