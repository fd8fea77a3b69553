#include "verdict.h"

#include "json.h"
#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *id;
    bool again;
    const char *next;
} verdicts[] = {
#define X(verdict, id, again, seen, next) [verdict] = {id, again, next},
    RN_VERDICTS(X)
#undef X
};

const char *rn_verdict_id(enum rn_verdict v)
{
    return verdicts[v].id;
}

bool rn_verdict_again(enum rn_verdict v)
{
    return verdicts[v].again;
}

const char *rn_verdict_next(enum rn_verdict v)
{
    return verdicts[v].next;
}

/* Words of strangers get here: no control characters, no broken UTF-8 (a cut may leave some). */
static void make_printable(char *text)
{
    bool utf8 = rn_utf8_valid(text, strlen(text));
    for (unsigned char *p = (unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7F || (*p > 0x7F && !utf8))
            *p = '?';
}

bool rn_find(struct rn_finding *f, enum rn_verdict v, const char *fmt, ...)
{
    f->verdict = v;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->detail, sizeof f->detail, fmt, ap);
    va_end(ap);
    make_printable(f->detail);
    return v == RN_ACCEPTED;
}

/* --- rendering --- */

/* Printable ASCII stays, quotes and backslashes get a backslash, everything else becomes \xNN. */
static void add_escaped(struct rn_str *s, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n')
            rn_str_puts(s, "\\n");
        else if (p[i] < 0x20 || p[i] > 0x7E)
            rn_str_printf(s, "\\x%02X", p[i]);
        else if (p[i] == '"' || p[i] == '\\')
            rn_str_printf(s, "\\%c", p[i]);
        else
            rn_str_putc(s, (char)p[i]);
    }
}

static const char *take(struct rn_str *s, char *buf, size_t cap)
{
    rn_copy_text(buf, cap, s->p ? s->p : "");
    rn_str_release(s);
    return buf;
}

const char *rn_show_hex(char buf[128], const void *head, size_t n)
{
    const unsigned char *p = head;
    struct rn_str s = {0};
    n = n < 16 ? n : 16;
    for (size_t i = 0; i < n; i++)
        rn_str_printf(&s, "%02X ", p[i]);
    rn_str_putc(&s, '"');
    for (size_t i = 0; i < n; i++)
        rn_str_putc(&s, p[i] >= 0x20 && p[i] <= 0x7E ? (char)p[i] : '.');
    rn_str_putc(&s, '"');
    return take(&s, buf, 128);
}

const char *rn_show_text(char buf[256], const void *head, size_t n)
{
    enum { SHOWN = 48 };
    struct rn_str s = {0};
    rn_str_putc(&s, '"');
    add_escaped(&s, head, n < SHOWN ? n : SHOWN);
    rn_str_puts(&s, n > SHOWN ? "...\"" : "\"");
    return take(&s, buf, 256);
}

/* --- looking into a body --- */

struct view {
    const char *p;
    size_t n;
};

static struct view skip_blank(struct view v)
{
    if (v.n >= 3 && memcmp(v.p, "\xEF\xBB\xBF", 3) == 0)
        v = (struct view){v.p + 3, v.n - 3};
    while (v.n && isspace((unsigned char)*v.p))
        v = (struct view){v.p + 1, v.n - 1};
    return v;
}

static bool starts(struct view v, const char *word)
{
    size_t n = strlen(word);
    return v.n >= n && strncasecmp(v.p, word, n) == 0;
}

/* Where `word` (letters of either case) begins in v; n is 0 if nowhere. */
static struct view find(struct view v, const char *word)
{
    for (; v.n; v.p++, v.n--)
        if (starts(v, word))
            return v;
    return (struct view){0};
}

/* Text of the first <tag ...>text</tag>, escaped and cut to fit; "" if there is none. */
static const char *element(struct view v, const char *tag, char *buf, size_t cap)
{
    char open[24];
    snprintf(open, sizeof open, "<%s", tag);
    struct view from = find(v, open);
    const char *gt = from.n ? memchr(from.p, '>', from.n) : NULL;
    struct rn_str s = {0};
    if (gt) {
        struct view text = skip_blank((struct view){gt + 1, (size_t)(from.p + from.n - gt - 1)});
        const char *lt = memchr(text.p, '<', text.n);
        size_t n = lt ? (size_t)(lt - text.p) : 0;
        add_escaped(&s, (const unsigned char *)text.p, n < 100 ? n : 100);
    }
    return take(&s, buf, cap);
}

static void add_status(struct rn_finding *f, long status)
{
    size_t n = strlen(f->detail);
    if (status)
        snprintf(f->detail + n, sizeof f->detail - n, " (%ld)", status);
}

static bool same_letters(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a && !isalpha((unsigned char)*a))
            a++;
        while (*b && !isalpha((unsigned char)*b))
            b++;
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
        if (!*a)
            return true;
    }
}

