#include "claims.h"

#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { SHA1_HEX = 41 };

/* --- values --- */

/* Printable ASCII, blanks at both ends dropped; too long for `cap`: nothing. */
static void copy_value(char *to, size_t cap, const char *value)
{
    size_t n = strlen(value);
    while (n > 0 && isspace((unsigned char)value[n - 1]))
        n--;
    snprintf(to, cap, "%.*s", n < cap ? (int)n : 0, value);
    for (char *p = to; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
}

/* The tag without W/ and quotes. */
static void copy_tag(char *to, size_t cap, const char *value)
{
    copy_value(to, cap, value);
    char *start = strncmp(to, "W/", 2) == 0 ? to + 2 : to;
    size_t n = strlen(start);
    if (n >= 2 && start[0] == '"' && start[n - 1] == '"') {
        start++;
        n -= 2;
    }
    memmove(to, start, n);
    to[n] = '\0';
}

/* 32 bytes in base64 as hex; anything else leaves hex as it was. */
static void take_base64(char hex[RN_HEX], const char *text, size_t n)
{
    enum { SHA256_BASE64 = 44, SHA256 = 32 };
    unsigned char raw[SHA256 + 4];
    if (n != SHA256_BASE64 || text[n - 1] != '=' || text[n - 2] == '=' ||
        EVP_DecodeBlock(raw, (const unsigned char *)text, SHA256_BASE64) != SHA256 + 1)
        return;
    rn_hex(hex, raw, SHA256);
}

/* sha-256=:BASE64:, sha-512=:...: */
static void take_repr_digest(struct rn_claims *c, const char *value)
{
    static const char name[] = "sha-256=:";
    const char *at = strstr(value, name);
    if (!at || (at > value && !strchr(" ,", at[-1])))
        return;
    at += strlen(name);
    take_base64(c->repr_sha256, at, strcspn(at, ":"));
}

static void take_amz_sha256(struct rn_claims *c, const char *value)
{
    char text[64];
    copy_value(text, sizeof text, value);
    take_base64(c->repr_sha256, text, strlen(text)); /* one of many parts ends in "-N": not taken */
}

static void take_etag(struct rn_claims *c, const char *value)
{
    copy_value(c->etag, sizeof c->etag, value);
}

static void take_commit(struct rn_claims *c, const char *value)
{
    copy_value(c->commit, sizeof c->commit, value);
}

static void take_linked(struct rn_claims *c, const char *value)
{
    copy_tag(c->linked, sizeof c->linked, value);
}

static void take_linked_size(struct rn_claims *c, const char *value)
{
    char *end;
    errno = 0;
    long long size = strtoll(value, &end, 10);
    bool whole = end[strspn(end, " \t\r\n")] == '\0';
    c->linked_bytes = isdigit((unsigned char)*value) && whole && !errno ? size : 0;
}

static const struct {
    const char *name;
    void (*take)(struct rn_claims *, const char *value);
} headers[] = {
    {"ETag:", take_etag},
    {"X-Repo-Commit:", take_commit},
    {"X-Linked-Etag:", take_linked},
    {"X-Linked-Size:", take_linked_size},
    {"Repr-Digest:", take_repr_digest},
    {"x-amz-checksum-sha256:", take_amz_sha256},
};

void rn_claims_line(struct rn_claims *c, const char *line, size_t n)
{
    enum { LONGEST = 1024 };
    char value[LONGEST];
    if (n >= sizeof value)
        return;
    if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
        c->etag[0] = c->repr_sha256[0] = '\0';
    for (size_t i = 0; i < RN_COUNT(headers); i++) {
        size_t length = strlen(headers[i].name);
        if (n < length || strncasecmp(line, headers[i].name, length) != 0)
            continue;
        snprintf(value, sizeof value, "%.*s", (int)(n - length), line + length);
        headers[i].take(c, value + strspn(value, " \t"));
    }
}

/* --- do they hold? --- */

static bool is_sha1(const char *text)
{
    return strlen(text) == SHA1_HEX - 1 && strspn(text, "0123456789abcdef") == SHA1_HEX - 1;
}

/* git's name of a file: sha1 over "blob SIZE", a NUL and the bytes. False: cannot be read. */
static bool git_sha1(const char *path, int64_t size_bytes, char hex[SHA1_HEX])
{
    enum { CHUNK = 1 << 18 };
    unsigned char raw[EVP_MAX_MD_SIZE];
    char head[40];
    unsigned n = 0;
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    RN_ASSERT(ctx && EVP_DigestInit_ex(ctx, EVP_sha1(), NULL) == 1);
    int length = snprintf(head, sizeof head, "blob %lld", (long long)size_bytes);
    EVP_DigestUpdate(ctx, head, (size_t)length + 1);
    char *buf = rn_xalloc(CHUNK);
    while (fd >= 0 && (got = read(fd, buf, CHUNK)) > 0)
        EVP_DigestUpdate(ctx, buf, (size_t)got);
    RN_ASSERT(EVP_DigestFinal_ex(ctx, raw, &n) == 1);
    rn_hex(hex, raw, n);
    EVP_MD_CTX_free(ctx);
    free(buf);
    if (fd >= 0)
        close(fd);
    return got == 0;
}

static bool size_holds(const struct rn_claims *c, int64_t size_bytes, struct rn_finding *found)
{
    if (c->linked_bytes == 0 || c->linked_bytes == size_bytes)
        return true;
    return rn_find(found, size_bytes < c->linked_bytes ? RN_TRUNCATED : RN_OVERSIZE,
                   "%lld bytes, the hub's X-Linked-Size says %lld", (long long)size_bytes,
                   (long long)c->linked_bytes);
}

static bool sha256_holds(const char *header, const char *claimed, const char *sha256,
                         struct rn_finding *found, bool *said)
{
    if (!rn_sha256_is_hex(claimed))
        return true;
    *said = true;
    return strcmp(claimed, sha256) == 0 ||
           rn_find(found, RN_DIGEST, "sha256 %.12s.., the server's %s says %.12s..", sha256, header,
                   claimed);
}

static bool sha1_holds(const char *claimed, const char *body, int64_t size_bytes,
                       struct rn_finding *found, bool *said)
{
    char actual[SHA1_HEX];
    if (!is_sha1(claimed) || !git_sha1(body, size_bytes, actual))
        return true;
    *said = true;
    return strcmp(claimed, actual) == 0 ||
           rn_find(found, RN_DIGEST, "git blob %.12s.., the hub says %.12s..", actual, claimed);
}

bool rn_claims_hold(const struct rn_claims *c, const char *body, const char *sha256,
                    int64_t size_bytes, struct rn_finding *found, bool *said)
{
    char tag[sizeof c->etag] = "";
    *said = false;
    if (c->commit[0] && !c->linked[0])
        copy_tag(tag, sizeof tag, c->etag);
    return size_holds(c, size_bytes, found) &&
           sha256_holds("Repr-Digest", c->repr_sha256, sha256, found, said) &&
           sha256_holds("X-Linked-Etag", c->linked, sha256, found, said) &&
           sha1_holds(c->linked[0] ? c->linked : tag, body, size_bytes, found, said);
}
