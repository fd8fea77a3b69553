/* matmul_choices.h - which of the library's candidates a product is computed by, from run to
 * run: a small file in the cache folder, for one card, driver and library.
 *
 *     ch = rn_matmul_choices_open("NVIDIA H100, driver 13000, cuBLASLt 130100");
 *     int i = rn_matmul_choices_find(ch, "65536 768 768 bf16 ..", n);  of n candidates; -1: unknown
 *     i = rn_matmul_choices_settle(ch, "65536 768 768 bf16 ..", n, 3); 3, unless another was faster
 *     rn_matmul_choices_free(ch);
 *
 * Candidates add in different orders, and which of them is timed as the fastest is chance. So a
 * choice is on disk before it is used: a run that was killed goes on with the same bits, and ranks
 * compute alike. The file is disposable: one that is damaged or foreign is as none. */
#ifndef RN_MATMUL_CHOICES_H
#define RN_MATMUL_CHOICES_H

struct rn_matmul_choices;

struct rn_matmul_choices *rn_matmul_choices_open(const char *machine); /* never NULL */
int rn_matmul_choices_find(const struct rn_matmul_choices *, const char *product, int n);
/* The choice to use from now on: `choice`, or what another process has settled before. Where it
 * cannot be kept it is the first, in every run. */
int rn_matmul_choices_settle(struct rn_matmul_choices *, const char *product, int n, int choice);
void rn_matmul_choices_free(struct rn_matmul_choices *); /* takes NULL */

#endif
