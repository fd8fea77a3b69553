/* AWS's published examples: the suite of Signature Version 4 and those of the S3 reference. */
#include "mem.h"
#include "sigv4.h"

#include <criterion/criterion.h>
#include <string.h>

#define NO_BODY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

TestSuite(sigv4, .timeout = 300);

static const struct rn_sigv4_header suite_headers[] = {{"host", "example.amazonaws.com"},
                                                       {"x-amz-date", "20150830T123600Z"}};

static const struct {
    const char *name, *path, *query, *signature;
} suite[] = {
    {"get-vanilla", "/", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case", "/", "Param2=value2&Param1=value1",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-utf8", "/\xe1\x88\xb4", "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-unreserved", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-space", "/example space/", "",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
};

Test(sigv4, agrees_with_the_published_suite)
{
    for (size_t i = 0; i < RN_COUNT(suite); i++) {
        struct rn_str out = {0};
        struct rn_sigv4 s = {.key = "AKIDEXAMPLE",
                             .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                             .region = "us-east-1",
                             .service = "service",
                             .time_s = 1440938160,
                             .path = suite[i].path,
                             .query = suite[i].query,
                             .payload = NO_BODY,
                             .headers = suite_headers,
                             .n_headers = RN_COUNT(suite_headers)};
        rn_sigv4_sign(&s, &out);
        char *expected =
            rn_xprintf("AWS4-HMAC-SHA256 "
                       "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                       "SignedHeaders=host;x-amz-date, Signature=%s",
                       suite[i].signature);
        cr_expect_str_eq(out.p, expected, "%s: %s", suite[i].name, out.p);
        free(expected);
        rn_str_release(&out);
    }
}

Test(sigv4, signs_a_session_token_as_the_suite_does)
{
    static const struct rn_sigv4_header headers[] = {
        {"host", "example.amazonaws.com"},
        {"x-amz-date", "20150830T123600Z"},
        {"x-amz-security-token",
         "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"}};
    struct rn_str out = {0};
    struct rn_sigv4 s = {.key = "AKIDEXAMPLE",
                         .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                         .region = "us-east-1",
                         .service = "service",
                         .time_s = 1440938160,
                         .path = "/",
                         .query = "",
                         .payload = NO_BODY,
                         .headers = headers,
                         .n_headers = RN_COUNT(headers)};
    rn_sigv4_sign(&s, &out);
    cr_expect(strstr(out.p, "SignedHeaders=host;x-amz-date;x-amz-security-token, Signature="
                            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"),
              "%s", out.p);
    rn_str_release(&out);
}

/* The S3 reference, "Examples: Signature Calculations". */
static const struct rn_sigv4_header s3_range[] = {{"host", "examplebucket.s3.amazonaws.com"},
                                                  {"range", "bytes=0-9"},
                                                  {"x-amz-content-sha256", NO_BODY},
                                                  {"x-amz-date", "20130524T000000Z"}};
static const struct rn_sigv4_header s3_plain[] = {{"host", "examplebucket.s3.amazonaws.com"},
                                                  {"x-amz-content-sha256", NO_BODY},
                                                  {"x-amz-date", "20130524T000000Z"}};
static const struct {
    const char *path, *query;
    const struct rn_sigv4_header *headers;
    size_t n_headers;
    const char *signature;
} s3[] = {
    {"/test.txt", "", s3_range, 4,
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"},
    {"/", "lifecycle", s3_plain, 3,
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"},
    {"/", "prefix=J&max-keys=2", s3_plain, 3,
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"},
};

Test(sigv4, agrees_with_the_examples_of_s3)
{
    for (size_t i = 0; i < RN_COUNT(s3); i++) {
        struct rn_str out = {0};
        struct rn_sigv4 s = {.key = "AKIAIOSFODNN7EXAMPLE",
                             .secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                             .region = "us-east-1",
                             .service = "s3",
                             .time_s = 1369353600,
                             .path = s3[i].path,
                             .query = s3[i].query,
                             .payload = NO_BODY,
                             .headers = s3[i].headers,
                             .n_headers = s3[i].n_headers};
        rn_sigv4_sign(&s, &out);
        cr_expect(strstr(out.p, s3[i].signature), "%s?%s: %s", s3[i].path, s3[i].query, out.p);
        rn_str_release(&out);
    }
}

Test(sigv4, names_sort_before_what_follows_them)
{
    /* '=' is larger than '-': "a-b=1" must not come before "a=2". */
    static const char *const orders[] = {"a=2&a-b=1&b", "b&a-b=1&a=2", "a-b=1&&b=&a=2"};
    struct rn_str first = {0}, out = {0};
    for (size_t i = 0; i < RN_COUNT(orders); i++) {
        struct rn_sigv4 s = {.key = "k",
                             .secret = "s",
                             .region = "r",
                             .service = "s3",
                             .path = "/",
                             .query = orders[i],
                             .payload = NO_BODY,
                             .headers = suite_headers,
                             .n_headers = 2};
        rn_sigv4_sign(&s, i ? &out : &first);
        if (i)
            cr_expect_str_eq(out.p, first.p);
        rn_str_clear(&out);
    }
    rn_str_release(&first);
    rn_str_release(&out);
}
