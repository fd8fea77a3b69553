/* complete.h - what may stand at the end of a command line that is still being typed.
 *
 *     const char *words[] = {"run", "smoke.yaml", "--from", "to"};
 *     rn_complete(words, 4, stdout);
 *
 *     tokenizer\ttrain-tokenizer
 *     tokens\ttokenize
 *
 * One candidate a line, a tab, what it is. A line that begins with a tab asks the shell to complete
 * by itself: "\tfiles", "\tdirectories". Options, words and kinds of values come from the tables;
 * stages, profiles and runs from the file and the folder that the line names. Only reads; a line
 * that makes no sense has no candidates. The scripts of `runnel completion` call this. */
#ifndef RN_COMPLETE_H
#define RN_COMPLETE_H

#include "command.h"

/* The words behind `runnel`, the last one (may be "") is being typed. */
void rn_complete(const char *const *words, size_t n, FILE *out);

#endif
