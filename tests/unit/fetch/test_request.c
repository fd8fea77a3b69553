/* Which url, whose secrets, and to whom: every kind of source as it goes over the wire. */
#include "../scratch.h"
#include "file.h"
#include "netrc.h"
#include "path.h"
#include "request.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct rn_who who;
static struct rn_request q;
static struct rn_err err;

static void down(void)
{
    rn_request_release(&q);
    scratch_down();
}

TestSuite(request, .init = scratch_up, .fini = down, .timeout = 300);

static int make(const char *url)
{
    rn_request_release(&q);
    err = (struct rn_err){0};
    return rn_request_init(&q, &who, url, &err);
}

static const char *header(const char *name)
{
    for (size_t i = 0; i < q.n_headers; i++)
        if (rn_starts_with(q.headers[i], name))
            return q.headers[i] + strlen(name) + 2;
    return NULL;
}

static char *put(const char *name, const char *text, mode_t mode)
{
    char *path = rn_join(dir, name);
    char *parent = rn_dirname(path);
    cr_assert_eq(rn_mkdirs(parent, NULL), RN_OK);
    cr_assert_eq(rn_file_write(path, text, strlen(text), NULL), RN_OK);
    cr_assert_eq(chmod(path, mode), 0);
    free(parent);
    return path;
}

/* --- hub --- */

static const struct {
    const char *written, *asked; /* asked NULL: refused */
} hub[] = {
    {"hf://datasets/karpathy/x/a.parquet",
     "https://huggingface.co/datasets/karpathy/x/resolve/main/a.parquet"},
    {"hf://datasets/karpathy/x/sub/a b=1.parquet@v1.0",
     "https://huggingface.co/datasets/karpathy/x/resolve/v1.0/sub/a%20b%3D1.parquet"},
    {"hf://datasets/karpathy/x@4a1f/a@b.parquet",
     "https://huggingface.co/datasets/karpathy/x/resolve/4a1f/a%40b.parquet"},
    {"hf://datasets/karpathy/x/a.parquet@refs/pr/1",
     "https://huggingface.co/datasets/karpathy/x/resolve/refs%2Fpr%2F1/a.parquet"},
    {"hf://models/openai/gpt2/model.safetensors@main",
     "https://huggingface.co/openai/gpt2/resolve/main/model.safetensors"},
    {"hf://openai/gpt2/model.safetensors",
     "https://huggingface.co/openai/gpt2/resolve/main/model.safetensors"},
    {"hf://spaces/o/n/100%.txt", "https://huggingface.co/spaces/o/n/resolve/main/100%25.txt"},
    {"hf://datasets/karpathy/x", NULL},
    {"hf://datasets/karpathy", NULL},
    {"hf://datasets/../x/a.parquet", NULL},
    {"hf://datasets/karpathy/x/../../y/a.parquet", NULL},
    {"hf://datasets/karpathy/x//a.parquet", NULL},
    {"hf://datasets/karpathy/x/a.parquet@", NULL},
    {"hf://datasets/karpathy/x/a.parquet@../main", NULL},
    {"hf://datasets/karpathy/x?y/a.parquet", NULL},
    {"hf://", NULL},
};

Test(request, hub_paths_become_resolve_urls)
{
    who = (struct rn_who){0};
    for (size_t i = 0; i < RN_COUNT(hub); i++) {
        int rc = make(hub[i].written);
        cr_expect_eq(rc, hub[i].asked ? RN_OK : RN_ECONFIG, "%s: %d", hub[i].written, rc);
        if (hub[i].asked && rc == RN_OK)
            cr_expect_str_eq(q.url, hub[i].asked);
        else
            cr_expect(strstr(err.hint, "hf://datasets/OWNER/NAME"), "%s", hub[i].written);
    }
}

static bool may_see_headers(const char *url)
{
    struct rn_url u = rn_url_parse(url);
    return rn_url_same_origin(&q.at, &u);
}

