/* calculator.h - what a chat's calculator finds: arithmetic, and letters counted in words.
 *
 *     struct rn_str result = {0};
 *     if (rn_calculator("12/60", 5, &result))
 *         use(result.p);                                     "0.2", as Python prints it
 *
 * It understands what nanochat lets through to Python's eval, and computes it by itself:
 *
 *     1,000*3   7//2   (3+4)*5   -.5/3        digits, + - * / // ( ) and blanks; commas are dropped
 *     'strawberry'.count('r')                 texts, .lower(), .upper(), ending in .count()
 *
 * Whole numbers are exact at any length, others are doubles. Anything else has no result. */
#ifndef RN_CALCULATOR_H
#define RN_CALCULATOR_H

#include "str.h"

enum { RN_CALCULATOR_MAX = 4096 }; /* bytes of an expression */

/* Appends to out. False: there is no result, and out is as it was. */
bool rn_calculator(const char *expression, size_t n, struct rn_str *out);
/* The arithmetic alone; n bytes without commas. */
bool rn_arithmetic(const char *expression, size_t n, struct rn_str *out);

#endif
