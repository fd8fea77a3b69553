#include "hash.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Looked up by name once: OpenSSL would do it again for every digest, under a lock, and that costs
 * as much as digesting a kilobyte. */
static EVP_MD *algorithm;

static void fetch_algorithm(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    if (!algorithm)
        rn_no_memory(0); /* there is no other reason */
}

static void start(void *ctx)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_algorithm);
    if (!ctx || EVP_DigestInit_ex2(ctx, algorithm, NULL) != 1)
        rn_no_memory(sizeof(struct rn_sha256));
}

void rn_sha256_init(struct rn_sha256 *h)
{
    h->ctx = EVP_MD_CTX_new();
    start(h->ctx);
}

void rn_sha256_restart(struct rn_sha256 *h)
{
    start(h->ctx);
}

void rn_sha256_add(struct rn_sha256 *h, const void *bytes, size_t n)
{
    RN_ASSERT(EVP_DigestUpdate(h->ctx, bytes, n) == 1);
}

void rn_hex(char *to, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *from = bytes;
    for (size_t i = 0; i < n; i++) {
        to[2 * i] = digits[from[i] >> 4];
        to[2 * i + 1] = digits[from[i] & 15];
    }
    to[2 * n] = '\0';
}

/* Releases the context. */
static void finish(EVP_MD_CTX *ctx, char hex[RN_HEX])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    RN_ASSERT(EVP_DigestFinal_ex(ctx, raw, &n) == 1 && n == RN_HEX / 2);
    EVP_MD_CTX_free(ctx);
    rn_hex(hex, raw, n);
}

void rn_sha256_done(struct rn_sha256 *h, char hex[RN_HEX])
{
    finish(h->ctx, hex);
    h->ctx = NULL;
}

void rn_sha256_drop(struct rn_sha256 *h)
{
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
}

void rn_sha256_now(const struct rn_sha256 *h, char hex[RN_HEX])
{
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (!copy || EVP_MD_CTX_copy_ex(copy, h->ctx) != 1)
        rn_no_memory(sizeof *h);
    finish(copy, hex);
}

void rn_sha256_hex(const void *bytes, size_t n, char hex[RN_HEX])
{
    struct rn_sha256 h;
    rn_sha256_init(&h);
    rn_sha256_add(&h, bytes, n);
    rn_sha256_done(&h, hex);
}

int rn_sha256_file(const char *path, char hex[RN_HEX], size_t *size_bytes, struct rn_err *err)
{
    enum { CHUNK = 1 << 20 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot open");
    unsigned char *buf = rn_xrealloc(NULL, CHUNK, 1); /* zeroes would cost more than a small file */
    struct rn_sha256 h;
    rn_sha256_init(&h);
    size_t total = 0;
    ssize_t got;
    while ((got = read(fd, buf, CHUNK)) > 0) {
        rn_sha256_add(&h, buf, (size_t)got);
        total += (size_t)got;
    }
    int rc = got < 0 ? rn_fail_errno(err, RN_PATH(path), "cannot read") : RN_OK;
    rn_sha256_done(&h, hex);
    free(buf);
    close(fd);
    if (size_bytes)
        *size_bytes = total;
    return rc;
}

bool rn_sha256_is_hex(const char *text)
{
    return text && strlen(text) == RN_HEX - 1 && strspn(text, "0123456789abcdef") == RN_HEX - 1;
}
