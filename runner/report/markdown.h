/* markdown.h - text that goes into Markdown, whatever it holds.
 *
 *     rn_md_text(&s, tag);                    shown as it is: no markup, no HTML, one line
 *     rn_md_fenced(&s, sample);               a block of text as it is
 *     rn_md_item(&s, "seed", value);          - seed: 42
 *
 * Control characters and bytes that are no UTF-8 become U+FFFD. */
#ifndef RN_MARKDOWN_H
#define RN_MARKDOWN_H

#include "json.h"
#include "str.h"

void rn_md_text(struct rn_str *, const char *text);
void rn_md_fenced(struct rn_str *, const char *text);
/* As nanochat's reports show values: 0.2359, 12,345, short where that would say nothing. */
void rn_md_number(struct rn_str *, double value);
void rn_md_value(struct rn_str *, const json_t *value); /* a number, a text, or "-" */
void rn_md_item(struct rn_str *, const char *name, const json_t *value);
/* A YAML scalar in double quotes, for front matter. */
void rn_md_quoted(struct rn_str *, const char *text);

#endif
