#include "hosts.h"

#include "clock.h"
#include "http.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

/* "https://example.org:8080/a" -> "example.org:8080"; other schemes: up to the first slash behind
 * "://", so that a bucket is a host. */
static void name_host(char *to, size_t cap, const char *url)
{
    struct rn_url u = rn_url_parse(url);
    const char *slashes = strstr(url, "://");
    if (u.http || u.https)
        rn_copy_text(to, cap, u.host);
    else if (slashes)
        snprintf(to, cap, "%.*s", (int)(slashes - url + 3 + (long)strcspn(slashes + 3, "/")), url);
    else
        to[0] = '\0';
}

/* How much of the url tells its host: all before the path. 0: it is not of that form. */
static size_t origin_length(const char *url)
{
    const char *slashes = strstr(url, "://");
    return slashes ? (size_t)(slashes + 3 - url) + strcspn(slashes + 3, "/?#") : 0;
}

/* Thousands of urls of one host are taken apart once. */
static struct rn_host *known_host(const struct rn_hosts *all, const char *url, size_t n)
{
    for (size_t i = 0; n > 0 && i < all->n; i++)
        if (strncmp(all->items[i]->origin, url, n) == 0 && all->items[i]->origin[n] == '\0')
            return all->items[i];
    return NULL;
}

static struct rn_host *host_named(struct rn_hosts *all, const char *name)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->items[i]->name, name) == 0)
            return all->items[i];
    struct rn_host *h = rn_new(struct rn_host);
    rn_copy_text(h->name, sizeof h->name, name);
    RN_PUSH(all->items, all->n, all->cap, h);
    return h;
}

struct rn_host *rn_host_of(struct rn_hosts *all, const char *url)
{
    char name[sizeof all->items[0]->name];
    size_t n = origin_length(url);
    struct rn_host *known = known_host(all, url, n);
    if (known)
        return known;
    name_host(name, sizeof name, url);
    struct rn_host *h = host_named(all, name);
    if (n < sizeof h->origin)
        rn_copy_text(h->origin, n + 1, url);
    return h;
}

void rn_hosts_put(struct rn_hosts *all, const struct rn_host *from)
{
    struct rn_host *h = host_named(all, from->name);
    h->failures = from->failures;
    h->bytes_s = from->bytes_s;
    h->learnt_s = from->learnt_s;
}

static double moved(double average, double value)
{
    const double weight = 0.3;
    return average > 0 ? (1 - weight) * average + weight * value : value;
}

void rn_host_learn(struct rn_host *h, int64_t received_bytes, double took_s, bool failed)
{
    enum { TELLING_BYTES = 1 << 18 };
    h->failures = failed ? h->failures + 1 : 0;
    h->learnt_s = rn_time_s();
    h->told = true;
    if (received_bytes < TELLING_BYTES || took_s <= 0)
        return;
    h->bytes_s = moved(h->bytes_s, (double)received_bytes / took_s);
}

bool rn_host_small(const struct rn_host *h, int64_t size_bytes)
{
    const double small_bytes = 1 << 20;
    return (size_bytes >= 0 ? (double)size_bytes : h->body_bytes) <= small_bytes;
}

void rn_host_gave(struct rn_host *h, int64_t size_bytes, bool shared)
{
    h->body_bytes = moved(h->body_bytes, (double)size_bytes);
    h->shares = shared;
}

int rn_host_rank(const struct rn_host *h)
{
    const double slow_bytes_s = 64 << 10;
    if (h->failures >= 3)
        return 2;
    return h->bytes_s > 0 && h->bytes_s < slow_bytes_s;
}

void rn_hosts_release(struct rn_hosts *all)
{
    for (size_t i = 0; i < all->n; i++)
        free(all->items[i]);
    free(all->items);
    *all = (struct rn_hosts){0};
}
