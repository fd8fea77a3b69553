/* map.h - a whole file as memory that is read and never written.
 *
 *     struct rn_map m;
 *     RN_TRY(rn_map_open(&m, path, err));
 *     use(m.p, m.n);
 *     rn_map_close(&m);
 *
 * For files that are read at any place and never change under us: who cuts one off while it is
 * mapped ends the program with SIGBUS. Any thread may read. */
#ifndef RN_MAP_H
#define RN_MAP_H

#include "err.h"

#include <stddef.h>

struct rn_map {
    const unsigned char *p; /* of an empty file, too; NULL: none is open */
    size_t n;
};
/* RN_EIO, or RN_ECORRUPT for what is no regular file; then there is nothing to close. */
int rn_map_open(struct rn_map *, const char *path, struct rn_err *);
void rn_map_close(struct rn_map *); /* a zeroed one is fine, twice too */

#endif
