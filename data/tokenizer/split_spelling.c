#include "split_spelling.h"

#include "mem.h"
#include "split_onig.h"

#include <string.h>

#define CONTRACTIONS "'(?i:[sdmt]|ll|ve|re)"
#define LETTERS      "|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}"
#define OTHERS       "| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*"
#define NEWLINES     "|\\s*[\\r\\n]|\\s+(?!\\S)"
#define GPT2_RUNS(q) "| ?\\p{L}" q "| ?\\p{N}" q "| ?[^\\s\\p{L}\\p{N}]" q

/* The first of each name is the one that is written. */
static const struct {
    const char *name, *regex;
} spellings[] = {
    {"nanochat", CONTRACTIONS LETTERS "+|\\p{N}{1,2}" OTHERS NEWLINES "|\\s+"},
    {"gpt2", "'(?:[sdmt]|ll|ve|re)" GPT2_RUNS("+") "|\\s+(?!\\S)|\\s+"},
    {"gpt2", "'(?:[sdmt]|ll|ve|re)" GPT2_RUNS("++") "|\\s++$|\\s+(?!\\S)|\\s"},
    {"gpt2", "'s|'t|'re|'ve|'m|'ll|'d" GPT2_RUNS("+") "|\\s+(?!\\S)|\\s+"},
    {"gpt2", "'s|'t|'re|'ve|'m|'ll|'d| ?[\\p{L}]+| ?[\\p{N}]+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|"
             "\\s+"},
    {"cl100k", CONTRACTIONS LETTERS "+|\\p{N}{1,3}" OTHERS "|\\s++\\z" NEWLINES "|\\s"},
    {"cl100k", CONTRACTIONS LETTERS "++|\\p{N}{1,3}+" OTHERS "+|\\s++$" NEWLINES "|\\s"},
};

const char *rn_split_spelled(const char *regex)
{
    for (size_t i = 0; i < RN_COUNT(spellings); i++)
        if (strcmp(spellings[i].regex, regex) == 0)
            return spellings[i].name;
    return NULL;
}

bool rn_split_print(const char *name, struct rn_str *out)
{
    if (rn_starts_with(name, RN_SPLIT_REGEX))
        return rn_onig_print(name + strlen(RN_SPLIT_REGEX), out);
    for (size_t i = 0; i < RN_COUNT(spellings); i++)
        if (strcmp(spellings[i].name, name) == 0) {
            rn_str_puts(out, spellings[i].regex);
            return true;
        }
    return false;
}
