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

static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    const struct rn_scrape *s = ctx;
    size_t n;
    (void)version, (void)upload, (void)upload_bytes, (void)state;
    if (!rn_listen_reads(method))
        return rn_listen_refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED);
    if (strcmp(url, "/metrics") != 0)
        return rn_listen_refuse(c, MHD_HTTP_NOT_FOUND);
    char *text = exposition(s->run_dir, s->only, &n);
    struct MHD_Response *r = MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE);
    if (!r) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return rn_listen_reply(c, MHD_HTTP_OK, r);
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