Test(request, the_token_goes_to_the_hub_and_nowhere_else)
{
    who = (struct rn_who){.hf_token = "hf_secret"};
    cr_assert_eq(make("hf://datasets/karpathy/x/a.parquet"), RN_OK);
    cr_assert_str_eq(header("Authorization"), "Bearer hf_secret");
    cr_assert_str_eq(q.at.name, "huggingface.co");
    cr_assert_str_eq(q.at.port, "443");
    cr_assert(may_see_headers("https://huggingface.co/other"));
    cr_assert(may_see_headers("https://HuggingFace.co:443/other"));
    static const char *const others[] = {
        "https://cdn-lfs.huggingface.co/x", "https://huggingface.co:8443/x",
        "http://huggingface.co/x",          "http://huggingface.co:443/x",
        "https://huggingface.co.evil.org/", "https://huggingface.co@evil.org/",
        "https://evil.org/huggingface.co",  "nonsense",
    };
    for (size_t i = 0; i < RN_COUNT(others); i++)
        cr_expect(!may_see_headers(others[i]), "%s", others[i]);
    cr_assert_eq(make("https://huggingface.co/datasets/karpathy/x/resolve/main/a.parquet"), RN_OK);
    cr_assert(header("Authorization"), "the same host, written out");
    cr_assert_eq(make("https://example.org/a.parquet"), RN_OK);
    cr_assert_eq(q.n_headers, 0);
    cr_assert_eq(make("http://huggingface.co/a.parquet"), RN_OK);
    cr_assert_eq(q.n_headers, 0, "plain http");
}

Test(request, another_endpoint_gets_the_token_over_https_or_on_loopback_only)
{
    who = (struct rn_who){.hf_token = "hf_secret", .hf_endpoint = "http://127.0.0.1:8080/"};
    cr_assert_eq(make("hf://datasets/o/n/a@r"), RN_OK);
    cr_assert_str_eq(q.url, "http://127.0.0.1:8080/datasets/o/n/resolve/r/a");
    cr_assert_eq(make("https://huggingface.co/datasets/o/n/resolve/r/a"), RN_OK);
    cr_assert_eq(q.n_headers, 0, "the token belongs to the endpoint");
    who.hf_endpoint = "http://mirror.lab";
    cr_assert_eq(make("hf://datasets/o/n/a@r"), RN_ECONFIG);
    cr_assert(strstr(err.msg, "plain http"));
    cr_assert(!strstr(err.msg, "hf_secret"));
    who.hf_endpoint = "nonsense://";
    cr_assert_eq(make("hf://datasets/o/n/a@r"), RN_ECONFIG);
}

Test(request, hints_say_what_to_do)
{
    who = (struct rn_who){0};
    cr_assert_eq(make("hf://datasets/o/n/a"), RN_OK);
    cr_assert(strstr(q.hint, "set HF_TOKEN"));
    who.hf_token = "t";
    cr_assert_eq(make("hf://datasets/o/n/a"), RN_OK);
    cr_assert(strstr(q.hint, "accept the terms"));
    cr_assert_eq(make("s3://bucket/key"), RN_OK);
    cr_assert(strstr(q.hint, "AWS_ACCESS_KEY_ID"));
    cr_assert_eq(make("https://example.org/a"), RN_OK);
    cr_assert(strstr(rn_request_hint(&q, 401), "machine example.org"));
    cr_assert_null(rn_request_hint(&q, 403), "what is not there, as often as not");
    cr_assert_null(rn_request_hint(&q, 404));
}

/* --- s3 --- */

static const struct rn_who s3_who = {.s3_key = "AKIAIOSFODNN7EXAMPLE",
                                     .s3_secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                     .now_s = 1369353600};

Test(request, s3_urls_are_signed_as_the_reference_client_signs_them)
{
    /* Signatures by botocore's S3SigV4Auth, for the same urls and headers. */
    who = s3_who;
    cr_assert_eq(make("s3://examplebucket/a folder/part=1/x+~%.txt"), RN_OK, "%s", err.msg);
    cr_assert_str_eq(q.url, "https://examplebucket.s3.us-east-1.amazonaws.com/"
                            "a%20folder/part%3D1/x%2B~%25.txt");
    cr_assert_str_eq(header("x-amz-content-sha256"), "UNSIGNED-PAYLOAD");
    cr_assert_str_eq(header("x-amz-date"), "20130524T000000Z");
    cr_assert(
        rn_ends_with(header("Authorization"),
                     "Signature=032fcf16ad23ae220e88ed5d15ca5596ef21f2627f05b7d360eaa891494c9685"),
        "%s", header("Authorization"));
    who.s3_session = "FQoGZXIvYXdzE/session+token==";
    who.s3_region = "eu-west-3";
    cr_assert_eq(make("s3://examplebucket/a folder/part=1/x.txt?versionId=3sL4kq"), RN_OK);
    cr_assert(rn_ends_with(q.url, "/x.txt?versionId=3sL4kq"));
    cr_assert_str_eq(header("x-amz-security-token"), who.s3_session);
    cr_assert(rn_ends_with(header("Authorization"),
                           "Signature="
                           "9a2b11b9fae4567740beb99454fc0acc4eb2010634b27d1440dceec0221e0966"),
              "%s", header("Authorization"));
}

