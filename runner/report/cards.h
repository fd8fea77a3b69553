/* cards.h - a run as Markdown: what one shows others.
 *
 *     struct rn_account a;
 *     RN_TRY(rn_account_read(&a, dir, err));
 *     rn_report_card(&s, &a);         report.md: nanochat's sections, one a stage, then the table
 *     rn_model_card(&s, &a);          README.md beside the weights: front matter, then the recipe
 *     rn_account_release(&a);
 *
 * Nothing that the run did not record is claimed: language and license are left to whoever
 * publishes. Texts from the run are text, no markup. */
#ifndef RN_CARDS_H
#define RN_CARDS_H

#include "account.h"
#include "str.h"

void rn_report_card(struct rn_str *, const struct rn_account *);
void rn_model_card(struct rn_str *, const struct rn_account *);

/* Parts that both have. */
/* Metric by training stage: what evaluation and validation gave, and the time of it all. */
void rn_card_table(struct rn_str *, const struct rn_account *);
void rn_card_machine(struct rn_str *, const struct rn_account *);
/* Calls each(ctx, task, value) for what an evaluation gave stage `model`: "core", "tiny_world". */
void rn_card_scores(const struct rn_account *, const char *model,
                    void (*each)(void *ctx, const char *task, json_t *value), void *ctx);

#endif
