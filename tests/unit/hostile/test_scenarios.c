/* What a hostile server may answer, each asked twice: fresh, and to continue a file of which half
 * is here. One table, one verdict each; whatever happens, no unproven byte gets a name.
 *
 * `kind` is a row of tests/server/kinds.c, which says what goes over the wire. On resume the first
 * request is answered by `first` ("cut" unless said: half of the true bytes with a strong ETag);
 * the second, by a new call, by `kind`. */
#include "../fetch/rig.h"
#include "file.h"
#include "path.h"

#include "ca.h"
#include "conn.h"
#include "formats.h"
#include "pack.h"
#include "parquet_write.h"
#include "who.h"
#include "zip_write.h"

#include <sys/stat.h>

enum { ROWS = 1000 };
#define OK RN_ACCEPTED

/* What the entry declares beside its format; IMPATIENT: stalls are noticed soon. */
enum { PINNED = 1, SIZED = 2, CAPPED = 4, UNCOUNTED = 8, IMPATIENT = 16 };

struct scenario {
    const char *kind;
    enum rn_verdict fresh, resume;
    const char *first;
    unsigned declares;
};

/* --- the true files --- */

static void put_jsonl(struct rig *r, const char *name, int rows, const char *word)
{
    struct rn_str s = {0};
    for (int i = 0; i < rows; i++)
        rn_str_printf(&s, "{\"text\": \"%s %06d of a file that is long enough to be cut\"}\n", word,
                      i);
    rig_put(r, name, s.p, s.n);
    rn_str_release(&s);
}

static void put_parquet(struct rig *r, const char *name)
{
    struct rn_parquet_writer w;
    char *path = rn_join(r->www, name);
    cr_assert_eq(rn_parquet_writer_open(&w, path, "text", 256, NULL), RN_OK);
    for (int i = 0; i < ROWS; i++)
        rn_parquet_writer_add(&w, "a row of text, and some more of it, and even more", 49);
    cr_assert_eq(rn_parquet_writer_commit(&w, NULL), RN_OK);
    free(path);
}

static void put_zip(struct rig *r, const char *name)
{
    struct rn_zip_writer z;
    char *path = rn_join(r->www, name), member[32];
    cr_assert_eq(rn_zip_writer_open(&z, path, NULL), RN_OK);
    char text[2000];
    memset(text, 'x', sizeof text);
    for (int i = 0; i < 21; i++) {
        snprintf(member, sizeof member, "dir/member-%03d.txt", i);
        rn_zip_writer_add(&z, member, text, sizeof text);
    }
    cr_assert_eq(rn_zip_writer_commit(&z, NULL), RN_OK);
    free(path);
}

/* Of a tar archive, or of lines. */
static void put_gzip(struct rig *r, const char *name, bool tar)
{
    struct rn_str s = {0};
    char text[4000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23);
    if (tar) {
        tar_pack_add(&s, &(struct tar_entry){.name = "a", .bytes = text, .n = sizeof text});
        tar_pack_end(&s);
    } else {
        rn_str_add(&s, text, sizeof text);
    }
    pack_gzip(&s);
    rig_put(r, name, s.p, s.n);
    rn_str_release(&s);
}

/* --- one scenario --- */

struct stage {
    struct rig rig;
    struct server *other;
    char digest[2][RN_HEX]; /* of the file and of its other version */
};

static void digest_of(struct rig *r, const char *name, char hex[RN_HEX])
{
    char *path = rn_join(r->www, name);
    if (rn_exists(path))
        cr_assert_eq(rn_sha256_file(path, hex, NULL, NULL), RN_OK);
    free(path);
}

