/* tests/server/body.h - the honest answer for a file, and what may be done to it before it goes. */
#ifndef BODY_H
#define BODY_H

#include "conn.h"

enum framing { PLAIN, CHUNKED };

struct body {
    const char *whole; /* the file */
    size_t whole_bytes;
    char *bytes; /* that will be sent; owned */
    size_t n;
    long long declared;           /* Content-Length; -1: none */
    int status;                   /* 200, 206 or 416 */
    long long first, last, total; /* Content-Range of a 206 */
    char content_range[96];       /* instead of one made of the three; "-": none */
    char etag[64];                /* "": none */
    const char *modified;         /* NULL: none */
    const char *type, *more;      /* more header lines, each with its end */
    enum framing framing;
    const char *chunk_line; /* CHUNKED: instead of the size of the second chunk */
    bool no_end;            /* CHUNKED: without the last, empty chunk */
    bool reset;             /* after the bytes */
    bool stall;             /* after the bytes, until the other side goes */
};

void give_file(struct conn *, const struct kind *);

/* Edits, for the table of kinds. */
typedef void edit_fn(struct body *);
edit_fn edit_nothing, edit_cut_half, edit_cut_all, edit_cut_to_one, edit_cut_last, edit_close_half,
    edit_no_length, edit_short_length, edit_long_length, edit_beyond_length, edit_one_more,
    edit_one_less, edit_flip, edit_empty, edit_bom, edit_half_weak, edit_half_bare, edit_half_fixed,
    edit_fixed, edit_chunked, edit_chunk_garbage, edit_chunk_huge, edit_chunk_short,
    edit_chunk_long, edit_chunk_negative, edit_chunk_cut, edit_chunk_no_end, edit_chunk_half,
    edit_chunked_and_length, edit_range_lower, edit_range_ignored, edit_range_other_total,
    edit_range_higher, edit_range_short, edit_range_garbage, edit_range_none, edit_range_multipart,
    edit_range_shifted, edit_unasked_206, edit_416, edit_416_stale, edit_416_there,
    edit_range_any_total, edit_half_dated, edit_dated_later, edit_gzip, edit_gzip_bare,
    edit_gzip_twice, edit_gzip_cut, edit_gzip_bomb, edit_identity, edit_wrong_encoding,
    edit_type_html, edit_utf16, edit_reset, edit_stall_late, edit_junk_before, edit_truncate_row,
    edit_twice, edit_nul, edit_weak, edit_bad_footer;

#endif
