/* template.h - one line for many files: "shard_{i:05d}.parquet", "https://host/{file}".
 *
 *     struct rn_str name = {0};
 *     RN_TRY(rn_template_fill(&name, "shard_{i:05d}.parquet", 7, NULL, err));   shard_00007.parquet
 *
 * {i} is the number, {i:05d} the same with leading zeros (one to nine digits), {file} the name. */
#ifndef RN_TEMPLATE_H
#define RN_TEMPLATE_H

#include "str.h"

/* Appends to out. file NULL: {file} has no meaning here. RN_ECONFIG names what stands in braces. */
int rn_template_fill(struct rn_str *out, const char *text, int64_t i, const char *file,
                     struct rn_err *);
/* True if the text differs from number to number. */
bool rn_template_counts(const char *text);

/* A name that a file may get from a stranger's text: one path component, not hidden, printable
 * ASCII without blanks and quotes, at most 200 bytes. */
bool rn_name_is_plain(const char *name);
/* The last part of an url or path, without query and fragment, or the hub's @REVISION (which may
 * hold no slash here); caller frees. */
char *rn_url_name(const char *url);

#endif
