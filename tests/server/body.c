#include "body.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* --- honest --- */

static void name_version(struct body *b)
{
    unsigned long crc = crc32(0, (const unsigned char *)b->whole, (unsigned)b->whole_bytes);
    snprintf(b->etag, sizeof b->etag, "\"%08lx-%zx\"", crc, b->whole_bytes);
}

static void set_bytes(struct body *b, const void *bytes, size_t n)
{
    char *copy = malloc(n + 1);
    memcpy(copy, bytes, n);
    free(b->bytes);
    b->bytes = copy;
    b->n = n;
    b->declared = (long long)n;
}

static void cut_range(struct body *b, long long first, long long last)
{
    b->status = 206;
    b->first = first;
    b->last = last;
    b->total = (long long)b->whole_bytes;
    set_bytes(b, b->whole + first, (size_t)(last - first + 1));
}

static void answer_honestly(const struct conn *c, bool ignore_if_range, struct body *b)
{
    long long end = (long long)b->whole_bytes - 1;
    bool ranged =
        c->first >= 0 && (ignore_if_range || !c->if_range[0] || strcmp(c->if_range, b->etag) == 0 ||
                          (b->modified && strcmp(c->if_range, b->modified) == 0));
    b->status = 200;
    if (!ranged)
        set_bytes(b, b->whole, b->whole_bytes);
    else if (c->first <= end)
        cut_range(b, c->first, c->last < 0 || c->last > end ? end : c->last);
    else
        edit_416(b);
}

/* --- sending --- */

static bool put_head(struct conn *c, const struct body *b)
{
    static const char *const reason[] = {"OK", "Partial Content", "Range Not Satisfiable"};
    if (!conn_printf(c, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%s", b->status,
                     reason[b->status == 206   ? 1
                            : b->status == 416 ? 2
                                               : 0],
                     b->type, c->keeps ? "" : "Connection: close\r\n", b->more))
        return false;
    if (b->etag[0])
        conn_printf(c, "ETag: %s\r\n", b->etag);
    if (b->modified)
        conn_printf(c, "Last-Modified: %s\r\n", b->modified);
    if (b->status == 416 && strcmp(b->content_range, "-") != 0)
        conn_printf(c, "Content-Range: bytes */%lld\r\n", b->total);
    else if (b->content_range[0] && strcmp(b->content_range, "-") != 0)
        conn_printf(c, "Content-Range: %s\r\n", b->content_range);
    else if (b->status == 206 && !b->content_range[0])
        conn_printf(c, "Content-Range: bytes %lld-%lld/%lld\r\n", b->first, b->last, b->total);
    if (b->framing == CHUNKED)
        conn_printf(c, "Transfer-Encoding: chunked\r\n");
    else if (b->declared >= 0)
        conn_printf(c, "Content-Length: %lld\r\n", b->declared);
    return conn_printf(c, "\r\n");
}

static void put_chunks(struct conn *c, const struct body *b)
{
    size_t half = b->n / 2;
    conn_printf(c, "%zx\r\n", half);
    conn_put(c, b->bytes, half);
    if (b->chunk_line)
        conn_printf(c, "\r\n%s", b->chunk_line);
    else
        conn_printf(c, "\r\n%zx\r\n", b->n - half);
    conn_put(c, b->bytes + half, b->n - half);
    if (!b->no_end)
        conn_printf(c, "\r\n0\r\n\r\n");
}

/* What the file PATH.headers holds: more header lines for PATH, each with its end; or NULL. */
static char *headers_beside(const struct conn *c)
{
    struct conn beside = *c;
    size_t n;
    snprintf(beside.path, sizeof beside.path, "%.500s.headers", c->path);
    char *lines = conn_file(&beside, &n);
    if (lines)
        lines[n] = '\0';
    return lines;
}

