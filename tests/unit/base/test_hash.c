#include "hash.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* FIPS 180-4 examples. */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

Test(hash, known_digests)
{
    char hex[RN_HEX];
    rn_sha256_hex("", 0, hex);
    cr_assert_str_eq(hex, EMPTY);
    rn_sha256_hex("abc", 3, hex);
    cr_assert_str_eq(hex, ABC);
}

Test(hash, pieces_make_the_whole)
{
    struct rn_sha256 h;
    char hex[RN_HEX];
    rn_sha256_init(&h);
    rn_sha256_add(&h, "a", 1);
    rn_sha256_add(&h, "", 0);
    rn_sha256_add(&h, "bc", 2);
    rn_sha256_done(&h, hex);
    cr_assert_str_eq(hex, ABC);
}

Test(hash, what_a_digest_looks_like)
{
    char hex[RN_HEX];
    rn_sha256_hex("", 0, hex);
    cr_assert(rn_sha256_is_hex(hex));
    hex[63] = 'A';
    cr_assert_not(rn_sha256_is_hex(hex));
    hex[63] = '\0';
    cr_assert_not(rn_sha256_is_hex(hex));
    cr_assert_not(rn_sha256_is_hex(NULL));
}

Test(hash, files)
{
    char path[] = "/tmp/runnel-hash-XXXXXX", hex[RN_HEX];
    size_t n = 0;
    struct rn_err err = {0};
    int fd = mkstemp(path);
    cr_assert(write(fd, "abc", 3) == 3);
    close(fd);
    cr_assert_eq(rn_sha256_file(path, hex, &n, &err), RN_OK);
    cr_assert_str_eq(hex, ABC);
    cr_assert_eq(n, 3);
    unlink(path);
    cr_assert_eq(rn_sha256_file(path, hex, &n, &err), RN_EIO);
}
