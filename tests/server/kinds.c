/* The ways to answer: one table, and the few that need code of their own. */
#include "body.h"

#include <stdlib.h>
#include <string.h>

#define XML  "Content-Type: application/xml\r\n"
#define HTML "Content-Type: text/html\r\n"
#define JSON "Content-Type: application/json\r\n"
#define RAW  "Content-Type: application/octet-stream\r\n"

static const char s3_error[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access "
    "Denied</Message><RequestId>7Z4Q1W9B2K8XN5RT</"
    "RequestId><HostId>mN8vB2cX4zL6kJ1hG3fD5sA7pO9iU0yT"
    "rE2wQ4qWeRtYuIoPaSdFgHjKlZxCvBnM1a2b3c4d5eE=</HostId></Error>";
static const char s3_skewed[] =
    "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference between the request time and "
    "the current time is too large.</Message></Error>";
static const char s3_slow[] = "<Error><Code>SlowDown</Code><Message>Please reduce your request "
                              "rate.</Message></Error>";
static const char page[] = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
                           "<body>Please sign in to continue</body></html>\n";
static const char json_error[] = "{\"error\": \"Repository not found\"}\n";
static const char hub_error[] = "{\"error\": \"Access to dataset x is restricted. You must have "
                                "access to it and be authenticated to access it.\"}";
static const char github_error[] =
    "{\"message\": \"Not Found\", \"documentation_url\": \"https://docs.example/rest\"}";
static const char lfs_pointer[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

static void give_text(struct conn *c, const struct kind *k)
{
    if (conn_printf(c, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\nConnection: close\r\n\r\n",
                    k->status, k->headers, strlen(k->text)))
        conn_put(c, k->text, strlen(k->text));
}

/* The whole answer as it stands in the table. */
static void give_raw(struct conn *c, const struct kind *k)
{
    conn_put(c, k->text, strlen(k->text));
}

/* --- slow and endless --- */

static void give_drip(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n");
    while (conn_put(c, "x", 1) && conn_nap(c, 100))
        ;
}

static void give_slow_headers(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\nX-Slow: ");
    while (conn_put(c, "x", 1) && conn_nap(c, 50))
        ;
}

static void give_hang(struct conn *c, const struct kind *k)
{
    (void)k;
    while (conn_nap(c, 20))
        ;
}

static void give_endless(struct conn *c, const struct kind *k)
{
    static const char block[1 << 16] = "{\"text\": \"more\"}\n";
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n" RAW "\r\n");
    while (conn_put(c, block, sizeof block) && conn_nap(c, 0))
        ;
}

static void repeat(struct conn *c, const char *line, long times)
{
    size_t n = strlen(line), many = 65536 / n;
    char *block = malloc(many * n + 1);
    for (size_t i = 0; i < many; i++)
        memcpy(block + i * n, line, n + 1);
    for (; times > 0 && conn_put(c, block, many * n); times -= (long)many)
        if (!conn_nap(c, 0))
            break;
    free(block);
}

static void give_endless_headers(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n");
    repeat(c, "X-More: and more\r\n", 100L * 1000 * 1000);
}

static void give_endless_interim(struct conn *c, const struct kind *k)
{
    (void)k;
    repeat(c, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100L * 1000 * 1000);
}

static void give_huge_header(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\nX-Huge: ");
    repeat(c, "x", 4 << 20);
}

static void give_many_headers(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n");
    repeat(c, "X-More: 1\r\n", 10000);
    conn_printf(c, "Content-Length: 5\r\n\r\nhello");
}

static void give_huge_json(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n" JSON "\r\n{\"objects\": [");
    repeat(c, "{\"oid\": \"x\"}, ", 100L * 1000 * 1000);
}

static void give_deep_json(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n" JSON "\r\n{\"objects\": ");
    repeat(c, "[", 200000);
}

static void give_lengths_disagree(struct conn *c, const struct kind *k)
{
    size_t n;
    char *bytes = conn_file(c, &n);
    (void)k;
    conn_printf(c, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 100; i++)
        conn_printf(c, "Content-Length: %d\r\n", 100 + i);
    conn_printf(c, "\r\n");
    if (bytes)
        conn_put(c, bytes, n);
    free(bytes);
}

/* --- ends and beginnings --- */

static void give_reset(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_reset(c);
}

static void give_close(struct conn *c, const struct kind *k)
{
    (void)c;
    (void)k;
}

static void give_http_09(struct conn *c, const struct kind *k)
{
    size_t n;
    char *bytes = conn_file(c, &n);
    (void)k;
    if (bytes)
        conn_put(c, bytes, n);
    free(bytes);
}

static void give_nul_header(struct conn *c, const struct kind *k)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 5\r\n\r\nhello";
    (void)k;
    conn_put(c, head, sizeof head - 1);
}

/* --- redirects --- */

static void redirect(struct conn *c, const char *target)
{
    conn_printf(c,
                "HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: %s\r\n"
                "Content-Length: %zu\r\n\r\n%s",
                target, strlen(page), page);
}

/* To the same file under /moved, which is served without faults. */
static void give_redirect(struct conn *c, const struct kind *k)
{
    char target[2 * MAX_PATH];
    (void)k;
    snprintf(target, sizeof target, "%s/moved%s", conn_url(c), c->path);
    redirect(c, target);
}

static void give_redirect_other(struct conn *c, const struct kind *k)
{
    char target[2 * MAX_PATH];
    (void)k;
    snprintf(target, sizeof target, "%s%s", conn_other_url(c), c->path);
    redirect(c, target);
}

static void give_redirect_loop(struct conn *c, const struct kind *k)
{
    (void)k;
    redirect(c, c->path);
}

/* Each signature is good for one request; the first one's body is cut. */
static void give_redirect_signed(struct conn *c, const struct kind *k)
{
    char target[2 * MAX_PATH];
    (void)k;
    snprintf(target, sizeof target, "%s/signed/%d%s", conn_url(c), conn_count(c, c->path), c->path);
    redirect(c, target);
}

static void give_redirect_body(struct conn *c, const struct kind *k)
{
    (void)k;
    conn_printf(c, "HTTP/1.1 301 Moved\r\nLocation: /moved%s\r\n\r\n", c->path);
    repeat(c, "<p>", 100L * 1000 * 1000);
}

static const struct kind expired = {"", give_text, "403 Forbidden", XML, s3_error};
static const struct kind login = {"", give_text, "200 OK", HTML, page};
static const struct kind honest = {"", give_file, .edit = edit_nothing};
static const struct kind half = {"", give_file, .edit = edit_cut_half};

/* "/moved/a" and "/signed/1/a" -> "/a" */
static void drop_components(struct conn *c, int n)
{
    const char *rest = c->path;
    while (n-- > 0 && rest)
        rest = strchr(rest + 1, '/');
    if (rest)
        memmove(c->path, rest, strlen(rest) + 1);
}

bool give_special(struct conn *c)
{
    if (strcmp(c->path, "/moved/login.html") == 0) {
        give_text(c, &login);
    } else if (strncmp(c->path, "/moved/", 7) == 0) {
        drop_components(c, 1);
        give_file(c, &honest);
    } else if (strncmp(c->path, "/signed/", 8) == 0) {
        int uses = conn_count(c, c->path);
        bool first = strncmp(c->path, "/signed/1/", 10) == 0;
        drop_components(c, 2);
        if (uses > 1)
            give_text(c, &expired);
        else
            give_file(c, first ? &half : &honest);
    } else {
        return false;
    }
    return true;
}

/* --- the table --- */

#define TEXT(name, status, headers, text)                                                          \
    {                                                                                              \
        name, give_text, status, headers, text                                                     \
    }
#define LINES(name, text)                                                                          \
    {                                                                                              \
        name, give_raw, NULL, NULL, text                                                           \
    }
#define BODY(name, what)                                                                           \
    {                                                                                              \
        name, give_file, .edit = what                                                              \
    }
#define HAND(name, how)                                                                            \
    {                                                                                              \
        name, how                                                                                  \
    }
#define LFS(name, object)                                                                          \
    {                                                                                              \
        name, give_lfs, .text = object                                                             \
    }
#define OBJECT(size, href, more)                                                                   \
    "{\"oid\":\"$OID\",\"size\":" size ",\"actions\":{\"download\":{\"href\":\"" href "\"" more    \
    "}}}"
#define OTHER_OID        "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
#define TO(name, target) TEXT(name, "302 Found", "Location: " target "\r\n" HTML, page)

const struct kind kinds[] = {
    BODY("ok", edit_nothing),
    /* errors instead of the file */
    TEXT("200-xml", "200 OK", XML, s3_error),
    TEXT("200-xml-slow", "200 OK", XML, s3_slow),
    TEXT("200-xml-as-bytes", "200 OK", RAW, s3_error),
    TEXT("html", "200 OK", HTML, page),
    TEXT("html-as-bytes", "200 OK", RAW, page),
    TEXT("json-error", "200 OK", JSON, json_error),
    TEXT("hub-error", "200 OK", JSON, hub_error),
    TEXT("lfs", "200 OK", RAW, lfs_pointer),
    TEXT("evil-headers", "200 OK", "Content-Type: text/\033[31m\xff\xfe\"\r\n",
         "<html><title>\033[2J\xff</title></html>"),
    BODY("utf16-page", edit_utf16),
    BODY("junk-before", edit_junk_before),
    /* statuses */
    TEXT("400", "400 Bad Request", HTML, page),
    TEXT("401", "401 Unauthorized", JSON, hub_error),
    TEXT("403-xml", "403 Forbidden", XML, s3_error),
    TEXT("403-xml-once", "403 Forbidden", XML, s3_error),
    TEXT("403-skewed", "403 Forbidden", XML, s3_skewed),
    TEXT("403-hub", "403 Forbidden", JSON, hub_error),
    TEXT("403-empty", "403 Forbidden", "", ""),
    TEXT("404", "404 Not Found", HTML, page),
    TEXT("404-json", "404 Not Found", JSON, github_error),
    TEXT("407", "407 Proxy Authentication Required", HTML, page),
    TEXT("408", "408 Request Timeout", "", ""),
    TEXT("410", "410 Gone", "", "gone\n"),
    TEXT("425", "425 Too Early", "", ""),
    TEXT("451", "451 Unavailable For Legal Reasons", HTML, page),
    TEXT("500", "500 Internal Server Error", HTML, page),
    TEXT("502", "502 Bad Gateway", HTML, page),
    TEXT("503", "503 Service Unavailable", HTML, page),
    TEXT("503-once", "503 Service Unavailable", HTML, page),
    TEXT("503-slow-down", "503 Slow Down", XML, s3_slow),
    TEXT("504", "504 Gateway Timeout", HTML, page),
    TEXT("511", "511 Network Authentication Required", HTML, page),
    TEXT("522", "522 Origin Down", HTML, page),
    TEXT("429", "429 Too Many Requests", "Retry-After: 1\r\n", "slow\n"),
    TEXT("429-once", "429 Too Many Requests", "Retry-After: 1\r\n", "slow\n"),
    TEXT("429-date", "429 Too Many Requests", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", ""),
    TEXT("429-date-once", "429 Slow", "Retry-After: Fri, 31 Dec 1999 23:59:59 GMT\r\n", ""),
    TEXT("429-huge", "429 Too Many Requests", "Retry-After: 99999999999999999999\r\n", ""),
    TEXT("429-negative", "429 Too Many Requests", "Retry-After: -5\r\n", ""),
    TEXT("429-negative-once", "429 Too Many Requests", "Retry-After: -5\r\n", ""),
    TEXT("429-limit", "429 Too Many Requests", "RateLimit: \"api\";r=0;t=3\r\n", ""),
    TEXT("204", "204 No Content", "", ""),
    TEXT("203", "203 Non-Authoritative", RAW, "{\"text\": \"changed by a proxy\"}\n"),
    TEXT("300", "300 Multiple Choices", HTML, page),
    TEXT("304", "304 Not Modified", "", ""),
    TEXT("302-bare", "302 Found", HTML, page),
    TEXT("999", "999 Request denied", HTML, page),
    /* lengths */
    BODY("no-length", edit_no_length),
    BODY("empty", edit_empty),
    BODY("cut", edit_cut_half),
    BODY("cut-once", edit_cut_half),
    BODY("cut-to-nothing", edit_cut_all),
    BODY("cut-to-one", edit_cut_to_one),
    BODY("cut-last", edit_cut_last),
    BODY("cut-close", edit_close_half),
    BODY("wrong-length", edit_short_length),
    BODY("long-length", edit_long_length),
    BODY("beyond-length", edit_beyond_length),
    BODY("one-more", edit_one_more),
    BODY("one-less", edit_one_less),
    BODY("reset-midway", edit_reset),
    BODY("stall-late", edit_stall_late),
    HAND("lengths-disagree", give_lengths_disagree),
    TEXT("length-garbage", "200 OK", "Content-Length: 5x\r\n", "hello"),
    LINES("length-negative", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"),
    LINES("length-overflow",
          "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nhello"),
    /* content */
    BODY("flip", edit_flip),
    BODY("bom", edit_bom),
    BODY("nul", edit_nul),
    BODY("row-missing", edit_truncate_row),
    BODY("twice", edit_twice),
    BODY("bad-footer", edit_bad_footer),
    BODY("type-html", edit_type_html),
    /* packing */
    BODY("gzip", edit_gzip),
    BODY("gzip-bare", edit_gzip_bare),
    BODY("gzip-twice", edit_gzip_twice),
    BODY("gzip-cut", edit_gzip_cut),
    BODY("gzip-bomb", edit_gzip_bomb),
    BODY("identity", edit_identity),
    BODY("wrong-encoding", edit_wrong_encoding),
    /* framing */
    BODY("chunked", edit_chunked),
    BODY("chunk-garbage", edit_chunk_garbage),
    BODY("chunk-huge", edit_chunk_huge),
    BODY("chunk-negative", edit_chunk_negative),
    BODY("chunk-short", edit_chunk_short),
    BODY("chunk-long", edit_chunk_long),
    BODY("cut-chunk-header", edit_chunk_cut),
    BODY("cut-chunked", edit_chunk_no_end),
    BODY("half-chunked", edit_chunk_half),
    BODY("chunked-and-length", edit_chunked_and_length),
    LINES("unknown-coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nuryyb"),
    HAND("http-0.9", give_http_09),
    LINES("bad-status-line", "HTTP/1.1 abc OK\r\nContent-Length: 2\r\n\r\nhi"),
    LINES("icy", "ICY 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    LINES("http-9", "HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
    /* ranges */
    BODY("range-ignored", edit_range_ignored),
    BODY("range-lower", edit_range_lower),
    BODY("range-higher", edit_range_higher),
    BODY("range-shifted", edit_range_shifted),
    BODY("range-other-total", edit_range_other_total),
    BODY("range-short", edit_range_short),
    BODY("range-garbage", edit_range_garbage),
    BODY("range-none", edit_range_none),
    BODY("range-multipart", edit_range_multipart),
    BODY("206", edit_unasked_206),
    BODY("416", edit_416),
    BODY("416-stale", edit_416_stale),
    BODY("416-there", edit_416_there),
    BODY("range-any-total", edit_range_any_total),
    /* versions; "other" is the file with .b behind its name */
    BODY("half-weak", edit_half_weak),
    BODY("half-bare", edit_half_bare),
    BODY("half-fixed", edit_half_fixed),
    BODY("weak", edit_weak),
    {"other", give_file, .edit = edit_nothing, .other_version = true},
    {"other-anyway", give_file, .edit = edit_nothing, .other_version = true,
     .ignore_if_range = true},
    {"other-fixed", give_file, .edit = edit_fixed, .other_version = true, .ignore_if_range = true},
    BODY("half-dated", edit_half_dated),
    {"other-dated", give_file, .edit = edit_dated_later, .other_version = true,
     .ignore_if_range = true},
    {"other-weak", give_file, .edit = edit_weak, .other_version = true, .ignore_if_range = true},
    /* redirects */
    HAND("redirect", give_redirect),
    HAND("redirect-other", give_redirect_other),
    HAND("redirect-loop", give_redirect_loop),
    HAND("redirect-signed", give_redirect_signed),
    HAND("redirect-body", give_redirect_body),
    TO("redirect-http", "http://198.51.100.7/login"), /* TEST-NET-2: nobody is there */
    TO("redirect-html", "/moved/login.html"),
    TO("redirect-file", "file:///etc/passwd"),
    TO("redirect-ftp", "ftp://127.0.0.1/x"),
    TO("redirect-garbage", "http://[::bad/%%%"),
    TO("redirect-404", "/moved/nothing-there"),
    /* git-lfs' batch API: what is said of each object ($URL: of this server, $OTHER: the other) */
    LFS("lfs-batch", OBJECT("$SIZE", "$URL/lfs/$OID", "")),
    LFS("lfs-other-oid", "{\"oid\":\"" OTHER_OID "\",\"size\":$SIZE,\"actions\":{\"download\":{"
                         "\"href\":\"$URL/lfs/$OID\"}}}"),
    LFS("lfs-other-size", OBJECT("1", "$URL/lfs/$OID", "")),
    LFS("lfs-other-bytes", OBJECT("$SIZE", "$URL/lfs/other", "")),
    LFS("lfs-other-host", OBJECT("$SIZE", "$OTHER/lfs/$OID",
                                 ",\"header\":{\"Authorization\":\"Bearer of-the-object\"}")),
    LFS("lfs-plain-http", OBJECT("$SIZE", "http://198.51.100.7/$OID", "")),
    LFS("lfs-file", OBJECT("$SIZE", "file:///etc/passwd", "")),
    LFS("lfs-user", OBJECT("$SIZE", "https://me:secret@localhost/$OID", "")),
    LFS("lfs-expired", OBJECT("$SIZE", "$URL/lfs/$OID", ",\"expires_in\":0")),
    LFS("lfs-expired-once", OBJECT("$SIZE", "$URL/lfs/$OID", ",\"expires_in\":-5")),
    LFS("lfs-expired-date",
        OBJECT("$SIZE", "$URL/lfs/$OID", ",\"expires_at\":\"2001-01-01T00:00:00Z\"")),
    LFS("lfs-injects",
        OBJECT("$SIZE", "$URL/lfs/$OID", ",\"header\":{\"X-A\":\"a\\r\\nRange: bytes=0-1\"}")),
    LFS("lfs-sets-range",
        OBJECT("$SIZE", "$URL/lfs/$OID", ",\"header\":{\"Range\":\"bytes=0-1\"}")),
    LFS("lfs-404", "{\"oid\":\"$OID\",\"size\":$SIZE,\"error\":{\"code\":404,\"message\":\"not "
                   "here\"}}"),
    LFS("lfs-503-once", "{\"oid\":\"$OID\",\"size\":$SIZE,\"error\":{\"code\":503,\"message\":"
                        "\"later\"}}"),
    LFS("lfs-null", "null"),
    TEXT("lfs-tus", "200 OK", JSON, "{\"transfer\":\"tus\",\"objects\":[]}"),
    TEXT("lfs-no-json", "200 OK", JSON, "{\"objects\": ["),
    HAND("lfs-huge", give_huge_json),
    HAND("lfs-deep", give_deep_json),
    /* time, and too much of it all */
    HAND("drip", give_drip),
    HAND("slow-headers", give_slow_headers),
    HAND("hang", give_hang),
    HAND("endless", give_endless),
    HAND("endless-headers", give_endless_headers),
    HAND("endless-interim", give_endless_interim),
    HAND("huge-header", give_huge_header),
    HAND("many-headers", give_many_headers),
    HAND("nul-header", give_nul_header),
    HAND("reset", give_reset),
    HAND("close", give_close),
    {NULL}};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

const struct kind *kind_named(const char *name)
{
    for (const struct kind *k = kinds; k->name; k++)
        if (strcmp(k->name, name) == 0)
            return k;
    return NULL;
}

const char *const *kind_names(void)
{
    static const char *names[N_KINDS];
    for (size_t i = 0; i < N_KINDS; i++)
        names[i] = kinds[i].name;
    return names;
}
