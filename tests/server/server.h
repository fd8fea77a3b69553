/* tests/server/server.h - a web server on loopback that misbehaves on request.
 *
 *     struct server *s = server_start("dir", 0);
 *     server_fault(s, "/a.jsonl", "403-xml");        see server_faults() for the words
 *     get(server_url(s), "/a.jsonl"); n = server_requests(s);
 *     server_stop(s);
 *
 * Serves the files of one directory (no listing, no ".."), a thread per connection, one request
 * each. A path with faults gives them in the order they were added: one that ends in "-once" is
 * used up by one request, another stays. */
#ifndef SERVER_H
#define SERVER_H

#include <stddef.h>

struct server;
/* dir may be NULL; port 0: any. NULL on failure. */
struct server *server_start(const char *dir, int port);
/* 0, or -1 if there is no such kind. path "*": every path without faults of its own. */
int server_fault(struct server *, const char *path, const char *kind);
const char *server_url(const struct server *); /* "http://127.0.0.1:PORT" */
size_t server_requests(const struct server *); /* connections accepted so far */
void server_stop(struct server *);
const char *const *server_faults(void); /* NULL-ended */

#endif
