/* Seams: where a piece may be cut before merging without another id. */
#include "bpe.h"
#include "encoder.h"
#include "mem.h"
#include "rng.h"

#include <criterion/criterion.h>
#include <string.h>

enum { PIECE_MAX = 200, VOCABULARIES = 40, PIECES = 100 };

/* Few characters, so that tokens of two and three of them are many: of three bytes, two and one,
 * some alike in their first bytes, some in their last. */
static const char *const characters[] = {"\u4E2D", "\u4E2E", "\u6587", "\u3042", "\u30A2",
                                         "\u00E9", "\u043B", "a",      "\u6F22", "\U0001F600"};

static size_t random_piece(char *out, uint64_t stream, size_t limit)
{
    uint64_t k = 0;
    size_t n = 0;
    while (n < limit) {
        const char *c = characters[rn_rand_below(stream, k++, RN_COUNT(characters))];
        memcpy(out + n, c, strlen(c));
        n += strlen(c);
    }
    return n;
}

/* Any stretches of bytes of such text, so that tokens begin and end within characters, too. */
static void random_vocab(struct rn_vocab *v, uint64_t stream)
{
    struct rn_err err = {0};
    char text[PIECE_MAX + 8];
    for (int b = 0; b < 256; b++)
        rn_vocab_add(v, &(unsigned char){(unsigned char)b}, 1, RN_NOWHERE, &err);
    size_t n = random_piece(text, stream, PIECE_MAX);
    int tokens = 5 + (int)rn_rand_below(stream, 1 << 20, 60);
    for (int i = 0; i < tokens; i++) {
        uint64_t k = (1 << 21) + 2 * (uint64_t)i;
        size_t size = 2 + rn_rand_below(stream, k, 7);
        const char *p = text + rn_rand_below(stream, k + 1, (uint32_t)(n - size));
        if (rn_vocab_rank(v, p, size) < 0)
            rn_vocab_add(v, p, size, RN_NOWHERE, &err);
    }
    cr_assert_eq(rn_vocab_seal(v, RN_NOWHERE, &err), RN_OK, "%s", err.msg);
}

static bool token_across(const struct rn_vocab *v, const char *piece, size_t n, size_t at)
{
    for (size_t from = 0; from < at; from++)
        for (size_t to = at + 1; to <= n; to++)
            if (rn_vocab_rank(v, piece + from, to - from) >= 0)
                return true;
    return false;
}

/* How many seams there were. */
static int check_piece(const struct rn_vocab *v, const char *piece, size_t n)
{
    struct rn_ids whole = {0}, parts = {0};
    int seams = 0;
    rn_bpe_join(v, (const unsigned char *)piece, n, RN_VOCAB_MAX_TOKENS, &whole);
    for (size_t at = 0, size; at < n; at += size) {
        const unsigned char *p = (const unsigned char *)piece + at;
        size = rn_seams_next(v->seams, p, n - at);
        cr_assert(size > 0 && size <= n - at);
        cr_assert(at == 0 || !token_across(v, piece, n, at), "byte %zu of %s", at, piece);
        rn_bpe_join(v, p, size, RN_VOCAB_MAX_TOKENS, &parts);
        seams += at > 0;
    }
    cr_assert_eq(parts.n, whole.n);
    cr_assert(memcmp(parts.p, whole.p, whole.n * sizeof *whole.p) == 0, "%s", piece);
    rn_ids_release(&whole);
    rn_ids_release(&parts);
    return seams;
}

Test(seams, no_token_stands_across_one_and_the_parts_have_the_ids_of_the_whole)
{
    int seams = 0;
    for (uint64_t round = 0; round < VOCABULARIES; round++) {
        struct rn_vocab v = {0};
        random_vocab(&v, rn_stream(round, "vocabulary"));
        for (uint64_t i = 0; i < PIECES; i++) {
            char piece[PIECE_MAX + 8] = "";
            uint64_t stream = rn_stream(round * PIECES + i, "piece");
            size_t n = random_piece(piece, stream, 1 + rn_rand_below(stream, 1 << 20, PIECE_MAX));
            seams += check_piece(&v, piece, n);
        }
        rn_vocab_release(&v);
    }
    cr_assert_gt(seams, 10 * PIECES, "seams were looked for in vain");
}

Test(seams, the_encoder_cuts_long_pieces_at_them_and_gives_the_same_ids)
{
    static const char *const patterns[] = {"nanochat", "gpt2", "cl100k"};
    struct rn_err err = {0};
    enum { TEXT = 20000 };
    char *text = rn_xalloc(TEXT + 8);
    for (size_t i = 0; i < RN_COUNT(patterns); i++) {
        struct rn_bpe_trainer *trainer = rn_bpe_trainer_new(patterns[i], 1);
        struct rn_tokenizer *t;
        struct rn_encoder *e;
        struct rn_ids fresh = {0}, cached = {0};
        rn_bpe_trainer_add(trainer, text, random_piece(text, rn_stream(i, "train"), TEXT / 20));
        cr_assert_eq(rn_bpe_trainer_finish(trainer, 60, NULL, NULL, NULL, &t, &err), RN_OK);
        cr_assert_eq(rn_encoder_new(&e, t, &err), RN_OK);
        size_t n = random_piece(text, rn_stream(i, "encode"), TEXT);
        rn_tokenizer_encode(t, text, n, &fresh);
        rn_encoder_encode(e, text, n, &cached);
        cr_assert_eq(cached.n, fresh.n);
        cr_assert(memcmp(cached.p, fresh.p, fresh.n * sizeof *fresh.p) == 0);
        rn_ids_release(&fresh);
        rn_ids_release(&cached);
        rn_encoder_free(e);
        rn_tokenizer_free(t);
        rn_bpe_trainer_free(trainer);
    }
    free(text);
}
