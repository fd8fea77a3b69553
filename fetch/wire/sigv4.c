#include "sigv4.h"

#include "mem.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIGEST = 32 };

void rn_percent_encode(struct rn_str *out, const char *text, const char *kept)
{
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-._~";
    for (; *text; text++)
        if (strchr(unreserved, *text) || strchr(kept, *text))
            rn_str_putc(out, *text);
        else
            rn_str_printf(out, "%%%02X", (unsigned char)*text);
}

void rn_sigv4_date(double time_s, char date[17])
{
    struct tm tm;
    time_t t = (time_t)time_s;
    gmtime_r(&t, &tm);
    strftime(date, 17, "%Y%m%dT%H%M%SZ", &tm);
}

/* --- the canonical request --- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name=value" with both encoded. '=' sorts after '%' and digits, as the names alone must: so a
 * byte below every encoded one stands between them until they are sorted. */
static char *encode_pair(const char *pair, size_t n)
{
    struct rn_str s = {0};
    size_t split = strcspn(pair, "=");
    split = split < n ? split : n;
    char *name = rn_xprintf("%.*s", (int)split, pair);
    char *value =
        split < n ? rn_xprintf("%.*s", (int)(n - split - 1), pair + split + 1) : rn_xdup("");
    rn_percent_encode(&s, name, "");
    rn_str_putc(&s, '\x01');
    rn_percent_encode(&s, value, "");
    free(name);
    free(value);
    return s.p;
}

static void add_query(struct rn_str *out, const char *query)
{
    char **pairs = NULL;
    size_t n = 0, cap = 0;
    for (const char *p = query; *p; p += strspn(p, "&")) {
        size_t length = strcspn(p, "&");
        RN_PUSH(pairs, n, cap, encode_pair(p, length));
        p += length;
    }
    if (n > 0)
        qsort(pairs, n, sizeof *pairs, by_text);
    for (size_t i = 0; i < n; i++) {
        *strchr(pairs[i], '\x01') = '=';
        rn_str_printf(out, "%s%s", i ? "&" : "", pairs[i]);
        free(pairs[i]);
    }
    free(pairs);
}

static void add_signed_names(const struct rn_sigv4 *s, struct rn_str *out)
{
    for (size_t i = 0; i < s->n_headers; i++)
        rn_str_printf(out, "%s%s", i ? ";" : "", s->headers[i].name);
}

static void canonical_request(const struct rn_sigv4 *s, struct rn_str *out)
{
    rn_str_puts(out, "GET\n");
    rn_percent_encode(out, s->path, "/");
    rn_str_putc(out, '\n');
    add_query(out, s->query);
    rn_str_putc(out, '\n');
    for (size_t i = 0; i < s->n_headers; i++)
        rn_str_printf(out, "%s:%s\n", s->headers[i].name, s->headers[i].value);
    rn_str_putc(out, '\n');
    add_signed_names(s, out);
    rn_str_printf(out, "\n%s", s->payload);
}

/* --- the signature --- */

static void hmac(const unsigned char *key, size_t n_key, const char *text,
                 unsigned char out[DIGEST])
{
    unsigned n = 0;
    RN_ASSERT(
        HMAC(EVP_sha256(), key, (int)n_key, (const unsigned char *)text, strlen(text), out, &n) &&
        n == DIGEST);
}

/* The key of one day, region and service. */
static void derive_key(const struct rn_sigv4 *s, const char *day, unsigned char key[DIGEST])
{
    char *first = rn_xprintf("AWS4%s", s->secret);
    hmac((const unsigned char *)first, strlen(first), day, key);
    free(first);
    hmac(key, DIGEST, s->region, key);
    hmac(key, DIGEST, s->service, key);
    hmac(key, DIGEST, "aws4_request", key);
}

static void sign(const struct rn_sigv4 *s, const char *date, const char *scope, char hex[RN_HEX])
{
    char day[9], request_hex[RN_HEX];
    unsigned char key[DIGEST], signature[DIGEST];
    struct rn_str request = {0};
    canonical_request(s, &request);
    rn_sha256_hex(request.p, request.n, request_hex);
    rn_str_release(&request);
    snprintf(day, sizeof day, "%.8s", date);
    derive_key(s, day, key);
    char *text = rn_xprintf("AWS4-HMAC-SHA256\n%s\n%s\n%s", date, scope, request_hex);
    hmac(key, DIGEST, text, signature);
    free(text);
    rn_hex(hex, signature, DIGEST);
}

void rn_sigv4_sign(const struct rn_sigv4 *s, struct rn_str *out)
{
    char date[17], hex[RN_HEX];
    rn_sigv4_date(s->time_s, date);
    char *scope = rn_xprintf("%.8s/%s/%s/aws4_request", date, s->region, s->service);
    sign(s, date, scope, hex);
    rn_str_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=", s->key, scope);
    add_signed_names(s, out);
    rn_str_printf(out, ", Signature=%s", hex);
    free(scope);
}