static void stage_up(struct stage *s, const char *format, const struct scenario *what)
{
    *s = (struct stage){0};
    rig_up(&s->rig);
    struct rig *r = &s->rig;
    if (strcmp(format, "jsonl") == 0) {
        put_jsonl(r, "file", ROWS, "row");
        put_jsonl(r, "file.b", ROWS - 10, "another row");
        put_jsonl(r, "good", ROWS, "row");
    } else if (strcmp(format, "parquet") == 0) {
        put_parquet(r, "file");
    } else if (strcmp(format, "zip") == 0) {
        put_zip(r, "file");
    } else {
        put_gzip(r, "file", strcmp(format, "tar") == 0);
    }
    digest_of(r, "file", s->digest[0]);
    digest_of(r, "file.b", s->digest[1]);
    s->other = server_start(r->www, 0);
    server_set_other(r->server, server_url(s->other));
    r->fetcher.formats = rn_data_formats;
    r->fetcher.retries = 0;
    r->fetcher.stall_s = what->declares & IMPATIENT ? 0.3 : 10;
    r->file.expect.format = format;
    bool rows = strcmp(format, "jsonl") == 0 || strcmp(format, "parquet") == 0;
    r->file.expect.rows = rows && !(what->declares & UNCOUNTED) ? ROWS : -1;
    char *path = rn_join(r->www, "file");
    r->file.sha256 = what->declares & PINNED ? s->digest[0] : NULL;
    r->file.size_bytes = what->declares & SIZED ? rn_file_size(path) : -1;
    r->file.expect.max_size = what->declares & CAPPED ? 1 << 20 : -1;
    free(path);
    rig_source(r, "/file");
}

static void stage_down(struct stage *s)
{
    server_stop(s->other);
    rig_down(&s->rig);
}

/* The verdict that the final message gives; a list of all would do as well: there is one source. */
static enum rn_verdict verdict_told(const struct rig *r, int rc)
{
    static const enum rn_verdict all[] = {
#define X(verdict, id, again, seen, next) verdict,
        RN_VERDICTS(X)
#undef X
    };
    if (rc == RN_OK)
        return OK;
    cr_expect_eq(rc, RN_EFETCH, "%s", r->err.msg);
    const char *best = NULL;
    enum rn_verdict told = OK;
    for (size_t i = 0; i < RN_COUNT(all); i++) {
        char *word = rn_xprintf(": %s: ", rn_verdict_id(all[i]));
        const char *at = strstr(r->err.msg, word);
        if (at && (!best || at < best)) {
            best = at;
            told = all[i];
        }
        free(word);
    }
    return told;
}

static bool is_version(const struct stage *s, const char *hex)
{
    return strcmp(hex, s->digest[0]) == 0 || strcmp(hex, s->digest[1]) == 0;
}

struct names {
    const struct stage *s;
    const char *where;
    int wrong;
};

static int check_name(void *ctx, const char *relative, struct rn_err *err)
{
    struct names *n = ctx;
    char *path = rn_join(n->where, relative), hex[RN_HEX] = "";
    (void)err;
    if (rn_sha256_file(path, hex, NULL, NULL) != RN_OK || !is_version(n->s, hex) ||
        strcmp(hex, rn_basename(relative)) != 0)
        n->wrong++;
    free(path);
    return RN_OK;
}

/* Whatever lies under a final name is one of the true versions, under its own digest. */
static int unproven_names(const struct stage *s)
{
    char *where = rn_join(s->rig.dir, "cache/sha256");
    struct names n = {s, where, 0};
    if (rn_exists(where))
        cr_assert_eq(rn_walk(where, check_name, &n, NULL), RN_OK);
    free(where);
    return n.wrong;
}

static void judge(const struct stage *s, const struct scenario *what, const char *how, int rc,
                  enum rn_verdict wanted)
{
    const struct rig *r = &s->rig;
    enum rn_verdict told = verdict_told(r, rc);
    cr_expect_eq(told, wanted, "%s, %s: %s instead of %s: %s", what->kind, how, rn_verdict_id(told),
                 rn_verdict_id(wanted), rc == RN_OK ? "" : r->err.msg);
    cr_expect_eq(unproven_names(s), 0, "%s, %s: unproven bytes have a name", what->kind, how);
    if (rc == RN_OK)
        cr_expect(is_version(s, r->got.sha256), "%s, %s: a mixture was accepted", what->kind, how);
    else
        cr_expect_eq(rig_count(r, "cache/sha256"), 0, "%s, %s: rejected, but in the cache",
                     what->kind, how);
}

