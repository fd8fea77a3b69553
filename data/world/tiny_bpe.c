/* tiny_bpe.c - a tokenizer in GPT-2's files, of the words that the tiny world uses. */
#include "tiny_parts.h"

#include "file.h"
#include "json.h"
#include "mem.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DOCUMENTS = 500 };

struct merges {
    struct rn_str *tokens; /* in GPT-2's visible alphabet; 0..255 the bytes, then one a merge */
    size_t n, cap;
    struct rn_str bpe; /* vocab.bpe so far */
};

static void add_token(struct merges *v, const char *text_of, size_t n)
{
    struct rn_str s = {0};
    rn_str_add(&s, text_of, n);
    RN_PUSH(v->tokens, v->n, v->cap, s);
}

static bool visible(int byte)
{
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* GPT-2 writes a byte as a character that can be seen: itself, or one from U+0100 on. */
static void add_bytes(struct merges *v)
{
    for (int pass = 0; pass < 2; pass++) {
        int hidden = 0x100;
        for (int byte = 0; byte < 256; byte++) {
            if (visible(byte) != (pass == 0))
                continue;
            int c = pass == 0 ? byte : hidden++;
            char utf8[2] = {(char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F))};
            if (c < 0x80)
                add_token(v, (char[]){(char)c}, 1);
            else
                add_token(v, utf8, 2);
        }
    }
}

static bool has_token(const struct merges *v, const char *s, size_t n)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->tokens[i].n == n && memcmp(v->tokens[i].p, s, n) == 0)
            return true;
    return false;
}

/* Merges that build " word" from the left, letter by letter. U+0120 stands for the blank. */
static void add_word(struct merges *v, const char *word, size_t n)
{
    struct rn_str token = {0};
    rn_str_puts(&token, "\xC4\xA0");
    for (size_t i = 0; i < n; i++) {
        size_t left = token.n;
        rn_str_putc(&token, word[i]);
        if (has_token(v, token.p, token.n))
            continue;
        rn_str_printf(&v->bpe, "%.*s %c\n", (int)left, token.p, word[i]);
        add_token(v, token.p, token.n);
    }
    rn_str_release(&token);
}

static void add_words(struct merges *v, const char *p)
{
    while (*p) {
        size_t n = 0;
        while (isalpha((unsigned char)p[n]))
            n++;
        if (n)
            add_word(v, p, n);
        p += n ? n : 1;
    }
}

static void make_merges(struct merges *v)
{
    struct rn_tiny_maker m;
    struct rn_str doc = {0};
    *v = (struct merges){0};
    rn_str_puts(&v->bpe, "#version: 0.2\n");
    add_bytes(v);
    rn_tiny_init(&m, "vocab.bpe");
    for (int i = 0; i < DOCUMENTS; i++) {
        rn_str_clear(&doc);
        rn_tiny_document(&m, &doc);
        add_words(v, doc.p);
    }
    rn_str_release(&doc);
    rn_tiny_release(&m);
}

static void merges_release(struct merges *v)
{
    for (size_t i = 0; i < v->n; i++)
        rn_str_release(&v->tokens[i]);
    free(v->tokens);
    rn_str_release(&v->bpe);
}

int rn_tiny_write_bpe(const char *name, const char *path, struct rn_err *err)
{
    (void)name;
    struct merges v;
    make_merges(&v);
    int rc = rn_file_write(path, v.bpe.p, v.bpe.n, err);
    merges_release(&v);
    return rc;
}

int rn_tiny_write_encoder(const char *name, const char *path, struct rn_err *err)
{
    (void)name;
    struct merges v;
    struct rn_str out = {0};
    json_t *ids = json_object();
    make_merges(&v);
    for (size_t i = 0; i < v.n; i++)
        json_object_set_new(ids, v.tokens[i].p, json_integer((json_int_t)i));
    json_object_set_new(ids, "<|endoftext|>", json_integer((json_int_t)v.n));
    rn_tiny_add_line(&out, ids);
    merges_release(&v);
    return rn_tiny_write(path, &out, err);
}
