/* humaneval.h - from what a model wrote to a program that shows whether it is right.
 *
 *     struct rn_str program = {0};
 *     rn_humaneval_program(prompt, answer, test, entry_point, &program); */
#ifndef RN_HUMANEVAL_H
#define RN_HUMANEVAL_H

#include "str.h"

/* The first block of code between fences, or the whole answer; blanks around it are cut. */
void rn_humaneval_extract(const char *answer, struct rn_str *out);
/* nanochat's: the imports that the prompt begins with, the answer's code, the test, its call. */
void rn_humaneval_program(const char *prompt, const char *answer, const char *test,
                          const char *entry_point, struct rn_str *out);

#endif
