/* split_onig.h - a regular expression of PCRE2 as Oniguruma reads it (Ruby's syntax), which
 * Hugging Face's tokenizers use.
 *
 *     if (!rn_onig_print("a{1,2}+$", &out)) ...             (?>a{1,2})\z
 *
 * Possessive counts become atomic groups, because there they would repeat; ^ and $ become \A and
 * \z, because there they are about lines. Inside `data` only. */
#ifndef RN_SPLIT_ONIG_H
#define RN_SPLIT_ONIG_H

#include "str.h"

/* Appends it; false if it uses what means something else there: \h, \Q, a set within a set, ... The
 * expression is one that PCRE2 compiles. */
bool rn_onig_print(const char *regex, struct rn_str *out);

#endif