static void play_fresh(const struct scenario *what, const char *format)
{
    struct stage s;
    stage_up(&s, format, what);
    cr_assert_eq(server_fault(s.rig.server, "/file", what->kind), 0, "no kind %s", what->kind);
    judge(&s, what, "fresh", rig_fetch(&s.rig), what->fresh);
    stage_down(&s);
}

static void play_resume(const struct scenario *what, const char *format)
{
    struct stage s;
    const char *first = what->first ? what->first : "cut";
    stage_up(&s, format, what);
    cr_assert_eq(server_fault(s.rig.server, "/file", first), 0, "no kind %s", first);
    cr_expect_neq(rig_fetch(&s.rig), RN_OK, "%s: the first request got everything", what->kind);
    server_heal(s.rig.server);
    server_fault(s.rig.server, "/file", what->kind);
    judge(&s, what, "resumed", rig_fetch(&s.rig), what->resume);
    if (strcmp(first, "cut") == 0)
        cr_expect_gt(server_ranged(s.rig.server), 0, "%s: the half was not gone on with",
                     what->kind);
    stage_down(&s);
}

static void play(const struct scenario *rows, size_t n, const char *format)
{
    for (size_t i = 0; i < n; i++) {
        play_fresh(&rows[i], format);
        play_resume(&rows[i], format);
    }
}

#define PLAY(rows, format) play(rows, RN_COUNT(rows), format)

TestSuite(scenarios, .timeout = 300);

/* --- the table --- */

static const struct scenario errors[] = {
    {"200-xml", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"200-xml-as-bytes", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"200-xml-slow", RN_TRANSIENT, RN_TRANSIENT},
    {"html", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"html-as-bytes", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"utf16-page", RN_ERROR_PAGE, RN_ERROR_PAGE, "half-bare"},
    {"junk-before", RN_ERROR_PAGE, RN_ERROR_PAGE, "half-bare"},
    {"json-error", RN_ERROR_JSON, RN_ERROR_JSON},
    {"hub-error", RN_ERROR_JSON, RN_ERROR_JSON},
    {"lfs", RN_LFS_POINTER, RN_LFS_POINTER},
    {"evil-headers", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"400", RN_REFUSED, RN_REFUSED},
    {"401", RN_REFUSED, RN_REFUSED},
    {"403-xml", RN_REFUSED, RN_REFUSED},
    {"403-skewed", RN_REFUSED, RN_REFUSED},
    {"403-hub", RN_REFUSED, RN_REFUSED},
    {"403-empty", RN_REFUSED, RN_REFUSED},
    {"404", RN_REFUSED, RN_REFUSED},
    {"404-json", RN_REFUSED, RN_REFUSED},
    {"407", RN_INTERCEPTED, RN_INTERCEPTED},
    {"410", RN_REFUSED, RN_REFUSED},
    {"451", RN_REFUSED, RN_REFUSED},
    {"511", RN_INTERCEPTED, RN_INTERCEPTED},
    {"408", RN_TRANSIENT, RN_TRANSIENT},
    {"425", RN_TRANSIENT, RN_TRANSIENT},
    {"429", RN_TRANSIENT, RN_TRANSIENT},
    {"429-date", RN_TRANSIENT, RN_TRANSIENT},
    {"429-huge", RN_TRANSIENT, RN_TRANSIENT},
    {"429-negative", RN_TRANSIENT, RN_TRANSIENT},
    {"429-limit", RN_TRANSIENT, RN_TRANSIENT},
    {"500", RN_TRANSIENT, RN_TRANSIENT},
    {"502", RN_TRANSIENT, RN_TRANSIENT},
    {"503", RN_TRANSIENT, RN_TRANSIENT},
    {"503-slow-down", RN_TRANSIENT, RN_TRANSIENT},
    {"504", RN_TRANSIENT, RN_TRANSIENT},
    {"522", RN_TRANSIENT, RN_TRANSIENT},
    {"204", RN_REFUSED, RN_REFUSED},
    {"203", RN_REFUSED, RN_REFUSED},
    {"300", RN_REFUSED, RN_REFUSED},
    {"304", RN_REFUSED, RN_REFUSED},
    {"302-bare", RN_REFUSED, RN_REFUSED},
    {"999", RN_REFUSED, RN_REFUSED},
};

