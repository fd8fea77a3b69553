/* tests/server/conn.h - one request being answered: between server.c and kinds.c. */
#ifndef CONN_H
#define CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MAX_REQUEST = 1 << 14, MAX_PATH = 512 };

struct server;
struct conn {
    struct server *server;
    int fd;
    void *ssl; /* NULL: plain */
    char request[MAX_REQUEST + 1];
    char path[MAX_PATH];
    char if_range[256];  /* "" if none */
    bool keeps;          /* another request may follow over this connection */
    int64_t first, last; /* of Range: bytes=first-last; first -1: none, last -1: to the end */
};

struct body;
/* A way to answer: `give` does it; the other fields are for the give that looks at them. */
struct kind {
    const char *name;
    void (*give)(struct conn *, const struct kind *);
    const char *status, *headers, *text; /* give_text: a fixed answer */
    void (*edit)(struct body *);         /* give_file: what is done to the honest answer */
    bool other_version;                  /* give_file: of the file with ".b" behind its name */
    bool ignore_if_range;                /* give_file: answers every range */
};
extern const struct kind kinds[]; /* ends with name NULL; the first is "ok" */
const struct kind *kind_named(const char *name);
const char *const *kind_names(void); /* NULL-ended */

void give_lfs(struct conn *, const struct kind *); /* lfs.c: the kind's text, for each object */

/* Parts of the address space beside the files, see server.h. False: not one of them. */
bool give_special(struct conn *);

/* False once the other side is gone. */
bool conn_put(struct conn *, const void *bytes, size_t n);
bool conn_printf(struct conn *, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void conn_reset(struct conn *);       /* the connection will end with RST */
bool conn_nap(struct conn *, int ms); /* false: the server stops or the other side went */
const char *conn_body(const struct conn *); /* of the request; "" if it has none */
char *conn_file(const struct conn *, size_t *n); /* content of the wanted file; NULL: none */
const char *conn_url(const struct conn *);       /* of this server */
const char *conn_other_url(const struct conn *);
int conn_count(const struct conn *, const char *path_prefix); /* requests so far that began so */

#endif
