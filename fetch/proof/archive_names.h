/* archive_names.h - which names from a stranger's archive may become files.
 *
 *     if (!rn_entry_name_is_safe(name)) ...
 *     rn_names_add(&names, rn_entry_name_strip(name, 1));
 *     RN_TRY(rn_names_check(&names, zip_path, err));         collisions, after all were added
 *     if (!rn_names_has(&names, "core.yaml")) ... */
#ifndef RN_ARCHIVE_NAMES_H
#define RN_ARCHIVE_NAMES_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A relative path of plain components, one '/' may end it: no "..", ".", empty component, drive
 * letter, backslash or control character; UTF-8; at most 1024 bytes, 64 components of 255. */
bool rn_entry_name_is_safe(const char *name);

/* The rest behind the first components, or NULL if nothing is left. Borrowed from name. */
const char *rn_entry_name_strip(const char *name, int64_t components);

struct rn_names {
    char **names; /* owned */
    size_t n, cap;
    bool sorted;
};
void rn_names_add(struct rn_names *, const char *name); /* of a file; copied */
/* RN_ECORRUPT if two names are one place where case does not count, or a file is a directory. */
int rn_names_check(struct rn_names *, const char *archive, struct rn_err *);
bool rn_names_has(const struct rn_names *, const char *name); /* after check; case counts */
void rn_names_release(struct rn_names *);

#endif
