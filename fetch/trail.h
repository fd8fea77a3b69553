/* fetch/trail.h - the way of one request: urls and header lines of every hop, fit to be shown.
 *
 *     rn_trail_hop(&trail, "https://host/a?token=x");          "> https://host/a"
 *     rn_trail_line(&trail, line, n);                          "Location: https://cdn/b"
 *
 * One line each in an rn_str. Of urls neither user nor query is kept, of cookies, keys and tokens
 * only the name of the header; control characters are escaped. At most RN_TRAIL_BYTES. */
#ifndef RN_TRAIL_H
#define RN_TRAIL_H

#include "str.h"

enum { RN_TRAIL_BYTES = 1 << 13 };

void rn_trail_hop(struct rn_str *, const char *url);
void rn_trail_line(struct rn_str *, const char *line, size_t n);

/* The url without user, password, query and fragment. Caller frees. */
char *rn_url_plain(const char *url);

#endif