Test(request, s3_without_credentials_is_anonymous)
{
    who = (struct rn_who){0};
    cr_assert_eq(make("s3://karpathy-public/identity_conversations.jsonl"), RN_OK);
    cr_assert_str_eq(q.url, "https://karpathy-public.s3.us-east-1.amazonaws.com/"
                            "identity_conversations.jsonl");
    cr_assert_eq(q.n_headers, 0);
    cr_assert_eq(make("s3://dotted.bucket/key"), RN_OK);
    cr_assert_str_eq(q.url, "https://s3.us-east-1.amazonaws.com/dotted.bucket/key");
    who.s3_endpoint = "http://127.0.0.1:9000";
    cr_assert_eq(make("s3://bucket/a/b"), RN_OK);
    cr_assert_str_eq(q.url, "http://127.0.0.1:9000/bucket/a/b");
}

Test(request, s3_names_that_could_mean_another_object_are_refused)
{
    who = s3_who;
    static const char *const bad[] = {"s3://bucket",     "s3://bucket/",     "s3://Bucket/key",
                                      "s3://b/key",      "s3://bucket/../k", "s3://bucket/a/./k",
                                      "s3://bucket//k",  "s3://bu_cket/k",   "s3:///key",
                                      "s3://u@bucket/k", "s3://bu..cket/k",  "s3://bucket/a\nb"};
    for (size_t i = 0; i < RN_COUNT(bad); i++)
        cr_expect_eq(make(bad[i]), RN_ECONFIG, "%s", bad[i]);
}

/* --- netrc --- */

Test(request, the_netrc_login_of_exactly_this_host)
{
    char *path = put("netrc",
                     "# machine example.org login commented password out\n"
                     "machine example.org.evil login evil password evil\n"
                     "macdef init\nmachine example.org login macro password macro\n\n"
                     "machine Example.ORG\n  login \"a user\"\n  password \"p\\\"w\"\n"
                     "machine example.org login second password second\n"
                     "machine empty.org login only\n"
                     "default login anonymous password anonymous\n",
                     0600);
    who = (struct rn_who){.netrc_path = path};
    cr_assert_eq(make("https://example.org/a"), RN_OK, "%s", err.msg);
    cr_assert_str_eq(header("Authorization"), "Basic YSB1c2VyOnAidw==", "a user:p\"w");
    static const char *const others[] = {"https://example.com/a", "https://www.example.org/a",
                                         "https://empty.org/a", "http://example.org/a"};
    for (size_t i = 0; i < RN_COUNT(others); i++) {
        cr_expect_eq(make(others[i]), RN_OK);
        cr_expect_eq(q.n_headers, 0, "%s", others[i]);
    }
    free(path);
}

Test(request, a_netrc_that_others_can_read_is_refused_for_its_hosts_only)
{
    char *path = put("netrc", "machine example.org login u password sesame\n", 0644);
    who = (struct rn_who){.netrc_path = path};
    cr_assert_eq(make("https://example.org/a"), RN_ECONFIG);
    cr_assert(strstr(err.msg, "0644"));
    cr_assert(strstr(err.hint, "chmod 600"));
    cr_assert(!strstr(err.msg, "sesame"));
    cr_assert_eq(make("https://example.com/a"), RN_OK);
    free(path);
}

Test(request, a_login_cannot_smuggle_a_header)
{
    char *path = put("netrc", "machine example.org login \"u\nX-Evil: 1\" password p\n", 0600);
    who = (struct rn_who){.netrc_path = path};
    cr_assert_eq(make("https://example.org/a"), RN_ECONFIG);
    free(path);
}

Test(request, an_url_with_a_password_is_refused_without_telling_it)
{
    who = (struct rn_who){0};
    cr_assert_eq(make("https://user:sesame@example.org/a"), RN_ECONFIG);
    cr_assert(!strstr(err.msg, "sesame") && !strstr(err.hint, "sesame"));
    cr_assert(strstr(err.hint, "machine example.org"));
}

/* --- who --- */