Test(scenarios, errors_in_place_of_the_file)
{
    PLAY(errors, "jsonl");
}

static const struct scenario lengths[] = {
    {"ok", OK, OK},
    {"no-length", OK, OK},
    {"identity", OK, OK},
    {"type-html", OK, OK},
    {"beyond-length", OK, OK},
    {"empty", RN_TRUNCATED, RN_TRUNCATED},
    {"cut", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-to-nothing", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-to-one", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-last", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-close", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"cut-close", RN_TRUNCATED, RN_TRUNCATED, "half-bare", SIZED},
    {"wrong-length", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"wrong-length", RN_TRUNCATED, RN_TRUNCATED, "half-bare", PINNED | SIZED},
    {"long-length", RN_TRUNCATED, RN_TRUNCATED, "half-bare"},
    {"one-more", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"one-more", RN_OVERSIZE, RN_OVERSIZE, "half-bare", SIZED},
    {"one-less", RN_TRUNCATED, RN_TRUNCATED, "half-bare", SIZED},
    {"one-less", RN_DIGEST, RN_TRUNCATED, "half-bare", PINNED},
    {"reset-midway", RN_TRANSIENT, RN_TRANSIENT},
    {"lengths-disagree", RN_MALFORMED, RN_MALFORMED},
    {"length-garbage", RN_MALFORMED, RN_MALFORMED},
    {"length-negative", RN_TRANSIENT, RN_TRANSIENT},
    {"length-overflow", RN_MALFORMED, RN_MALFORMED},
    {"flip", RN_DIGEST, RN_DIGEST, "half-bare", PINNED},
    {"bom", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"nul", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"row-missing", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"twice", RN_MALFORMED, RN_MALFORMED, "half-bare"},
};

Test(scenarios, lengths_and_content)
{
    PLAY(lengths, "jsonl");
}

