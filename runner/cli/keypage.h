/* keypage.h - docs/keys.md: every key of every kind with class, value, default and unit. */
#ifndef RN_KEYPAGE_H
#define RN_KEYPAGE_H

#include <stdio.h>

void rn_keypage_write(FILE *); /* Markdown */

#endif