/* S3 and its kin answer these codes when asking again helps. */
static bool code_is_transient(const char *code)
{
    static const char *const codes[] = {"SlowDown", "InternalError", "ServiceUnavailable",
                                        "RequestTimeout", "ServerBusy"};
    for (size_t i = 0; i < RN_COUNT(codes); i++)
        if (strcmp(code, codes[i]) == 0)
            return true;
    return false;
}

static bool judge_xml(struct view v, long status, struct rn_finding *f)
{
    if (!starts(v, "<?xml") && !starts(v, "<Error"))
        return true;
    char code[80], message[120];
    if (!find(v, "<Error").n || !*element(v, "Code", code, sizeof code)) {
        rn_find(f, RN_ERROR_PAGE, "XML document");
        add_status(f, status);
        return false;
    }
    rn_find(f, code_is_transient(code) ? RN_TRANSIENT : RN_ERROR_PAGE, "S3 %s", code);
    add_status(f, status);
    element(v, "Message", message, sizeof message);
    size_t n = strlen(f->detail);
    if (*message && !same_letters(code, message))
        snprintf(f->detail + n, sizeof f->detail - n, ": %s", message);
    n = strlen(f->detail);
    if (strcmp(code, "RequestTimeTooSkewed") == 0)
        snprintf(f->detail + n, sizeof f->detail - n, " (is the clock of this machine right?)");
    return false;
}

static bool is_html(struct view v)
{
    static const char *const starts_of_html[] = {"<!doctype html", "<html",   "<head",  "<body",
                                                 "<meta",          "<script", "<title", "<h1"};
    while (starts(v, "<!--")) {
        struct view end = find(v, "-->");
        if (!end.n)
            return false;
        v = skip_blank((struct view){end.p + 3, end.n - 3});
    }
    for (size_t i = 0; i < RN_COUNT(starts_of_html); i++)
        if (starts(v, starts_of_html[i]))
            return true;
    return false;
}

static bool judge_html(struct view v, long status, struct rn_finding *f)
{
    if (!is_html(v))
        return true;
    char title[120];
    element(v, "title", title, sizeof title);
    rn_find(f, RN_ERROR_PAGE, *title ? "HTML page '%s'" : "HTML page%s", title);
    add_status(f, status);
    return false;
}

/* What a JSON error says, or NULL if the object is none. A vocabulary may hold the key "error", so
 * a number there is no error; a conversation may hold "message", so that alone is none either. */
static const char *json_error_text(const json_t *doc)
{
    json_t *e = json_object_get(doc, "error");
    if (!e)
        e = json_object_get(doc, "errors");
    const char *message = rn_json_str(doc, "message", NULL);
    if (json_is_string(e))
        return json_string_value(e);
    if (json_is_object(e))
        return rn_json_str(e, "message", "object under 'error'");
    if (json_is_array(e) || json_is_true(e))
        return message ? message : "list under 'errors'";
    bool api = json_object_get(doc, "documentation_url") || json_object_get(doc, "status") ||
               json_object_get(doc, "statusCode") || json_object_get(doc, "code");
    return message && api ? message : NULL;
}

static bool judge_json(struct view v, int64_t size_bytes, long status, struct rn_finding *f)
{
    enum { LONGEST_ERROR = 1 << 16 };
    if (!starts(v, "{") || size_bytes > LONGEST_ERROR)
        return true;
    json_error_t ignored;
    json_t *doc = json_loadb(v.p, v.n, 0, &ignored);
    const char *text = doc ? json_error_text(doc) : NULL;
    struct rn_str s = {0};
    if (text) {
        add_escaped(&s, (const unsigned char *)text, strlen(text) < 120 ? strlen(text) : 120);
        rn_find(f, RN_ERROR_JSON, "JSON error '%s'", s.p);
        add_status(f, status);
    }
    rn_str_release(&s);
    json_decref(doc);
    return !text;
}

static bool judge_lfs(struct view v, int64_t size_bytes, struct rn_finding *f)
{
    if (size_bytes >= 1024 || !starts(v, "version https://git-lfs.github.com/spec/v1"))
        return true;
    struct view oid = find(v, "oid sha256:");
    size_t n = oid.n > 11 ? strspn(oid.p + 11, "0123456789abcdef") : 0;
    return rn_find(f, RN_LFS_POINTER, "git-lfs pointer to sha256 %.*s", n >= 12 ? 12 : (int)n,
                   n ? oid.p + 11 : "");
}

/* UTF-16 text, of which only the ASCII matters here, becomes that. */
static void narrow(struct rn_str *s)
{
    size_t kept = 0;
    if (s->n < 2 || (memcmp(s->p, "\xFF\xFE", 2) != 0 && memcmp(s->p, "\xFE\xFF", 2) != 0))
        return;
    for (size_t i = 2; i < s->n; i++)
        if (s->p[i])
            s->p[kept++] = s->p[i];
    s->n = kept;
    s->p[kept] = '\0';
}