static const struct scenario framing[] = {
    {"gzip", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"gzip-bare", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"gzip-twice", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"gzip-cut", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"gzip-bomb", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"wrong-encoding", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"chunked", OK, OK},
    {"chunk-garbage", RN_TRANSIENT, RN_TRANSIENT},
    {"chunk-huge", RN_TRANSIENT, RN_TRANSIENT},
    {"chunk-negative", RN_TRANSIENT, RN_TRANSIENT},
    {"chunk-short", RN_TRANSIENT, RN_TRANSIENT},
    {"chunk-long", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-chunk-header", RN_TRANSIENT, RN_TRANSIENT},
    {"cut-chunked", RN_TRUNCATED, RN_TRUNCATED},
    {"chunked-and-length", OK, OK},
    {"unknown-coding", RN_TRANSIENT, RN_TRANSIENT},
    {"http-0.9", RN_REFUSED, RN_REFUSED},
    {"bad-status-line", RN_REFUSED, RN_REFUSED},
    {"icy", RN_REFUSED, RN_REFUSED},
    {"http-9", RN_REFUSED, RN_REFUSED},
    {"huge-header", RN_TRANSIENT, RN_TRANSIENT},
    {"many-headers", RN_MALFORMED, RN_MALFORMED},
    {"nul-header", RN_TRANSIENT, RN_TRANSIENT},
    {"reset", RN_TRANSIENT, RN_TRANSIENT},
    {"close", RN_TRANSIENT, RN_TRANSIENT},
};

Test(scenarios, packing_and_framing)
{
    PLAY(framing, "jsonl");
}

static const struct scenario ranges[] = {
    {"range-ignored", OK, OK},
    {"range-lower", OK, OK},
    {"range-higher", OK, OK},
    {"range-shifted", OK, OK},
    {"range-shifted", OK, OK, NULL, PINNED},
    {"range-other-total", OK, OK},
    {"range-short", OK, OK},
    {"range-garbage", OK, OK},
    {"range-none", OK, OK},
    {"range-multipart", OK, OK},
    {"206", RN_TRUNCATED, OK}, /* resumed, it was asked for */
    {"416", RN_REFUSED, RN_REFUSED},
    {"416-stale", OK, OK},
    {"416-there", OK, OK, NULL, UNCOUNTED}, /* half of the rows look like a file, too */
    {"range-any-total", OK, OK},
    {"ok", OK, OK, "cut-chunked"}, /* all is here; the honest answer is 416 */
    {"ok", OK, OK, "cut-last"},
    {"ok", OK, OK, "cut-to-one"},
    {"ok", OK, OK, "half-weak"},
    {"ok", OK, OK, "half-bare"},
    {"ok", OK, OK, "chunk-long"},
    {"ok", OK, OK, "reset-midway"},
    {"weak", OK, OK, "half-weak"},
};

Test(scenarios, ranges)
{
    PLAY(ranges, "jsonl");
}

static const struct scenario versions[] = {
    {"other", OK, OK, NULL, UNCOUNTED},
    {"other", RN_MALFORMED, RN_MALFORMED},
    {"other", RN_DIGEST, RN_DIGEST, NULL, PINNED},
    {"other-anyway", OK, OK, NULL, UNCOUNTED},
    {"other-weak", OK, OK, NULL, UNCOUNTED},
    {"other-weak", OK, OK, "half-weak", UNCOUNTED},
    {"other-dated", OK, OK, "half-dated", UNCOUNTED},
    {"other-fixed", RN_MALFORMED, RN_MALFORMED, "half-fixed"},
    {"other-fixed", RN_DIGEST, RN_DIGEST, "half-fixed", PINNED},
};

Test(scenarios, versions)
{
    PLAY(versions, "jsonl");
}

static const struct scenario redirects[] = {
    {"redirect", OK, OK},
    {"redirect-other", OK, OK},
    {"redirect-body", RN_REFUSED, RN_REFUSED}, /* nobody sends megabytes with a redirect */
    {"redirect-signed", RN_TRUNCATED, OK, "redirect-signed"},
    {"redirect-loop", RN_REFUSED, RN_REFUSED},
    {"redirect-http", RN_INTERCEPTED, RN_INTERCEPTED},
    {"redirect-html", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"redirect-file", RN_REFUSED, RN_REFUSED},
    {"redirect-ftp", RN_REFUSED, RN_REFUSED},
    {"redirect-garbage", RN_REFUSED, RN_REFUSED},
    {"redirect-404", RN_REFUSED, RN_REFUSED},
};

Test(scenarios, redirects)
{
    PLAY(redirects, "jsonl");
}

static const struct scenario endless[] = {
    {"drip", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
    {"slow-headers", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
    {"hang", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
    {"stall-late", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
    {"endless", RN_OVERSIZE, RN_OVERSIZE, "half-bare", CAPPED},
    {"endless-headers", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
    {"endless-interim", RN_TRANSIENT, RN_TRANSIENT, NULL, IMPATIENT},
};

Test(scenarios, slow_and_endless)
{
    PLAY(endless, "jsonl");
}

Test(scenarios, what_is_there_may_be_more_than_is_allowed_now)
{
    struct scenario what = {"range-any-total", OK, RN_OVERSIZE};
    struct stage s;
    stage_up(&s, "jsonl", &what);
    cr_assert_eq(server_fault(s.rig.server, "/file", "half-chunked"), 0);
    cr_expect_neq(rig_fetch(&s.rig), RN_OK);
    s.rig.file.expect.max_size = 100;
    server_heal(s.rig.server);
    server_fault(s.rig.server, "/file", what.kind);
    judge(&s, &what, "resumed", rig_fetch(&s.rig), what.resume);
    stage_down(&s);
}

static const struct scenario archives[] = {
    {"ok", OK, OK},
    {"html", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"403-xml", RN_REFUSED, RN_REFUSED},
    {"cut", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-close", RN_TRUNCATED, RN_TRUNCATED, "half-bare"}, /* no end of the directory */
    {"wrong-length", RN_TRUNCATED, RN_TRUNCATED, "half-bare"},
    {"nul", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"flip", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"gzip-bare", RN_MALFORMED, RN_MALFORMED, "half-bare"},
};

Test(scenarios, zips)
{
    PLAY(archives, "zip");
}

static const struct scenario streams[] = {
    {"ok", OK, OK},
    {"cut", RN_TRUNCATED, RN_TRUNCATED},
    {"cut-close", RN_TRUNCATED, RN_TRUNCATED, "half-bare"}, /* a whole answer; the stream is cut */
    {"one-less", RN_TRUNCATED, RN_TRUNCATED, "half-bare"},
    {"cut-close", RN_TRUNCATED, RN_TRUNCATED, "half-bare", PINNED},
    {"flip", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"html", RN_ERROR_PAGE, RN_ERROR_PAGE},
};

Test(scenarios, gzip_and_packed_tar)
{
    PLAY(streams, "gzip");
    PLAY(streams, "tar");
}

static const struct scenario parquets[] = {
    {"ok", OK, OK},
    {"200-xml", RN_ERROR_PAGE, RN_ERROR_PAGE},
    {"lfs", RN_LFS_POINTER, RN_LFS_POINTER},
    {"cut-close", RN_TRUNCATED, RN_TRUNCATED, "half-bare"},
    {"one-less", RN_TRUNCATED, RN_TRUNCATED, "half-bare"},
    {"bad-footer", RN_MALFORMED, RN_MALFORMED, "half-bare"},
    {"twice", RN_DIGEST, RN_OVERSIZE, "half-bare", PINNED}, /* its last footer is right */
};

Test(scenarios, parquets)
{
    PLAY(parquets, "parquet");
}

/* --- TLS: who may speak for localhost --- */

static const struct tls_scenario {
    const char *what;
    enum ca_fault fault;
    bool tls_1_0, unknown_ca;
    const char *kind;
    enum rn_verdict fresh, resume;
} handshakes[] = {
    {"good", CA_GOOD, false, false, "ok", OK, OK},
    {"another name", CA_OTHER_NAME, false, false, "ok", RN_INTERCEPTED, RN_INTERCEPTED},
    {"expired", CA_EXPIRED, false, false, "ok", RN_INTERCEPTED, RN_INTERCEPTED},
    {"not yet valid", CA_NOT_YET, false, false, "ok", RN_INTERCEPTED, RN_INTERCEPTED},
    {"self-signed", CA_SELF_SIGNED, false, false, "ok", RN_INTERCEPTED, RN_INTERCEPTED},
    {"unknown authority", CA_GOOD, false, true, "ok", RN_INTERCEPTED, RN_INTERCEPTED},
    {"TLS 1.0", CA_GOOD, true, false, "ok", RN_TRANSIENT, RN_TRANSIENT},
    {"403 through TLS", CA_GOOD, false, false, "403-xml", RN_REFUSED, RN_REFUSED},
    {"no length, no close_notify", CA_GOOD, false, false, "cut-close", RN_MALFORMED, RN_TRUNCATED},
    {"reset midway", CA_GOOD, false, false, "reset-midway", RN_TRANSIENT, RN_TRANSIENT},
    {"redirect", CA_GOOD, false, false, "redirect", OK, OK},
    {"redirect to plain http on loopback", CA_GOOD, false, false, "redirect-other", OK, OK},
    {"redirect to plain http elsewhere", CA_GOOD, false, false, "redirect-http", RN_INTERCEPTED,
     RN_INTERCEPTED},
};

/* Half of the file, over plain http: a pin lets another url go on with it. */
static void take_half(struct stage *s)
{
    s->rig.file.sha256 = s->digest[0];
    server_fault(s->rig.server, "/file", "cut");
    cr_expect_neq(rig_fetch(&s->rig), RN_OK);
}

static void play_tls(const struct tls_scenario *t, const struct ca_leaf *leaf, bool resume)
{
    enum rn_verdict wanted = resume ? t->resume : t->fresh;
    struct scenario what = {t->what, t->fresh, t->resume};
    struct stage s;
    stage_up(&s, "jsonl", &what);
    if (resume)
        take_half(&s);
    struct server *tls = server_start_tls(s.rig.www, 0, leaf, t->tls_1_0);
    char *url = rn_xprintf("%s/file", server_url(tls));
    server_set_other(tls, server_url(s.other));
    s.rig.sources[0].url = url;
    cr_assert_eq(server_fault(tls, "/file", t->kind), 0);
    judge(&s, &what, resume ? "resumed over TLS" : "over TLS", rig_fetch(&s.rig), wanted);
    if (resume && wanted == OK)
        cr_expect_gt(server_ranged(tls), 0, "%s: the half was not gone on with", t->what);
    server_stop(tls);
    free(url);
    stage_down(&s);
}

Test(scenarios, tls)
{
    char dir[] = "/tmp/runnel-ca-XXXXXX";
    cr_assert(mkdtemp(dir));
    char *pem = rn_join(dir, "ca.pem"), *other = rn_join(dir, "other.pem");
    struct ca *ca = ca_new(pem), *stranger = ca_new(other);
    setenv("SSL_CERT_FILE", pem, 1);
    unsetenv("CURL_CA_BUNDLE");
    for (size_t i = 0; i < RN_COUNT(handshakes); i++) {
        const struct tls_scenario *t = &handshakes[i];
        struct ca_leaf leaf = ca_leaf(t->unknown_ca ? stranger : ca, t->fault);
        play_tls(t, &leaf, false);
        play_tls(t, &leaf, true);
        ca_leaf_release(&leaf);
    }
    ca_free(ca);
    ca_free(stranger);
    rn_remove_tree(dir, NULL);
    free(pem);
    free(other);
}

/* --- where nobody answers as expected --- */

static void expect_verdict(const char *what, const char *url, enum rn_verdict wanted)
{
    struct scenario row = {what, wanted, wanted};
    struct stage s;
    stage_up(&s, "jsonl", &row);
    char *whole =
        strchr(url, '%') ? rn_xprintf("https%s/file", server_url(s.rig.server) + 4) : rn_xdup(url);
    s.rig.sources[0].url = whole;
    judge(&s, &row, "alone", rig_fetch(&s.rig), wanted);
    free(whole);
    stage_down(&s);
}

Test(scenarios, nobody_there)
{
    expect_verdict("https to a plain port", "%", RN_TRANSIENT);
    expect_verdict("connection refused", "http://127.0.0.1:1/file", RN_TRANSIENT);
    expect_verdict("no such host", "https://nobody.invalid/file", RN_TRANSIENT);
}

/* --- secrets --- */

Test(scenarios, a_token_does_not_follow_a_redirect_to_another_host)
{
    struct scenario what = {"redirect-other", OK, OK};
    struct stage s;
    stage_up(&s, "jsonl", &what);
    char *netrc = rn_join(s.rig.dir, "netrc");
    const char text[] = "machine 127.0.0.1 login me password hunter2\n";
    cr_assert_eq(rn_file_write(netrc, text, strlen(text), NULL), RN_OK);
    chmod(netrc, 0600);
    struct rn_who who = {.netrc_path = netrc};
    s.rig.fetcher.who = &who;
    s.rig.sources[0].auth = RN_AUTH_NETRC;
    server_fault(s.rig.server, "/file", "redirect-other");
    cr_assert_eq(rig_fetch(&s.rig), RN_OK, "%s", s.rig.err.msg);
    cr_expect(server_heard(s.rig.server, "Authorization: Basic "), "the host itself gets it");
    cr_expect(!server_heard(s.other, "Authorization"), "the other host got it");
    free(netrc);
    stage_down(&s);
}

Test(scenarios, there_are_at_least_80)
{
    size_t n = RN_COUNT(errors) + RN_COUNT(lengths) + RN_COUNT(framing) + RN_COUNT(ranges) +
               RN_COUNT(versions) + RN_COUNT(redirects) + RN_COUNT(endless) + RN_COUNT(archives) +
               RN_COUNT(streams) + RN_COUNT(parquets);
    fprintf(stderr, "%zu scenarios and %zu handshakes, each fresh and on resume\n", n,
            RN_COUNT(handshakes));
    cr_assert_geq(n, 80);
}
