/* What a server says, in headers and bodies: whatever the bytes are, all parsers get them, and
 * their answers keep what headers.h, claims.h, trail.h and verdict.h promise. */
#include "claims.h"
#include "headers.h"
#include "mem.h"
#include "trail.h"
#include "verdict.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_printable(const char *text, bool lines)
{
    for (; *text; text++)
        if ((*text < ' ' || *text > '~') && !(lines && *text == '\n'))
            return false;
    return true;
}

static void check_values(const char *value)
{
    struct rn_content_range r;
    if (rn_content_range_parse(value, &r)) {
        RN_ASSERT((r.first < 0) == (r.last < 0) && r.first <= r.last);
        RN_ASSERT(r.total < 0 ? r.first >= 0 : r.last < r.total || r.last < 0);
    }
    RN_ASSERT(rn_content_length(value) >= -1);
    double wait_s = rn_retry_after_s(value, 1e9), limit_s = rn_rate_limit_wait_s(value);
    RN_ASSERT(wait_s >= 0 && isfinite(wait_s) && limit_s >= 0 && isfinite(limit_s));
    if (rn_etag_is_strong(value))
        RN_ASSERT(is_printable(value + strspn(value, " \t"), false) || strchr(value, '\t'));
}

static void check_lines(const uint8_t *bytes, size_t n)
{
    struct rn_claims claims = {0};
    struct rn_str trail = {0}, text = {0};
    while (n > 0) {
        const uint8_t *end = memchr(bytes, '\n', n);
        size_t line = end ? (size_t)(end - bytes) + 1 : n;
        rn_claims_line(&claims, (const char *)bytes, line);
        rn_trail_line(&trail, (const char *)bytes, line);
        bytes += line;
        n -= line;
    }
    RN_ASSERT(is_printable(claims.etag, false) && is_printable(claims.commit, false));
    rn_trail_show(&trail, &text);
    RN_ASSERT(trail.n <= RN_TRAIL_BYTES);
    RN_ASSERT(text.n <= RN_TRAIL_BYTES && (!text.p || is_printable(text.p, true)));
    rn_str_release(&text);
    rn_str_release(&trail);
}

static void check_body(const uint8_t *bytes, size_t n, const char *text)
{
    static const long statuses[] = {200, 206, 301, 403, 429, 503, 511};
    struct rn_finding f;
    char show[256];
    for (size_t i = 0; i < RN_COUNT(statuses); i++) {
        rn_judge_status(statuses[i], bytes, n, &f);
        RN_ASSERT(f.verdict != RN_ACCEPTED && f.detail[0]);
    }
    bool good = rn_judge_bytes(bytes, n, (int64_t)n, "jsonl", 200, &f);
    RN_ASSERT(good == (f.verdict == RN_ACCEPTED) && (good || f.detail[0]));
    RN_ASSERT(is_printable(rn_show_text(show, bytes, n), false));
    RN_ASSERT(is_printable(rn_show_hex(show, bytes, n), false));
    char *plain = rn_url_plain(text);
    RN_ASSERT(!strchr(plain, '?') && !strchr(plain, '#'));
    free(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    char *text = rn_xalloc(n + 1);
    memcpy(text, bytes, n);
    check_values(text);
    check_lines(bytes, n);
    check_body(bytes, n, text);
    free(text);
    return 0;
}
