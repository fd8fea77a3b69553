/* matmul_choices.h - which of the library's candidates was the fastest, from run to
 * run: a small file in the cache folder, for one card, driver and library.
 *
 *     struct rn_choices *ch = rn_choices_open("NVIDIA H100, driver 13000, cuBLASLt 130100");
 *     int i = rn_choices_find(ch, "65536 768 768 bf16 ..");       -1: not known
 *     rn_choices_learn(ch, "65536 768 768 bf16 ..", 3);
 *     rn_choices_close(ch);                                       saves what was learnt
 *
 * The file is disposable: one that is damaged, foreign or not to be written is as none. */
#ifndef RN_MATMUL_CHOICES_H
#define RN_MATMUL_CHOICES_H

struct rn_choices;
enum { RN_CHOICES_MOST = 64 }; /* a choice is below it */

struct rn_choices *rn_choices_open(const char *machine); /* never NULL */
int rn_choices_find(const struct rn_choices *, const char *product);
void rn_choices_learn(struct rn_choices *, const char *product, int choice);
void rn_choices_close(struct rn_choices *); /* takes NULL */

#endif
