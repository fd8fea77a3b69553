/* str.h - a growable byte string, always NUL-terminated.
 *
 *     struct rn_str s = {0};
 *     rn_str_printf(&s, "%s.%d", name, i);
 *     use(s.p, s.n);
 *     rn_str_release(&s);
 *
 * Appends cannot fail (see mem.h); callers cap what comes from outside before appending it. */
#ifndef RN_STR_H
#define RN_STR_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rn_str {
    char *p; /* NULL or NUL-terminated at p[n] */
    size_t n, cap;
};
void rn_str_add(struct rn_str *, const void *bytes, size_t n);
void rn_str_puts(struct rn_str *, const char *s);
void rn_str_putc(struct rn_str *, char c);
/* A word as a shell reads it: in quotes where it must be. */
void rn_str_shell(struct rn_str *, const char *word);
void rn_str_printf(struct rn_str *, const char *fmt, ...) RN_PRINTF(2, 3);
void rn_str_clear(struct rn_str *); /* length 0, keeps the buffer */
void rn_str_release(struct rn_str *);

/* As much of the text as fits, always ended. */
void rn_copy_text(char *to, size_t cap, const char *text);
bool rn_starts_with(const char *s, const char *prefix);
bool rn_ends_with(const char *s, const char *suffix);

/* True if the n bytes are valid UTF-8 (no surrogates, no overlongs, at most U+10FFFF). */
bool rn_utf8_valid(const void *bytes, size_t n);
/* Code point at p < end, its length in *len; an invalid byte gives U+FFFD with *len 1. */
uint32_t rn_utf8_next(const unsigned char *p, const unsigned char *end, int *len);
/* What a text from outside must not bring before a reader: control characters (C0 but newline and
 * tab, DEL, C1) and those that turn the order of what stands around them. */
bool rn_is_control(uint32_t code_point);

/* The shorter of 15 and 17 digits that gives the same number. Written to buf, which is returned. */
const char *rn_show_real(char buf[32], double value);
/* Sizes for people: "3.2 MiB", "12.5 M", "1 h 03 min", from 100 hours on
 * "4 d 04 h". Written to buf, which is returned. */
const char *rn_show_bytes(char buf[32], double size_bytes);
const char *rn_show_count(char buf[32], double count);
const char *rn_show_time(char buf[32], double seconds);
/* A moment (seconds since 1970) as a clock here shows it, seen from now_s: "21:40" today, "Sat
 * 21:40" within six days, otherwise "2026-12-03 21:40". */
const char *rn_show_moment(char buf[32], double time_s, double now_s);

#endif
