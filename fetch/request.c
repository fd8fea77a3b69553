#include "request.h"

#include "netrc.h"
#include "sigv4.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void add_header(struct rn_request *q, char *line)
{
    q->headers = rn_xrealloc(q->headers, q->n_headers + 1, sizeof *q->headers);
    q->headers[q->n_headers++] = line;
}

void rn_request_add(struct rn_request *q, const char *line)
{
    size_t n = strcspn(line, ":") + 1;
    for (size_t i = 0; i < q->n_headers; i++)
        if (strncasecmp(q->headers[i], line, n) == 0) {
            free(q->headers[i]);
            q->headers[i] = rn_xdup(line);
            return;
        }
    add_header(q, rn_xdup(line));
}

static bool may_carry_secrets(const struct rn_url *u)
{
    return u->https || u->loopback;
}

/* --- the hub --- */

static const char *endpoint_of(const struct rn_who *who)
{
    return who->hf_endpoint ? who->hf_endpoint : RN_HUB;
}

static bool is_on_hub(const struct rn_url *u, const struct rn_who *who)
{
    struct rn_url hub = {.https = true, .name = RN_HUB_HOST, .port = "443"};
    if (who->hf_endpoint)
        hub = rn_url_parse(who->hf_endpoint);
    return rn_url_same_origin(u, &hub);
}

static void add_hub_token(struct rn_request *q, const struct rn_who *who)
{
    if (who->hf_token)
        add_header(q, rn_xprintf("Authorization: Bearer %s", who->hf_token));
    q->hint_on_403 = true;
    q->hint = rn_xdup(who->hf_token ? "the token may not read it: accept the terms on the "
                                      "repository's page with the token's account, or use another "
                                      "HF_TOKEN"
                                    : "gated, private or absent: accept the terms on the "
                                      "repository's page, then set HF_TOKEN");
}

/* "datasets/OWNER/NAME" and so on, cut into parts; all borrowed from the url. */
struct hub_path {
    const char *kind; /* "datasets/", "spaces/", "" */
    char *repo, *revision, *path;
};

static bool is_plain_part(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._-", *p))
            return false;
    return *text && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
}

/* Parts that a client or a proxy would fold away ask for something else than what is written. */
static bool is_safe_path(const char *path)
{
    for (const char *p = path;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
        if (!*p)
            break;
    }
    for (; *path; path++)
        if ((unsigned char)*path < ' ' || *path == 0x7F)
            return false;
    return true;
}

/* OWNER/NAME[@REV]/PATH[@REV] */
static bool parse_hub_rest(char *rest, struct hub_path *h)
{
    char *name = strchr(rest, '/'), *path = name ? strchr(name + 1, '/') : NULL;
    if (!path)
        return false;
    *path++ = '\0';
    char *at = strchr(name, '@');
    h->repo = rest;
    h->path = path;
    h->revision = at ? at + 1 : strrchr(path, '@');
    if (at)
        *at = '\0';
    else if (h->revision)
        *h->revision++ = '\0';
    *name = '\0';
    bool plain = is_plain_part(rest) && is_plain_part(name + 1);
    *name = '/';
    return plain && is_safe_path(path) && (!h->revision || is_safe_path(h->revision));
}

static const char *hub_kind(const char **rest)
{
    static const struct {
        const char *prefix, *kind;
    } kinds[] = {{"datasets/", "datasets/"}, {"spaces/", "spaces/"}, {"models/", ""}};
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (rn_starts_with(*rest, kinds[i].prefix)) {
            *rest += strlen(kinds[i].prefix);
            return kinds[i].kind;
        }
    return "";
}

static int make_hub(struct rn_request *q, const struct rn_who *who, const char *url,
                    struct rn_err *err)
{
    const char *rest = url + strlen("hf://"), *kind = hub_kind(&rest);
    struct rn_str out = {0};
    char *copy = rn_xdup(rest);
    struct hub_path h;
    bool good = parse_hub_rest(copy, &h);
    if (good) {
        const char *endpoint = endpoint_of(who);
        size_t n = strlen(endpoint);
        rn_str_printf(&out, "%.*s/%s%s/resolve/", (int)(n - rn_ends_with(endpoint, "/")), endpoint,
                      kind, h.repo);
        rn_percent_encode(&out, h.revision ? h.revision : "main", "");
        rn_str_putc(&out, '/');
        rn_percent_encode(&out, h.path, "/");
        q->url = out.p;
        q->at = rn_url_parse(q->url);
        add_hub_token(q, who);
    }
    free(copy);
    if (good)
        return RN_OK;
    rn_hint(err, "hf://datasets/OWNER/NAME/PATH@REVISION, hf://models/OWNER/NAME/PATH@REVISION");
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%.120s' does not name a file of the hub", url);
}

