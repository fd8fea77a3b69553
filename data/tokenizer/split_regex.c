#define PCRE2_CODE_UNIT_WIDTH 8
#include "split_regex.h"

#include "mem.h"

#include <pcre2.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HEAP_KIB = 1 << 16, WHY_MAX = 128 };

struct rn_regex {
    pcre2_code *code;
    pcre2_match_context *limits;
    atomic_int_least64_t *gave_up; /* not part of what is constant */
};

static int compile(struct rn_regex *r, const char *pattern, struct rn_place at, struct rn_err *err)
{
    int error;
    size_t offset;
    uint32_t matches_empty;
    PCRE2_UCHAR why[WHY_MAX];
    r->code = pcre2_compile((PCRE2_SPTR)pattern, strlen(pattern),
                            PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                            &error, &offset, NULL);
    if (!r->code) {
        pcre2_get_error_message(error, why, sizeof why);
        return rn_fail(err, RN_ECORRUPT, at, "pattern: %s, at byte %zu of %.200s",
                       (const char *)why, offset, pattern);
    }
    pcre2_pattern_info(r->code, PCRE2_INFO_MATCHEMPTY, &matches_empty);
    if (matches_empty)
        return rn_fail(err, RN_ECORRUPT, at,
                       "pattern: it matches the empty text, which is no piece: %.200s", pattern);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* if the machine has it */
    return RN_OK;
}

static int make(struct rn_regex *r, const char *pattern, struct rn_place at, struct rn_err *err)
{
    size_t n = strlen(pattern);
    if (n > RN_REGEX_MAX_BYTES)
        return rn_fail(err, RN_ECORRUPT, at, "pattern of %zu bytes, at most %d", n,
                       RN_REGEX_MAX_BYTES);
    r->gave_up = rn_xalloc(sizeof *r->gave_up);
    r->limits = pcre2_match_context_create(NULL);
    if (!r->limits)
        return rn_fail(err, RN_ENOMEM, at, "pattern: no memory");
    pcre2_set_match_limit(r->limits, RN_REGEX_STEPS);
    pcre2_set_heap_limit(r->limits, HEAP_KIB);
    return compile(r, pattern, at, err);
}

int rn_regex_new(struct rn_regex **out, const char *pattern, struct rn_place at, struct rn_err *err)
{
    *out = rn_new(struct rn_regex);
    int rc = make(*out, pattern, at, err);
    if (rc != RN_OK) {
        rn_regex_free(*out);
        *out = NULL;
    }
    return rc;
}

void rn_regex_free(struct rn_regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    pcre2_match_context_free(r->limits);
    free(r->gave_up);
    free(r);
}

/* The first match from `at` on, or the rest of the text as if it were what lies before one. */
static void match(const struct rn_regex *r, pcre2_match_data *found, const char *text, size_t n,
                  size_t at, size_t *from, size_t *to)
{
    const uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    PCRE2_SPTR subject = (PCRE2_SPTR)text;
    int rc = pcre2_match(r->code, subject, n, at, options, found, r->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter keeps its stack on the heap */
        rc = pcre2_match(r->code, subject, n, at, options | PCRE2_NO_JIT, found, r->limits);
    const size_t *span = pcre2_get_ovector_pointer(found);
    bool matched = rc >= 0 && span[0] >= at && span[1] > span[0];
    *from = matched ? span[0] : n;
    *to = matched ? span[1] : n;
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH)
        atomic_fetch_add(r->gave_up, 1);
}

size_t rn_regex_ends(const struct rn_regex *r, const char *text, size_t n, size_t at, size_t *ends,
                     size_t max)
{
    pcre2_match_data *found = pcre2_match_data_create(1, NULL);
    size_t count = 0;
    if (!found)
        rn_no_memory(64);
    while (at < n && count + 2 <= max) {
        size_t from, to;
        match(r, found, text, n, at, &from, &to);
        if (from > at)
            ends[count++] = from;
        if (to > from)
            ends[count++] = to;
        at = to;
    }
    pcre2_match_data_free(found);
    return count;
}

int64_t rn_regex_gave_up(const struct rn_regex *r)
{
    return atomic_load(r->gave_up);
}

const char *rn_regex_unicode(char buf[24])
{
    int size = pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, NULL);
    if (size > 0 && size <= 24)
        pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, buf);
    else
        memcpy(buf, "?", 2);
    return buf;
}