bool rn_judge_bytes(const void *head, size_t n, int64_t size_bytes, const char *format, long status,
                    struct rn_finding *f)
{
    if (size_bytes == 0)
        return rn_find(f, RN_TRUNCATED, "empty body");
    bool markup = format && (strcmp(format, "html") == 0 || strcmp(format, "xml") == 0);
    /* Owned and NUL-terminated, so that text functions cannot run past it. */
    struct rn_str copy = {0};
    rn_str_add(&copy, head, n);
    narrow(&copy);
    struct view v = skip_blank((struct view){copy.p, copy.n});
    bool good = (markup || (judge_html(v, status, f) && judge_xml(v, status, f))) &&
                judge_json(v, size_bytes, status, f) && judge_lfs(v, size_bytes, f);
    rn_str_release(&copy);
    return good ? rn_find(f, RN_ACCEPTED, "%s", "") : false;
}

/* Statuses with a meaning of their own; whatever else is not 200 is refused. */
static const struct status_meaning {
    long status;
    enum rn_verdict verdict;
    const char *note;
} statuses[] = {
    {206, RN_TRUNCATED, "a part, though the whole was asked for"},
    {407, RN_INTERCEPTED, "a proxy wants a login"},
    {408, RN_TRANSIENT, NULL},
    {425, RN_TRANSIENT, NULL},
    {429, RN_TRANSIENT, NULL},
    {500, RN_TRANSIENT, NULL},
    {502, RN_TRANSIENT, NULL},
    {503, RN_TRANSIENT, NULL},
    {504, RN_TRANSIENT, NULL},
    {511, RN_INTERCEPTED, "a captive portal or proxy wants a login"},
    {520, RN_TRANSIENT, NULL},
    {521, RN_TRANSIENT, NULL},
    {522, RN_TRANSIENT, NULL},
    {523, RN_TRANSIENT, NULL},
    {524, RN_TRANSIENT, NULL},
};

static struct status_meaning meaning_of(long status)
{
    for (size_t i = 0; i < RN_COUNT(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i];
    return (struct status_meaning){status, RN_REFUSED, NULL};
}

/* The status decides; the body may say why. */
void rn_judge_status(long status, const void *head, size_t n, struct rn_finding *f)
{
    struct status_meaning m = meaning_of(status);
    struct rn_finding looks;
    const char *colon = m.note ? ": " : "", *note = m.note ? m.note : "";
    if (n == 0 || rn_judge_bytes(head, n, (int64_t)n, NULL, status, &looks))
        rn_find(f, m.verdict, "status %ld%s%s", status, colon, note);
    else
        rn_find(f, m.verdict, "%s%s%s", looks.detail, colon, note);
}

/* --- endings --- */

/* Formats whose last bytes say that they are whole. */
static const struct ending {
    const char *format, *begins, *ends;
    size_t within_bytes; /* the ending begins that close to the end of the file */
} endings[] = {
    {"parquet", "PAR1", "PAR1", 4},
    {"zip", "PK\003\004", "PK\005\006", 22 + 65535},
};

static bool contains(const char *p, size_t n, const char *word)
{
    size_t m = strlen(word);
    for (size_t i = 0; i + m <= n; i++)
        if (memcmp(p + i, word, m) == 0)
            return true;
    return false;
}

static bool lacks_ending(FILE *file, const struct ending *e)
{
    char first[4];
    if (fread(first, 1, 4, file) != 4 || memcmp(first, e->begins, 4) != 0)
        return false;
    if (fseek(file, 0, SEEK_END) != 0)
        return false;
    long size = ftell(file);
    size_t want = size < (long)e->within_bytes ? (size_t)(size > 0 ? size : 0) : e->within_bytes;
    if (fseek(file, -(long)want, SEEK_END) != 0)
        return false;
    char *tail = rn_xalloc(want + 1);
    size_t got = fread(tail, 1, want, file);
    bool lacks = size < 8 || !contains(tail, got, e->ends);
    free(tail);
    return lacks;
}

bool rn_judge_ending(const char *path, const char *format, struct rn_finding *f)
{
    for (size_t i = 0; format && i < RN_COUNT(endings); i++) {
        if (strcmp(endings[i].format, format) != 0)
            continue;
        FILE *file = fopen(path, "rb");
        bool lacks = file && lacks_ending(file, &endings[i]);
        if (file)
            fclose(file);
        if (lacks)
            return rn_find(f, RN_TRUNCATED, "begins as %s but has no ending", format);
    }
    return rn_find(f, RN_ACCEPTED, "%s", "");
}