/* --- s3 --- */

struct s3_place {
    char *bucket, *key, *version; /* version: NULL if not asked for */
};

static bool is_bucket(const char *text)
{
    size_t n = strlen(text);
    for (const char *p = text; *p; p++)
        if (!islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '-' && *p != '.')
            return false;
    return n >= 3 && n <= 63 && isalnum((unsigned char)text[0]) && !strstr(text, "..");
}

static bool parse_s3(char *rest, struct s3_place *at)
{
    enum { LONGEST_KEY = 1024 };
    char *slash = strchr(rest, '/'), *version = strstr(rest, "?versionId=");
    if (!slash)
        return false;
    *slash = '\0';
    *at = (struct s3_place){rest, slash + 1, NULL};
    if (version) {
        *version = '\0';
        at->version = version + strlen("?versionId=");
    }
    return is_bucket(at->bucket) && is_safe_path(at->key) && strlen(at->key) <= LONGEST_KEY &&
           (!at->version || is_plain_part(at->version));
}

/* Where the bucket answers: a host of its own, unless its dots would break the certificate or the
 * endpoint is somebody else's. `path` is what that host calls the key. */
static char *s3_base(const struct s3_place *at, const struct rn_who *who, const char *region,
                     char **path)
{
    size_t n = who->s3_endpoint ? strlen(who->s3_endpoint) : 0;
    bool own_host = !who->s3_endpoint && !strchr(at->bucket, '.');
    *path = own_host ? rn_xprintf("/%s", at->key) : rn_xprintf("/%s/%s", at->bucket, at->key);
    if (who->s3_endpoint)
        return rn_xprintf("%.*s", (int)(n - rn_ends_with(who->s3_endpoint, "/")), who->s3_endpoint);
    return own_host ? rn_xprintf("https://%s.s3.%s.amazonaws.com", at->bucket, region)
                    : rn_xprintf("https://s3.%s.amazonaws.com", region);
}

/* Adds the headers that S3 wants, all signed: their names are in order. */
static void sign_s3(struct rn_request *q, const struct rn_who *who, const char *region,
                    const char *host, const char *path, const char *query)
{
    static const char payload[] = "UNSIGNED-PAYLOAD";
    char date[17];
    double now_s = who->now_s > 0 ? who->now_s : (double)time(NULL);
    rn_sigv4_date(now_s, date);
    const struct rn_sigv4_header headers[] = {{"host", host},
                                              {"x-amz-checksum-mode", "ENABLED"},
                                              {"x-amz-content-sha256", payload},
                                              {"x-amz-date", date},
                                              {"x-amz-security-token", who->s3_session}};
    struct rn_sigv4 s = {.key = who->s3_key,
                         .secret = who->s3_secret,
                         .region = region,
                         .service = "s3",
                         .time_s = now_s,
                         .path = path,
                         .query = query,
                         .payload = payload,
                         .headers = headers,
                         .n_headers = RN_COUNT(headers) - (who->s3_session == NULL)};
    struct rn_str authorization = {0};
    rn_str_puts(&authorization, "Authorization: ");
    rn_sigv4_sign(&s, &authorization);
    for (size_t i = 1; i < s.n_headers; i++)
        add_header(q, rn_xprintf("%s: %s", headers[i].name, headers[i].value));
    add_header(q, authorization.p);
}

/* The Host header that the http library will send: the port only where it is not the scheme's. */
static char *host_header(const char *url)
{
    struct rn_url u = rn_url_parse(url);
    bool usual = strcmp(u.port, u.https ? "443" : "80") == 0;
    return rn_xprintf("%s%s%s", u.name, usual ? "" : ":", usual ? "" : u.port);
}

static int make_s3(struct rn_request *q, const struct rn_who *who, const char *url,
                   struct rn_err *err)
{
    char *copy = rn_xdup(url + strlen("s3://"));
    struct s3_place at;
    if (!parse_s3(copy, &at)) {
        free(copy);
        rn_hint(err, "s3://BUCKET/KEY");
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%.120s' does not name an object", url);
    }
    const char *region = who->s3_region ? who->s3_region : "us-east-1";
    char *path, *base = s3_base(&at, who, region, &path), *host = host_header(base);
    char *query = at.version ? rn_xprintf("versionId=%s", at.version) : rn_xdup("");
    struct rn_str out = {0};
    rn_str_puts(&out, base);
    rn_percent_encode(&out, path, "/");
    rn_str_printf(&out, "%s%s", *query ? "?" : "", query);
    q->url = out.p;
    q->at = rn_url_parse(q->url);
    if (who->s3_key)
        sign_s3(q, who, region, host, path, query);
    q->hint_on_403 = true;
    q->hint = rn_xdup(who->s3_key ? "the credentials may not read it, the key is not there, or the "
                                    "bucket lies in another AWS_REGION"
                                  : "asked without credentials: set AWS_ACCESS_KEY_ID and "
                                    "AWS_SECRET_ACCESS_KEY; S3 also says so of absent keys");
    free(query);
    free(host);
    free(base);
    free(path);
    free(copy);
    return RN_OK;
}

