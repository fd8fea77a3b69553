#include "http.h"

#include "mem.h"
#include "str.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* --- urls --- */

void rn_copy_word(char *to, size_t cap, const char *from, const char *kept)
{
    rn_copy_text(to, cap, from ? from : "");
    for (char *p = to; *p; p++)
        if ((*p <= ' ' || *p > '~') && !strchr(kept, *p))
            *p = '?';
}

static bool is_loopback(const char *name)
{
    struct in_addr v4;
    if (strcasecmp(name, "localhost") == 0 || strcmp(name, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, name, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* False: the url has no such part, or one that does not fit and is none therefore. */
static bool take_part(CURLU *u, CURLUPart part, unsigned flags, char *to, size_t cap)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(u, part, &text, flags);
    if (code == CURLUE_OUT_OF_MEMORY)
        rn_no_memory(cap); /* or a good url would be called a bad one */
    bool fits = code == CURLUE_OK && strlen(text) < cap;
    if (code == CURLUE_OK)
        rn_copy_text(to, cap, text);
    curl_free(text);
    return fits;
}

static bool take_parts(CURLU *u, struct rn_url *out)
{
    char scheme[8], port[8] = "", whole[sizeof out->name + sizeof port], user[2] = "";
    if (!take_part(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) ||
        !take_part(u, CURLUPART_HOST, 0, out->name, sizeof out->name) ||
        !take_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, out->port, sizeof out->port))
        return false;
    bool has_port = take_part(u, CURLUPART_PORT, 0, port, sizeof port);
    snprintf(whole, sizeof whole, "%s%s%s", out->name, has_port ? ":" : "", port);
    rn_copy_word(out->host, sizeof out->host, whole, "");
    take_part(u, CURLUPART_USER, 0, user, sizeof user);
    out->has_user = user[0] != '\0';
    out->https = strcmp(scheme, "https") == 0;
    out->http = strcmp(scheme, "http") == 0;
    out->loopback = is_loopback(out->name);
    return true;
}

struct rn_url rn_url_parse(const char *text)
{
    struct rn_url out = {0};
    CURLU *u = curl_url();
    CURLUcode code = u ? curl_url_set(u, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OUT_OF_MEMORY)
        rn_no_memory(strlen(text));
    if (code != CURLUE_OK || !take_parts(u, &out))
        out = (struct rn_url){0};
    curl_url_cleanup(u);
    return out;
}

bool rn_url_same_origin(const struct rn_url *a, const struct rn_url *b)
{
    bool known = a->https || a->http;
    return known && a->https == b->https && a->http == b->http &&
           strcasecmp(a->name, b->name) == 0 && strcmp(a->port, b->port) == 0;
}

bool rn_url_allowed(const struct rn_url *u, bool pinned)
{
    return u->https || (u->http && (u->loopback || pinned));
}

bool rn_redirect_allowed(const struct rn_url *from, const struct rn_url *to)
{
    return to->https || (to->http && to->loopback && from->loopback);
}

bool rn_status_redirects(long status)
{
    return status >= 301 && status <= 308 && status != 304 && status != 305 && status != 306;
}

/* What a broken transfer means. Codes not listed are trouble on the way: transient. */
static const struct {
    CURLcode code;
    enum rn_verdict verdict;
} broken[] = {
    {CURLE_PARTIAL_FILE, RN_TRUNCATED},       {CURLE_UNSUPPORTED_PROTOCOL, RN_REFUSED},
    {CURLE_URL_MALFORMAT, RN_REFUSED},        {CURLE_PEER_FAILED_VERIFICATION, RN_INTERCEPTED},
    {CURLE_SSL_ISSUER_ERROR, RN_INTERCEPTED}, {CURLE_SSL_INVALIDCERTSTATUS, RN_INTERCEPTED},
};

void rn_judge_broken(int curl_code, struct rn_response *r)
{
    enum rn_verdict v = RN_TRANSIENT;
    for (size_t i = 0; i < RN_COUNT(broken); i++)
        if ((int)broken[i].code == curl_code)
            v = broken[i].verdict;
    if (v == RN_TRUNCATED && r->declared_bytes >= 0)
        rn_find(&r->finding, v, "%lld of %lld bytes", (long long)r->size_bytes,
                (long long)r->declared_bytes);
    else
        rn_find(&r->finding, v, "%s", curl_easy_strerror((CURLcode)curl_code));
}
