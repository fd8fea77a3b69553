#include "http.h"

#include "mem.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

/* --- urls --- */

bool rn_host_is_loopback(const char *host)
{
    struct in_addr v4;
    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
        return true;
    return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

void rn_copy_word(char *to, size_t cap, const char *from, const char *kept)
{
    snprintf(to, cap, "%s", from ? from : "");
    for (char *p = to; *p; p++)
        if ((*p <= ' ' || *p > '~') && !strchr(kept, *p))
            *p = '?';
}

struct rn_url rn_url_parse(const char *text)
{
    struct rn_url u = {0};
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *handle = curl_url();
    CURLUcode code = handle ? curl_url_set(handle, CURLUPART_URL, text, 0) : CURLUE_OUT_OF_MEMORY;
    if (code == CURLUE_OK)
        code = curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0);
    if (code == CURLUE_OK)
        code = curl_url_get(handle, CURLUPART_HOST, &host, 0);
    RN_ASSERT(code != CURLUE_OUT_OF_MEMORY); /* or a good url would be called a bad one */
    if (code == CURLUE_OK) {
        u.https = strcmp(scheme, "https") == 0;
        u.http = strcmp(scheme, "http") == 0;
        u.loopback = rn_host_is_loopback(host);
        bool has_port = curl_url_get(handle, CURLUPART_PORT, &port, 0) == CURLUE_OK;
        char whole[sizeof u.host];
        snprintf(whole, sizeof whole, "%s%s%s", host, has_port ? ":" : "", has_port ? port : "");
        rn_copy_word(u.host, sizeof u.host, whole, "");
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(handle);
    return u;
}

bool rn_url_allowed(const char *url, bool pinned)
{
    struct rn_url u = rn_url_parse(url);
    return u.https || (u.http && (u.loopback || pinned));
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
