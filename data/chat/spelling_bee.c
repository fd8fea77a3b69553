#include "spelling_bee.h"

#include "jsonl.h"
#include "mt19937.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 100, WORDS_MAX = 1 << 22 };

struct word {
    uint32_t at, n; /* in text */
};
struct rn_spelling {
    struct rn_str text;
    struct word *words;
    size_t n, cap;
    int64_t *simple_order; /* SimpleSpelling draws from the words shuffled by Random(42) */
    char digest[RN_HEX];
};

/* --- the words --- */

static int add_word(struct rn_spelling *s, const char *line, size_t n, struct rn_place at,
                    struct rn_err *err)
{
    for (size_t i = 0; i < n; i++)
        if (line[i] < 'a' || line[i] > 'z')
            return rn_fail(err, RN_ECORRUPT, at, "not a word of letters a to z");
    if (n > WORD_MAX || s->n == WORDS_MAX)
        return rn_fail(err, RN_ECORRUPT, at, "a word of %zu letters, at most %d; %d words at most",
                       n, WORD_MAX, WORDS_MAX);
    struct word w = {(uint32_t)s->text.n, (uint32_t)n};
    rn_str_add(&s->text, line, n);
    rn_str_putc(&s->text, '\n');
    RN_PUSH(s->words, s->n, s->cap, w);
    return RN_OK;
}

static int read_words(struct rn_spelling *s, struct rn_jsonl *lines, struct rn_err *err)
{
    const char *line;
    size_t n;
    for (;;) {
        RN_TRY(rn_jsonl_next_line(lines, &line, &n, err));
        if (!line)
            return RN_OK;
        RN_TRY(add_word(s, line, n, rn_jsonl_place(lines), err));
    }
}

static void order_simple(struct rn_spelling *s)
{
    struct rn_mt r;
    s->simple_order = rn_xalloc(s->n * sizeof *s->simple_order);
    for (size_t i = 0; i < s->n; i++)
        s->simple_order[i] = (int64_t)i;
    rn_mt_seed(&r, 42);
    rn_mt_shuffle(&r, s->simple_order, s->n);
}