static const char *const names[] = {"HF_TOKEN",
                                    "HF_TOKEN_PATH",
                                    "HF_HOME",
                                    "XDG_CACHE_HOME",
                                    "HF_ENDPOINT",
                                    "NETRC",
                                    "AWS_ACCESS_KEY_ID",
                                    "AWS_SECRET_ACCESS_KEY",
                                    "AWS_SESSION_TOKEN",
                                    "AWS_PROFILE",
                                    "AWS_REGION",
                                    "AWS_DEFAULT_REGION",
                                    "AWS_ENDPOINT_URL",
                                    "AWS_ENDPOINT_URL_S3",
                                    "AWS_SHARED_CREDENTIALS_FILE",
                                    "AWS_CONFIG_FILE"};

static void at_home(void)
{
    for (size_t i = 0; i < RN_COUNT(names); i++)
        unsetenv(names[i]);
    setenv("HOME", dir, 1);
}

Test(request, secrets_are_found_where_the_usual_tools_keep_them)
{
    at_home();
    free(put(".cache/huggingface/token", "hf_file\n", 0600));
    free(put(".aws/credentials",
             "[other]\naws_access_key_id = wrong\n[default]\n# note\naws_access_key_id = AKID\n"
             "aws_secret_access_key=SECRET\r\n[more]\naws_session_token = wrong\n",
             0600));
    free(put(".aws/config", "[profile x]\nregion = wrong\n[default]\nregion = eu-west-3\n", 0600));
    cr_assert_eq(rn_who_read(&who, &err), RN_OK, "%s", err.msg);
    cr_assert_str_eq(who.hf_token, "hf_file");
    cr_assert_str_eq(who.s3_key, "AKID");
    cr_assert_str_eq(who.s3_secret, "SECRET");
    cr_assert_null(who.s3_session);
    cr_assert_str_eq(who.s3_region, "eu-west-3");
    rn_who_release(&who);

    setenv("HF_TOKEN", "hf_env", 1);
    setenv("AWS_PROFILE", "x", 1);
    cr_assert_eq(rn_who_read(&who, &err), RN_OK);
    cr_assert_str_eq(who.hf_token, "hf_env");
    cr_assert_null(who.s3_key, "that profile has no keys");
    cr_assert_str_eq(who.s3_region, "wrong", "region of profile x");
    rn_who_release(&who);

    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
    setenv("AWS_SESSION_TOKEN", "T", 1);
    setenv("AWS_REGION", "us-west-2", 1);
    cr_assert_eq(rn_who_read(&who, &err), RN_OK);
    cr_assert_str_eq(who.s3_key, "E");
    cr_assert_str_eq(who.s3_session, "T");
    cr_assert_str_eq(who.s3_region, "us-west-2");
    rn_who_release(&who);
}

Test(request, a_token_with_a_line_end_inside_is_refused)
{
    at_home();
    setenv("HF_TOKEN", "hf_a\r\nX-Evil: 1", 1);
    cr_assert_eq(rn_who_read(&who, &err), RN_ECONFIG);
    cr_assert(!strstr(err.msg, "Evil"));
    rn_who_release(&who);
}

Test(request, auth_leaves_out_the_secrets_of_others)
{
    const struct rn_who all = {.hf_token = "h", .netrc_path = "n", .s3_key = "k", .s3_secret = "s"};
    struct rn_who none = rn_who_only(&all, RN_AUTH_NONE), hf = rn_who_only(&all, RN_AUTH_HF),
                  s3only = rn_who_only(&all, RN_AUTH_S3), any = rn_who_only(&all, RN_AUTH_AUTO);
    cr_assert(!none.hf_token && !none.netrc_path && !none.s3_key);
    cr_assert(hf.hf_token && !hf.netrc_path && !hf.s3_key);
    cr_assert(!s3only.hf_token && !s3only.netrc_path && s3only.s3_key);
    cr_assert(any.hf_token && any.netrc_path && any.s3_key);
    cr_assert(rn_request_fits("hf://datasets/o/n/a", &all, RN_AUTH_HF));
    cr_assert(rn_request_fits("https://huggingface.co/a", &all, RN_AUTH_HF));
    cr_assert(!rn_request_fits("https://example.org/a", &all, RN_AUTH_HF));
    cr_assert(!rn_request_fits("https://example.org/a", &all, RN_AUTH_S3));
    cr_assert(rn_request_fits("https://example.org/a", &all, RN_AUTH_NETRC));
}
