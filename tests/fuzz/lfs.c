/* What a git-lfs server says: whatever the bytes are, an object has an address that may be asked,
 * with headers that are the server's to set, or a finding that can be shown; and what looks like a
 * pointer is one. */
#include "lfs_answer.h"
#include "lfs_api.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char oids[][RN_HEX] = {
    "1111111111111111111111111111111111111111111111111111111111111111",
    "2222222222222222222222222222222222222222222222222222222222222222"};
enum { WANTS = RN_COUNT(oids) };

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

static void check_header(const char *line)
{
    static const char *const framing[] = {
        "host:", "content-length:", "transfer-encoding:", "range:", "connection:"};
    const char *colon = strstr(line, ": ");
    RN_ASSERT(is_printable(line) && colon && colon > line && colon[2]);
    RN_ASSERT(strcspn(line, " \t:") == (size_t)(colon - line));
    for (size_t i = 0; i < RN_COUNT(framing); i++)
        RN_ASSERT(strncasecmp(line, framing[i], strlen(framing[i])) != 0);
}

static void check_want(const struct rn_lfs_want *w, const struct rn_url *api)
{
    if (!w->href) {
        RN_ASSERT(w->finding.verdict != RN_ACCEPTED && w->n_headers == 0 && !w->headers);
        RN_ASSERT(w->finding.detail[0] && is_printable(w->finding.detail));
        return;
    }
    struct rn_url at = rn_url_parse(w->href);
    RN_ASSERT(is_printable(w->href) && !strchr(w->href, ' ') && !at.has_user);
    RN_ASSERT(at.https || (api->loopback && at.http && at.loopback));
    for (size_t i = 0; i < w->n_headers; i++)
        check_header(w->headers[i]);
}

static void check_answer(const char *api_url, const uint8_t *bytes, size_t n)
{
    struct rn_lfs_want wants[WANTS] = {{.lfs.size_bytes = 5}, {.lfs.size_bytes = INT64_C(1) << 40}};
    struct rn_url api = rn_url_parse(api_url);
    for (size_t i = 0; i < WANTS; i++)
        memcpy(wants[i].lfs.sha256, oids[i], RN_HEX);
    bool said = rn_lfs_take_answer(&api, (const char *)bytes, n, wants, WANTS);
    for (size_t i = 0; i < WANTS; i++) {
        if (said)
            check_want(&wants[i], &api);
        else
            RN_ASSERT(!wants[i].href && !wants[i].finding.detail[0]);
        rn_lfs_want_release(&wants[i]);
    }
}

static void check_pointer(const uint8_t *bytes, size_t n, const char *text)
{
    struct rn_lfs lfs;
    if (rn_lfs_parse((const char *)bytes, n, &lfs))
        RN_ASSERT(rn_sha256_is_hex(lfs.sha256) && lfs.size_bytes >= 0);
    char *api = rn_lfs_api_url(text), *object = rn_lfs_object_url(text, "https://hub.test");
    RN_ASSERT(!api || rn_ends_with(api, ".git/info/lfs/objects/batch"));
    free(object);
    free(api);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = rn_xalloc(n + 1);
    memcpy(text, bytes, n);
    check_answer("https://host.test/o/r.git/info/lfs/objects/batch", bytes, n);
    check_answer("http://127.0.0.1:1/o/r.git/info/lfs/objects/batch", bytes, n);
    check_pointer(bytes, n, text);
    free(text);
    return 0;
}
