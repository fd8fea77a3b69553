/* hosts.h - how each host has been doing: how many may be asked at once, and whom to prefer.
 *
 *     struct rn_hosts hosts = {0};
 *     struct rn_host *h = rn_host_of(&hosts, "https://example.org/a");      stays where it is
 *     if (h->running < per_host && now_s >= h->hold_until_s) ...            may be asked
 *     rn_host_learn(h, received_bytes, took_s, failed);                     after every attempt
 *     if (rn_host_rank(a) < rn_host_rank(b)) ...                            a is asked first
 *     rn_hosts_release(&hosts); */
#ifndef RN_HOSTS_H
#define RN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_host {
    char name[128];
    char origin[128];    /* how urls of it began, up to their path; "": longer than that */
    int running;         /* transfers */
    int failures;        /* in a row */
    double bytes_s;      /* moving average; 0: not known */
    double body_bytes;   /* the same of whole bodies; 0: none came */
    bool shares;         /* many transfers over one connection (HTTP/2) */
    double hold_until_s; /* it asked for a pause until then */
    double learnt_s;     /* when something was learnt of it last, by the calendar; 0: never */
    bool told;           /* by this process */
};

struct rn_hosts {
    struct rn_host **items; /* owned */
    size_t n, cap;
};

/* The host of an url as it is written; all local sources are one. */
struct rn_host *rn_host_of(struct rn_hosts *, const char *url);
/* Takes the name, failures, speed and their time; a host of that name is overwritten. */
void rn_hosts_put(struct rn_hosts *, const struct rn_host *);
/* Bodies of this size, or of an unknown one (-1), are small as far as is known: many of them are
 * asked for at once where they can share a connection. */
bool rn_host_small(const struct rn_host *, int64_t size_bytes);
/* A whole body came; shared: over a connection that others may share. */
void rn_host_gave(struct rn_host *, int64_t size_bytes, bool shared);
/* failed: it was the host's trouble and not the file's. Speeds of small bodies say nothing. */
void rn_host_learn(struct rn_host *, int64_t received_bytes, double took_s, bool failed);
/* 0: good or unknown; 1: slow, under 64 KiB/s; 2: failed three times in a row. Classes and not
 * numbers, so that ties are common and the written order decides them. */
int rn_host_rank(const struct rn_host *);
void rn_hosts_release(struct rn_hosts *);

#endif
