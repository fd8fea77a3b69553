#include "hop.h"

#include <stdlib.h>

/* libcurl takes and frees a receive buffer for every transfer. From 64 KiB on, freeing one makes
 * the allocator tidy up; one that is smaller is there again for the next. */
enum { SMALL_BODIES = 1 << 14, LARGE_BODIES = 1 << 16 };

static const char *ca_file(void)
{
    const char *ca = getenv("CURL_CA_BUNDLE");
    if (!ca || !*ca)
        ca = getenv("SSL_CERT_FILE");
    return ca && *ca ? ca : NULL;
}

void rn_hop_prepare(CURL *c, double connect_s)
{
    if (connect_s <= 0)
        connect_s = 15;
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L); /* a proxy vouches for nothing */
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "runnel/" RUNNEL_VERSION);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect_s * 1000));
    if (ca_file())
        curl_easy_setopt(c, CURLOPT_CAINFO, ca_file());
}

/* Who may share waits for the first connection to tell whether it can be shared. TLS tells before a
 * request is sent, plain http with an answer: if sending fails there, none ever comes, libcurl
 * keeps that connection as an idle one, and everybody waits. */
void rn_hop_share(CURL *c, bool small, const struct rn_url *here)
{
    bool shared = small && here->https;
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
                     (long)(shared ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(c, CURLOPT_PIPEWAIT, (long)shared);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)(small ? SMALL_BODIES : LARGE_BODIES));
}

struct curl_slist *rn_hop_headers(const struct rn_request *q, const struct rn_url *here)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept-Encoding: identity");
    bool trusted = rn_url_same_origin(&q->at, here);
    for (size_t i = 0; trusted && i < q->n_headers; i++)
        list = curl_slist_append(list, q->headers[i]);
    RN_ASSERT(list);
    return list;
}

void rn_hop_aim(CURL *c, const char *url, const struct rn_url *here, struct curl_slist *headers)
{
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOPROXY, here->loopback ? "*" : NULL);
}

const char *rn_hop_header(CURL *c, const char *name)
{
    struct curl_header *h;
    return curl_easy_header(c, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : "";
}

bool rn_hop_next(CURL *c, const struct rn_url *here, struct rn_response *r, char **url)
{
    *url = NULL;
    curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, url);
    if (!rn_status_redirects(r->status) || !*url)
        return false;
    struct rn_url there = rn_url_parse(*url);
    if (r->redirects++ == RN_REDIRECTS_MAX)
        return rn_find(&r->finding, RN_REFUSED, "more than %d redirects", RN_REDIRECTS_MAX);
    if (!there.https && !there.http)
        return rn_find(&r->finding, RN_REFUSED, "redirect to what is no http url");
    if (!rn_redirect_allowed(here, &there))
        return rn_find(&r->finding, RN_INTERCEPTED, "redirect to plain http at %s", there.host);
    return true;
}
