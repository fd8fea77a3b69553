#include "hash.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rn_sha256_init(struct rn_sha256 *h)
{
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
        rn_no_memory(sizeof *h); /* there is no other reason */
}

void rn_sha256_add(struct rn_sha256 *h, const void *bytes, size_t n)
{
    RN_ASSERT(EVP_DigestUpdate(h->ctx, bytes, n) == 1);
}

void rn_sha256_done(struct rn_sha256 *h, char hex[RN_HEX])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    RN_ASSERT(EVP_DigestFinal_ex(h->ctx, raw, &n) == 1 && n == 32);
    EVP_MD_CTX_free(h->ctx);
    h->ctx = NULL;
    for (unsigned i = 0; i < n; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void rn_sha256_now(const struct rn_sha256 *h, char hex[RN_HEX])
{
    struct rn_sha256 copy;
    rn_sha256_init(&copy);
    RN_ASSERT(EVP_MD_CTX_copy_ex(copy.ctx, h->ctx) == 1);
    rn_sha256_done(&copy, hex);
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
    unsigned char *buf = rn_xalloc(CHUNK);
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