static int load(struct rn_spelling *s, const char *path, struct rn_err *err)
{
    struct rn_jsonl *lines;
    RN_TRY(rn_jsonl_open(&lines, path, err));
    int rc = read_words(s, lines, err);
    rn_jsonl_free(lines);
    RN_TRY(rc);
    if (s->n == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no word in it");
    order_simple(s);
    rn_sha256_hex(s->text.p, s->text.n, s->digest);
    return RN_OK;
}

int rn_spelling_open(struct rn_spelling **out, const char *path, struct rn_err *err)
{
    struct rn_spelling *s = rn_new(struct rn_spelling);
    int rc = load(s, path, err);
    if (rc != RN_OK) {
        rn_spelling_free(s);
        s = NULL;
    }
    *out = s;
    return rc;
}

void rn_spelling_free(struct rn_spelling *s)
{
    if (!s)
        return;
    rn_str_release(&s->text);
    free(s->words);
    free(s->simple_order);
    free(s);
}

const char *rn_spelling_digest(const struct rn_spelling *s)
{
    return s->digest;
}

static void say(struct rn_conversation *c, const struct rn_str *s)
{
    rn_conversation_say(c, s->p, s->n);
}

static void put_spelled(struct rn_str *out, const char *word, size_t n)
{
    rn_str_printf(out, "%.*s:", (int)n, word);
    for (size_t i = 0; i < n; i++)
        rn_str_printf(out, "%s%c", i ? "," : "", word[i]);
}

/* --- SpellingBee --- */

/* nanochat's questions in its order, which a row's number draws from; \1 is the letter, \2 the
 * word. They must be these: what a model learns and is tested on is compared across programs. */
static const char *const questions[] = {
    "How many \1 are in the word \2",
    "How many \1 are in \2",
    "Count the number of \1 in \2",
    "How many times does \1 appear in \2",
    "What's the count of \1 in \2",
    "In the word \2, how many \1 are there",
    "How many letter \1 are in the word \2",
    "Count how many \1 appear in \2",
    "Tell me the number of \1 in \2",
    "How many occurrences of \1 are in \2",
    "Find the count of \1 in \2",
    "Can you count the \1 letters in \2",
    "What is the frequency of \1 in \2",
    "How many \1s are in \2",
    "How many \1's are in \2",
    "Count all the \1 in \2",
    "How many times is \1 in \2",
    "Number of \1 in \2",
    "Total count of \1 in \2",
    "How many \1 does \2 have",
    "How many \1 does \2 contain",
    "What's the number of \1 in \2",
    "\2 has how many \1",
    "In \2, count the \1",
    "How many \1 appear in \2",
    "Count the \1 in \2",
    "Give me the count of \1 in \2",
    "How many instances of \1 in \2",
    "Show me how many \1 are in \2",
    "Calculate the number of \1 in \2",
    "¿Cuántas \1 hay en \2?",
    "¿Cuántas veces aparece \1 en \2?",
    "Cuenta las \1 en \2",
    "¿Cuántas letras \1 tiene \2?",
    "\2中有多少个\1",
    "\2里有几个\1",
    "数一下\2中的\1",
    "\2这个词里有多少\1",
    "\2에 \1가 몇 개 있나요",
    "\2에서 \1의 개수는",
    "\2에 \1가 몇 번 나오나요",
    "\2라는 단어에 \1가 몇 개",
    "Combien de \1 dans \2",
    "Combien de fois \1 apparaît dans \2",
    "Compte les \1 dans \2",
    "Wie viele \1 sind in \2",
    "Wie oft kommt \1 in \2 vor",
    "Zähle die \1 in \2",
    "\2に\1は何個ありますか",
    "\2の中に\1がいくつ",
    "\2に\1が何回出てくる",
};

struct bee {
    const char *word;
    size_t n;
    char letter;
    int count;
};

static const char *quote(struct rn_mt *r)
{
    static const char *const quotes[] = {"", "'", "\""};
    return quotes[rn_mt_below(r, RN_COUNT(quotes))];
}

/* Nothing but A to Z has a small letter among the questions. */
static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The draws in nanochat's order: question, small letters, two quotes, question mark. */
static void ask(struct rn_conversation *c, const struct bee *b, struct rn_mt *r)
{
    struct rn_str s = {0};
    const char *question = questions[rn_mt_below(r, RN_COUNT(questions))];
    bool lazy = rn_mt_unit(r) < 0.3;
    const char *around_letter = quote(r), *around_word = quote(r);
    for (const char *p = question; *p; p++)
        if (*p == '\1')
            rn_str_printf(&s, "%s%c%s", around_letter, b->letter, around_letter);
        else if (*p == '\2')
            rn_str_printf(&s, "%s%.*s%s", around_word, (int)b->n, b->word, around_word);
        else
            rn_str_putc(&s, lazy ? small(*p) : *p);
    if (rn_mt_unit(r) < 0.5)
        rn_str_putc(&s, '?');
    say(c, &s);
    rn_str_release(&s);
}

static void part(struct rn_conversation *c, enum rn_part_kind kind, struct rn_str *s)
{
    rn_conversation_part(c, kind, s->p, s->n);
    rn_str_clear(s);
}

static void put_count_by_hand(struct rn_str *s, const struct bee *b)
{
    int found = 0;
    rn_str_printf(s,
                  "We are asked to find the number '%c' in the word '%.*s'. Let me try a manual "
                  "approach first.\n\nFirst spell the word out:\n",
                  b->letter, (int)b->n, b->word);
    put_spelled(s, b->word, b->n);
    rn_str_printf(s, "\n\nThen count the occurrences of '%c':\n", b->letter);
    for (size_t i = 0; i < b->n; i++) { /* no blank before the letter: it would be another token */
        rn_str_printf(s, "%zu:%c", i + 1, b->word[i]);
        if (b->word[i] == b->letter)
            rn_str_printf(s, " hit! count=%d", ++found);
        rn_str_putc(s, '\n');
    }
    rn_str_printf(s, "\nThis gives us %d.", found);
}

static void answer(struct rn_conversation *c, const struct bee *b)
{
    struct rn_str s = {0};
    rn_conversation_turn(c);
    put_count_by_hand(&s, b);
    part(c, RN_PART_TEXT, &s);
    rn_str_puts(&s, "\n\nLet me double check this using Python:\n\n");
    part(c, RN_PART_TEXT, &s);
    rn_str_printf(&s, "'%.*s'.count('%c')", (int)b->n, b->word, b->letter);
    part(c, RN_PART_PYTHON, &s);
    rn_str_printf(&s, "%d", b->count);
    part(c, RN_PART_OUTPUT, &s);
    rn_str_printf(&s, "\n\nPython gives us %d.\n\nMy final answer is:\n\n#### %d", b->count,
                  b->count);
    part(c, RN_PART_TEXT, &s);
    rn_str_release(&s);
}

void rn_spelling_bee(const struct rn_spelling *s, int64_t number, struct rn_conversation *c)
{
    struct rn_mt r;
    *c = (struct rn_conversation){0};
    rn_mt_seed(&r, (uint64_t)number);
    struct word w = s->words[rn_mt_below(&r, s->n)];
    struct bee b = {.word = s->text.p + w.at, .n = w.n};
    bool from_word = rn_mt_unit(&r) < 0.9;
    b.letter = from_word ? b.word[rn_mt_below(&r, b.n)] : (char)('a' + rn_mt_below(&r, 26));
    for (size_t i = 0; i < b.n; i++)
        b.count += b.word[i] == b.letter;
    ask(c, &b, &r);
    answer(c, &b);
}

/* --- SimpleSpelling --- */

void rn_spelling_simple(const struct rn_spelling *s, int64_t number, struct rn_conversation *c)
{
    struct rn_mt r;
    struct rn_str out = {0};
    *c = (struct rn_conversation){0};
    rn_mt_seed(&r, (uint64_t)number);
    struct word w = s->words[s->simple_order[rn_mt_below(&r, s->n)]];
    const char *word = s->text.p + w.at;
    rn_str_printf(&out, "Spell the word: %.*s", (int)w.n, word);
    say(c, &out);
    rn_str_clear(&out);
    put_spelled(&out, word, w.n);
    say(c, &out);
    rn_str_release(&out);
}