/* --- as written --- */

static char *basic(const char *login)
{
    size_t n = strlen(login);
    char *text = rn_xalloc(n * 4 / 3 + 8);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)login, (int)n);
    char *line = rn_xprintf("Authorization: Basic %s", text);
    free(text);
    return line;
}

static int make_web(struct rn_request *q, const struct rn_who *who, const char *url,
                    struct rn_err *err)
{
    q->url = rn_xdup(url);
    q->at = rn_url_parse(url);
    const char *host = q->at.name;
    if (q->at.has_user) {
        rn_hint(err, "put the login into ~/.netrc (mode 0600): machine %s login ... password ...",
                host);
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "an url on %s holds a user name", host);
    }
    if (is_on_hub(&q->at, who)) {
        add_hub_token(q, who);
        return RN_OK;
    }
    char *login = NULL;
    if (who->netrc_path && may_carry_secrets(&q->at))
        RN_TRY(rn_netrc_find(who->netrc_path, host, &login, err));
    if (login)
        add_header(q, basic(login));
    q->hint_on_403 = login != NULL;
    if (login)
        q->hint = rn_xprintf("check the login for %s in %s", host, who->netrc_path);
    free(login);
    return RN_OK;
}

/* --- all --- */

static const struct {
    const char *prefix;
    int (*make)(struct rn_request *, const struct rn_who *, const char *url, struct rn_err *);
} kinds[] = {
    {"https://", make_web}, {"http://", make_web}, {"hf://", make_hub}, {"s3://", make_s3}};

static size_t kind_of(const char *url)
{
    size_t i = 0;
    while (i < RN_COUNT(kinds) && !rn_starts_with(url, kinds[i].prefix))
        i++;
    return i;
}

bool rn_request_known(const char *url)
{
    return kind_of(url) < RN_COUNT(kinds);
}

/* An endpoint of the environment may be anything; nothing secret goes there over plain http. */
static int finish(struct rn_request *q, struct rn_err *err)
{
    if (!q->at.https && !q->at.http)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%.120s' is not an url", q->url);
    if (q->n_headers > 0 && !may_carry_secrets(&q->at)) {
        rn_hint(err, "use https in HF_ENDPOINT or AWS_ENDPOINT_URL");
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "a secret would go to %s over plain http",
                       q->at.name);
    }
    return RN_OK;
}

int rn_request_init(struct rn_request *q, const struct rn_who *who, const char *url,
                    struct rn_err *err)
{
    size_t kind = kind_of(url);
    RN_ASSERT(kind < RN_COUNT(kinds));
    *q = (struct rn_request){0};
    int rc = kinds[kind].make(q, who, url, err);
    if (rc == RN_OK)
        rc = finish(q, err);
    if (rc != RN_OK)
        rn_request_release(q);
    return rc;
}

const char *rn_request_hint(struct rn_request *q, long status)
{
    if (status != 401 && (status != 403 || !q->hint_on_403))
        return NULL;
    if (!q->hint)
        q->hint = rn_xprintf("if it needs a login: machine %s in ~/.netrc (mode 0600)", q->at.name);
    return q->hint;
}

void rn_request_release(struct rn_request *q)
{
    for (size_t i = 0; i < q->n_headers; i++)
        free(q->headers[i]);
    free(q->headers);
    free(q->hint);
    free(q->url);
    *q = (struct rn_request){0};
}

bool rn_request_fits(const char *url, const struct rn_who *who, enum rn_auth auth)
{
    struct rn_url u = rn_url_parse(url);
    bool hub = rn_starts_with(url, "hf://") || is_on_hub(&u, who);
    bool s3 = rn_starts_with(url, "s3://");
    switch (auth) {
    case RN_AUTH_HF:
        return hub;
    case RN_AUTH_S3:
        return s3;
    case RN_AUTH_NETRC:
        return !hub && !s3;
    case RN_AUTH_AUTO:
    case RN_AUTH_NONE:
        break;
    }
    return true;
}
