/* tests/server/server.h - a web server on loopback that misbehaves on request.
 *
 *     struct server *s = server_start("dir", 0);
 *     server_fault(s, "/a.jsonl", "403-xml");        see kind_names() for the words
 *     get(server_url(s), "/a.jsonl"); n = server_requests(s);
 *     server_stop(s);
 *
 * Serves the files of one directory (no listing, no ".."), ranges included, with a strong ETag that
 * depends on the content. A thread per connection, one request each unless server_keep was called.
 * A path with faults gives them in the order they were added: one that ends in "-once" is used up
 * by one request, another stays.
 *
 * A file PATH.headers beside a file holds header lines that go with it.
 *
 *     /moved/PATH      the file at PATH, without faults
 *     /signed/N/PATH   the same, but the first one who asks for N gets half of it, later ones a 403
 */
#ifndef SERVER_H
#define SERVER_H

#include <stdbool.h>
#include <stddef.h>

struct server;
struct ca_leaf;
/* dir may be NULL; port 0: any. NULL on failure. */
struct server *server_start(const char *dir, int port);
/* The same over TLS with this certificate (tests/server/ca.h; copied). tls_1_0: nothing newer. */
struct server *server_start_tls(const char *dir, int port, const struct ca_leaf *, bool tls_1_0);
/* 0, or -1 if there is no such kind. path "*": every path without faults of its own. */
int server_fault(struct server *, const char *path, const char *kind);
void server_heal(struct server *); /* forgets all faults */
/* From now on a connection over which an honest answer went is kept for further requests. */
void server_keep(struct server *);
/* Where redirects to another host go: the url of a second server, which must outlive this one. */
void server_set_other(struct server *, const char *url);
const char *
server_url(const struct server *); /* "http://127.0.0.1:PORT" or https://localhost:PORT */
size_t server_requests(const struct server *); /* connections accepted so far */
size_t server_ranged(const struct server *);   /* requests that had a Range */
/* True if some request so far held this text; and how often it stood in any. */
bool server_heard(struct server *, const char *text);
size_t server_count(struct server *, const char *text);
void server_stop(struct server *);

#endif
