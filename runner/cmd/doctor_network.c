#include "doctor_parts.h"
#include "mem.h"
#include "str.h"
#include "who.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- proxy --- */

static const char *const proxy_names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};

static const char *given(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* "http://name:secret@host:80/" as "host:80": never who, never the secret. */
static char *without_secret(const char *url)
{
    const char *host = strstr(url, "://"), *at;
    host = host ? host + 3 : url;
    at = strrchr(host, '@');
    return rn_xprintf("%s", at ? at + 1 : host);
}

static bool known_scheme(const char *url)
{
    static const char *const schemes[] = {"http://",    "https://",  "socks4://",
                                          "socks4a://", "socks5://", "socks5h://"};
    if (!strstr(url, "://"))
        return true; /* libcurl takes it for http:// */
    for (size_t i = 0; i < RN_COUNT(schemes); i++)
        if (strncasecmp(url, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

static bool one_proxy(struct rn_doctor *d, const char *name, const char *url)
{
    char *shown = without_secret(url), fix[64];
    bool good = false;
    snprintf(fix, sizeof fix, "export %s=http://HOST:PORT, or unset it", name);
    if (strpbrk(url, " \t\r\n"))
        rn_doctor_problem(d, fix, "%s holds a blank or a line end", name);
    else if (!known_scheme(url) || !*shown || *shown == ':')
        rn_doctor_problem(d, fix, "%s names no proxy that libcurl knows: '%s'", name, shown);
    else {
        rn_doctor_ok(d, "%s: %s", name, shown);
        good = true;
    }
    free(shown);
    return good;
}

void rn_check_proxy(struct rn_doctor *d)
{
    size_t n = 0;
    for (size_t i = 0; i < RN_COUNT(proxy_names); i++) {
        const char *url = given(proxy_names[i]);
        n += url != NULL;
        if (url)
            one_proxy(d, proxy_names[i], url);
    }
    if (given("HTTP_PROXY") && !given("http_proxy"))
        rn_doctor_note(d, "HTTP_PROXY is not read, only http_proxy in small letters is");
    if (given("https_proxy") && given("HTTPS_PROXY") &&
        strcmp(given("https_proxy"), given("HTTPS_PROXY")) != 0)
        rn_doctor_note(d, "https_proxy and HTTPS_PROXY differ: the one in small letters counts");
    if (n == 0)
        rn_doctor_ok(d, "none");
}

/* --- certificates --- */

/* As fetch reads them: the first that is set counts. */
static const char *const ca_names[] = {"CURL_CA_BUNDLE", "SSL_CERT_FILE"};

static void check_bundle(struct rn_doctor *d, const char *name, const char *path)
{
    char fix[64], head[4096] = "";
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(head, 1, sizeof head - 1, f) : 0;
    snprintf(fix, sizeof fix, "unset %s, or name a file of certificates", name);
    if (f)
        fclose(f);
    if (!f || n == 0)
        rn_doctor_problem(d, fix, "%s=%.200s cannot be read", name, path);
    else if (!strstr(head, "-----BEGIN ") && n < sizeof head - 1)
        rn_doctor_problem(d, fix, "%s=%.200s holds no certificate", name, path);
    else
        rn_doctor_ok(d, "%s=%.200s", name, path);
}

void rn_check_certificates(struct rn_doctor *d)
{
    static const char *const usual[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    for (size_t i = 0; i < RN_COUNT(ca_names); i++)
        if (given(ca_names[i])) {
            check_bundle(d, ca_names[i], given(ca_names[i]));
            return;
        }
    for (size_t i = 0; i < RN_COUNT(usual); i++) {
        char *path = rn_xprintf("%s%s", d->root, usual[i]);
        bool there = access(path, R_OK) == 0;
        free(path);
        if (there) {
            rn_doctor_ok(d, "%s", usual[i]);
            return;
        }
    }
    rn_doctor_problem(d, "apt-get install ca-certificates",
                      "no certificates of authorities: https will be refused");
}

/* --- hub --- */

void rn_check_hub(struct rn_doctor *d)
{
    struct rn_who who;
    struct rn_err err = {0};
    if (rn_who_read(&who, &err) != RN_OK)
        rn_doctor_problem(d, "set it again, without blanks or line ends", "%s", err.msg);
    else if (who.hf_token)
        rn_doctor_ok(d, "a token is set (never shown)");
    else
        rn_doctor_ok(d, "no token: public files only");
    rn_who_release(&who);
}