void give_file(struct conn *c, const struct kind *k)
{
    char path[MAX_PATH];
    size_t n;
    snprintf(path, sizeof path, "%s", c->path);
    if (k->other_version)
        snprintf(c->path, sizeof c->path, "%.500s.b", path);
    char *whole = conn_file(c, &n);
    if (!whole) {
        conn_printf(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\nno such file\n");
        return;
    }
    char *more = headers_beside(c);
    struct body b = {.whole = whole,
                     .whole_bytes = n,
                     .declared = -1,
                     .modified = "Wed, 01 Jan 2025 00:00:00 GMT",
                     .type = "application/octet-stream",
                     .more = more ? more : ""};
    name_version(&b);
    answer_honestly(c, k->ignore_if_range, &b);
    k->edit(&b);
    if (put_head(c, &b) && strncmp(c->request, "HEAD", 4) != 0) {
        if (b.framing == CHUNKED)
            put_chunks(c, &b);
        else
            conn_put(c, b.bytes, b.n);
        while (b.stall && conn_nap(c, 20))
            ;
        if (b.reset)
            conn_reset(c);
    }
    free(b.bytes);
    free(more);
    free(whole);
}

/* --- edits: length --- */

void edit_nothing(struct body *b)
{
    (void)b;
}

void edit_cut_half(struct body *b)
{
    b->n /= 2;
}

void edit_cut_all(struct body *b)
{
    b->n = 0;
}

void edit_cut_to_one(struct body *b)
{
    b->n = 1;
}

void edit_cut_last(struct body *b)
{
    b->n -= b->n > 0;
}

void edit_no_length(struct body *b)
{
    b->declared = -1;
}

void edit_close_half(struct body *b)
{
    b->n /= 2;
    b->declared = -1;
}

void edit_short_length(struct body *b)
{
    b->n /= 2;
    b->declared = (long long)b->n;
}

void edit_long_length(struct body *b)
{
    b->declared += 100;
}

static void append(struct body *b, const char *text, size_t n)
{
    b->bytes = realloc(b->bytes, b->n + n + 1);
    memcpy(b->bytes + b->n, text, n);
    b->n += n;
}

static void prepend(struct body *b, const char *text, size_t n)
{
    b->bytes = realloc(b->bytes, b->n + n + 1);
    memmove(b->bytes + n, b->bytes, b->n);
    memcpy(b->bytes, text, n);
    b->n += n;
    b->declared = (long long)b->n;
}

void edit_beyond_length(struct body *b)
{
    append(b, "{\"text\": \"smuggled\"}\n", 21);
}

void edit_one_more(struct body *b)
{
    append(b, "x", 1);
    b->declared++;
}

void edit_one_less(struct body *b)
{
    b->n--;
    b->declared--;
}

void edit_empty(struct body *b)
{
    set_bytes(b, "", 0);
}

void edit_reset(struct body *b)
{
    b->n /= 2;
    b->reset = true;
}

void edit_stall_late(struct body *b)
{
    b->n -= b->n / 100 + 1;
    b->stall = true;
}

/* --- edits: content --- */

void edit_flip(struct body *b)
{
    if (b->n > 4)
        b->bytes[b->n - 4] ^= 1;
}

void edit_bom(struct body *b)
{
    prepend(b, "\xEF\xBB\xBF", 3);
}

void edit_nul(struct body *b)
{
    b->bytes[b->n / 2] = '\0';
}

void edit_junk_before(struct body *b)
{
    prepend(b, "<!-- cached by a helpful proxy -->\n<html>", 41);
}

void edit_truncate_row(struct body *b)
{
    while (b->n > 1 && b->bytes[b->n - 2] != '\n')
        b->n--;
    b->n--;
    b->declared = (long long)b->n;
}

void edit_twice(struct body *b)
{
    append(b, b->whole, b->whole_bytes);
    b->declared = (long long)b->n;
}

/* The length of a parquet footer stands before its last four bytes. */
void edit_bad_footer(struct body *b)
{
    if (b->n > 8)
        memset(b->bytes + b->n - 8, 0x7F, 4);
}

void edit_type_html(struct body *b)
{
    b->type = "text/html; charset=utf-8";
}

void edit_utf16(struct body *b)
{
    static const char page[] = "<!DOCTYPE html><html><title>Sign in</title></html>\n";
    char wide[2 * sizeof page] = "\xFF\xFE";
    for (size_t i = 0; page[i]; i++) {
        wide[2 + 2 * i] = page[i];
        wide[3 + 2 * i] = '\0';
    }
    set_bytes(b, wide, 2 * sizeof page);
}

/* --- edits: packing --- */

static void compress_once(struct body *b)
{
    z_stream z = {0};
    deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    size_t cap = deflateBound(&z, (unsigned long)b->n);
    char *out = malloc(cap);
    z.next_in = (unsigned char *)b->bytes;
    z.avail_in = (unsigned)b->n;
    z.next_out = (unsigned char *)out;
    z.avail_out = (unsigned)cap;
    deflate(&z, Z_FINISH);
    set_bytes(b, out, cap - z.avail_out);
    deflateEnd(&z);
    free(out);
}

void edit_gzip_bare(struct body *b)
{
    b->status = 200;
    set_bytes(b, b->whole, b->whole_bytes);
    compress_once(b);
}

void edit_gzip(struct body *b)
{
    edit_gzip_bare(b);
    b->more = "Content-Encoding: gzip\r\n";
}

void edit_gzip_twice(struct body *b)
{
    edit_gzip(b);
    compress_once(b);
}

void edit_gzip_cut(struct body *b)
{
    edit_gzip(b);
    b->n /= 2;
    b->declared = (long long)b->n;
}

void edit_gzip_bomb(struct body *b)
{
    size_t n = 8 << 20;
    char *zeros = calloc(1, n);
    set_bytes(b, zeros, n);
    free(zeros);
    compress_once(b);
    b->status = 200;
    b->more = "Content-Encoding: gzip\r\n";
}

void edit_identity(struct body *b)
{
    b->more = "Content-Encoding: identity\r\n";
}

void edit_wrong_encoding(struct body *b)
{
    b->more = "Content-Encoding: br\r\n";
}

/* --- edits: framing --- */

void edit_chunked(struct body *b)
{
    b->framing = CHUNKED;
}

static void break_chunk(struct body *b, const char *line)
{
    b->framing = CHUNKED;
    b->chunk_line = line;
}

void edit_chunk_garbage(struct body *b)
{
    break_chunk(b, "ZZZ\r\n");
}

void edit_chunk_huge(struct body *b)
{
    break_chunk(b, "8000000000000000\r\n");
}

void edit_chunk_negative(struct body *b)
{
    break_chunk(b, "-5\r\n");
}

void edit_chunk_short(struct body *b)
{
    break_chunk(b, "10\r\n");
}

void edit_chunk_long(struct body *b)
{
    break_chunk(b, "fffffff\r\n");
}

void edit_chunk_cut(struct body *b)
{
    break_chunk(b, "1");
    b->n = b->n / 2 * 2;
    b->reset = b->no_end = true;
}

void edit_chunk_no_end(struct body *b)
{
    b->framing = CHUNKED;
    b->no_end = true;
}

void edit_chunk_half(struct body *b)
{
    edit_chunk_no_end(b);
    b->n /= 2;
}

void edit_chunked_and_length(struct body *b)
{
    b->framing = CHUNKED;
    b->more = "Content-Length: 7\r\n";
}

/* --- edits: versions --- */

void edit_weak(struct body *b)
{
    char strong[sizeof b->etag];
    memcpy(strong, b->etag, sizeof strong);
    snprintf(b->etag, sizeof b->etag, "W/%.60s", strong);
}

void edit_half_weak(struct body *b)
{
    edit_weak(b);
    b->modified = NULL;
    b->n /= 2;
}

void edit_half_bare(struct body *b)
{
    b->etag[0] = '\0';
    b->modified = NULL;
    b->n /= 2;
}

static void make_dated(struct body *b, const char *modified)
{
    b->etag[0] = '\0';
    b->modified = modified;
    b->more = "Date: Fri, 02 Jan 2026 00:00:00 GMT\r\n";
}

void edit_half_dated(struct body *b)
{
    make_dated(b, "Wed, 01 Jan 2025 00:00:00 GMT");
    b->n /= 2;
}

void edit_dated_later(struct body *b)
{
    make_dated(b, "Thu, 01 Jan 2026 00:00:00 GMT");
    edit_range_any_total(b);
}

void edit_fixed(struct body *b)
{
    snprintf(b->etag, sizeof b->etag, "\"always-the-same\"");
}

void edit_half_fixed(struct body *b)
{
    edit_fixed(b);
    b->n /= 2;
}

/* --- edits: ranges --- */

void edit_range_ignored(struct body *b)
{
    b->status = 200;
    set_bytes(b, b->whole, b->whole_bytes);
}

void edit_range_lower(struct body *b)
{
    if (b->status == 206)
        cut_range(b, b->first > 100 ? b->first - 100 : 0, b->last);
}

void edit_range_higher(struct body *b)
{
    if (b->status == 206 && b->first + 100 <= b->last)
        cut_range(b, b->first + 100, b->last);
}

/* Says what was asked for and sends what lies 100 bytes before. */
void edit_range_shifted(struct body *b)
{
    if (b->status == 206 && b->first >= 100)
        set_bytes(b, b->whole + b->first - 100, b->n);
}

void edit_range_other_total(struct body *b)
{
    b->total += 1000;
}

void edit_range_short(struct body *b)
{
    if (b->status == 206)
        cut_range(b, b->first, b->first + (b->last - b->first) / 2);
}

void edit_range_garbage(struct body *b)
{
    if (b->status == 206)
        snprintf(b->content_range, sizeof b->content_range, "bytes many-more/enough");
}

void edit_range_none(struct body *b)
{
    snprintf(b->content_range, sizeof b->content_range, "-");
}

void edit_range_multipart(struct body *b)
{
    static const char part[] = "--SEAM\r\nContent-Range: bytes 0-9/100\r\n\r\n";
    if (b->status != 206)
        return;
    edit_range_none(b);
    b->type = "multipart/byteranges; boundary=SEAM";
    prepend(b, part, sizeof part - 1);
}

void edit_unasked_206(struct body *b)
{
    if (b->status == 200)
        cut_range(b, 0, (long long)b->whole_bytes / 2 - 1);
}

void edit_416(struct body *b)
{
    b->status = 416;
    b->total = (long long)b->whole_bytes;
    set_bytes(b, "no such range\n", 14);
}

/* A file that would end just where the asked range begins. */
void edit_416_there(struct body *b)
{
    if (b->status == 206) {
        long long first = b->first;
        edit_416(b);
        b->total = first;
    }
}

void edit_range_any_total(struct body *b)
{
    if (b->status == 206)
        snprintf(b->content_range, sizeof b->content_range, "bytes %lld-%lld/*", b->first, b->last);
}

void edit_416_stale(struct body *b)
{
    if (b->status == 206) {
        edit_416(b);
        b->total = 7;
    }
}
