/* trail.h - the way of one request: urls and header lines of every hop.
 *
 *     rn_trail_hop(&trail, "https://host/a?token=x");    as they come: nothing is looked at yet
 *     rn_trail_line(&trail, line, n);
 *     rn_trail_show(&trail, &text);                      "> https://host/a\nLocation: ...\n"
 *
 * Few trails are ever shown, so that all the work is in showing one: of urls neither user nor query
 * is kept, of cookies, keys and tokens only the name of the header; control characters are escaped.
 * Trail and text are at most RN_TRAIL_BYTES each. */
#ifndef RN_TRAIL_H
#define RN_TRAIL_H

#include "str.h"

enum { RN_TRAIL_BYTES = 1 << 13 };

void rn_trail_hop(struct rn_str *, const char *url);
void rn_trail_line(struct rn_str *, const char *line, size_t n);
void rn_trail_show(const struct rn_str *, struct rn_str *text);

/* The url without user, password, query and fragment. Caller frees. */
char *rn_url_plain(const char *url);

#endif
