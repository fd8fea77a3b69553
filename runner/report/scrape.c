#include "scrape.h"

#include "file.h"
#include "http.h"
#include "listen.h"
#include "mem.h"
#include "prometheus.h"

#include <stdlib.h>
#include <string.h>

/* --- a file --- */

/* Caller frees. */
static char *exposition(const char *run_dir, const char *only, size_t *n)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, n);
    if (!out)
        rn_no_memory(1);
    rn_prometheus_print(out, run_dir, only);
    fclose(out);
    return text;
}

int rn_scrape_file(const char *run_dir, const char *only, const char *path, struct rn_err *err)
{
    size_t n;
    char *text = exposition(run_dir, only, &n);
    int rc = rn_file_write(path, text, n, err);
    free(text);
    return rc;
}

/* --- a server --- */

struct rn_scrape {
    char *run_dir, *only, *url; /* owned */
    struct rn_listener *listener;
};

static void answer(void *ctx, const struct rn_visit *v, struct rn_reply *r)
{
    const struct rn_scrape *s = ctx;
    size_t n;
    if (strcmp(v->path, "/metrics") != 0)
        return;
    r->status = 200;
    r->text = exposition(s->run_dir, s->only, &n);
    r->n_bytes = n;
    rn_reply_add(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
}

static bool is_loopback(const char *address)
{
    char *url = rn_xprintf("http://%s/", address);
    bool loopback = rn_url_parse(url).loopback;
    free(url);
    return loopback;
}

int rn_scrape_start(struct rn_scrape **out, const char *run_dir, const char *only,
                    const char *address, struct rn_err *err)
{
    if (!is_loopback(address)) {
        rn_hint(err, "127.0.0.1:9464 or [::1]:9464; for other machines put a proxy before it");
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "'%.60s' is not on loopback", address);
    }
    struct rn_scrape *s = rn_new(struct rn_scrape);
    s->run_dir = rn_xdup(run_dir);
    s->only = only ? rn_xdup(only) : NULL;
    int rc = rn_listen_start(&s->listener, address, answer, s, err);
    if (rc != RN_OK) {
        rn_scrape_stop(s);
        return rc;
    }
    s->url = rn_xprintf("%s/metrics", rn_listen_url(s->listener));
    *out = s;
    return RN_OK;
}

const char *rn_scrape_url(const struct rn_scrape *s)
{
    return s->url;
}

void rn_scrape_stop(struct rn_scrape *s)
{
    if (!s)
        return;
    rn_listen_stop(s->listener);
    free(s->run_dir);
    free(s->only);
    free(s->url);
    free(s);
}
