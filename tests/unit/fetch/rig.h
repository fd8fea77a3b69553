/* tests/unit/fetch/rig.h - a fetcher in a temporary directory, with a web server beside it. */
#ifndef RIG_H
#define RIG_H

#include "fetcher.h"
#include "mem.h"
#include "server.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct rig {
    char dir[64];
    char *www, *quarantine;
    struct server *server;
    struct rn_cache cache;
    struct rn_pins lock;
    struct rn_fetcher fetcher;
    struct rn_str said; /* log lines */
    struct rn_log log;
    struct rn_err err;
    struct rn_source sources[4];
    struct rn_arena texts; /* urls, names */
    struct rn_fetch_file file;
    struct rn_fetched got;
};

extern const char good_jsonl[];
extern const struct rn_format rig_formats[]; /* jsonl-like "lines": every line begins with '{' */

void rig_up(struct rig *);
void rig_down(struct rig *);
void rig_put(struct rig *, const char *name, const void *bytes, size_t n); /* a file to serve */
/* Adds server_url + path (or the text itself if it has a colon) as the next source. */
struct rn_source *rig_source(struct rig *, const char *path);
int rig_fetch(struct rig *);
/* Files of the server in one call, each with a source of its own. failed: of those lost, the ones
 * that a reason was told of. */
struct rig_many {
    struct rn_fetch_file files[300];
    struct rn_source sources[300];
    size_t n, given, had, lost, failed;
};
void rig_many_add(struct rig *, struct rig_many *, const char *path); /* id: data.f/NAME */
int rig_fetch_many(struct rig *, struct rig_many *);
bool rig_said(const struct rig *, const char *text);
bool rig_quarantined(const struct rig *, const char *folder); /* its body is there */
/* Content files in the cache, and temporary ones anywhere. */
size_t rig_count(const struct rig *, const char *below);

#endif
