/* tiny_draw.c - what the files of the tiny world are drawn from. */
#include "tiny_parts.h"

#include "file.h"
#include "mem.h"
#include "rng.h"

#include <stdlib.h>

enum {
    OPTIONS = RN_TINY_OPTIONS,
    ASKABLE = RN_TINY_FACTS * (RN_WORLD_PHRASINGS - 1), /* questions that may be trained on */
    SUM_TOP = 12,                                       /* sums of two numbers below this */
    SEED = 20251,
};

uint32_t rn_tiny_below(struct rn_tiny_maker *m, uint32_t n)
{
    return rn_rand_below(m->stream, m->drawn++, n);
}

void rn_tiny_shuffle(struct rn_tiny_maker *m, int *items, int n)
{
    for (int i = n; i-- > 1;) {
        int j = (int)rn_tiny_below(m, (uint32_t)i + 1), t = items[i];
        items[i] = items[j];
        items[j] = t;
    }
}

static void deck_init(struct rn_tiny_deck *d, int n)
{
    d->cards = rn_xrealloc(NULL, (size_t)n, sizeof *d->cards);
    d->n = n;
    d->left = 0;
    for (int i = 0; i < n; i++)
        d->cards[i] = i;
}

int rn_tiny_deal(struct rn_tiny_maker *m, struct rn_tiny_deck *d)
{
    if (d->left == 0) {
        rn_tiny_shuffle(m, d->cards, d->n);
        d->left = d->n;
    }
    return d->cards[--d->left];
}

void rn_tiny_init(struct rn_tiny_maker *m, const char *file_name)
{
    *m = (struct rn_tiny_maker){.stream = rn_stream(SEED, file_name)};
    rn_world_init(&m->world);
    deck_init(&m->people, RN_WORLD_PEOPLE);
    deck_init(&m->questions, ASKABLE);
}

void rn_tiny_release(struct rn_tiny_maker *m)
{
    free(m->people.cards);
    free(m->questions.cards);
}

struct rn_tiny_ask rn_tiny_ask(struct rn_tiny_maker *m)
{
    int card = rn_tiny_deal(m, &m->questions), fact = card / (RN_WORLD_PHRASINGS - 1);
    struct rn_tiny_ask a = {.person = fact / RN_WORLD_ATTRIBUTES,
                            .attribute = fact % RN_WORLD_ATTRIBUTES};
    int skip = card % (RN_WORLD_PHRASINGS - 1) + 1;
    a.phrasing = (rn_world_held_out(a.person, a.attribute) + skip) % RN_WORLD_PHRASINGS;
    return a;
}

struct rn_tiny_ask rn_tiny_ask_held_out(int fact)
{
    struct rn_tiny_ask a = {.person = fact / RN_WORLD_ATTRIBUTES,
                            .attribute = fact % RN_WORLD_ATTRIBUTES};
    a.phrasing = rn_world_held_out(a.person, a.attribute);
    return a;
}

void rn_tiny_question(const struct rn_tiny_maker *m, struct rn_tiny_ask a, struct rn_str *out)
{
    rn_world_question(&m->world, a.person, a.attribute, a.phrasing, out);
}
void rn_tiny_answer(const struct rn_tiny_maker *m, struct rn_tiny_ask a, struct rn_str *out)
{
    rn_world_answer(&m->world, a.person, a.attribute, out);
}

int rn_tiny_options(struct rn_tiny_maker *m, struct rn_tiny_ask a, int values[OPTIONS])
{
    int all[RN_WORLD_VALUES], truth = m->world.fact[a.person][a.attribute], n = 0;
    for (int i = 0; i < RN_WORLD_VALUES; i++)
        if (i != truth)
            all[n++] = i;
    rn_tiny_shuffle(m, all, n);
    int gold = (int)rn_tiny_below(m, OPTIONS);
    for (int i = 0; i < OPTIONS; i++)
        values[i] = i == gold ? truth : all[i];
    return gold;
}

void rn_tiny_letter_question(struct rn_tiny_maker *m, struct rn_tiny_ask a, struct rn_str *out,
                             char *letter)
{
    int values[OPTIONS], gold = rn_tiny_options(m, a, values);
    rn_str_puts(out, "Multiple Choice question: ");
    rn_tiny_question(m, a, out);
    rn_str_putc(out, '\n');
    for (int i = 0; i < OPTIONS; i++) {
        rn_str_puts(out, "- ");
        rn_world_answer_with(a.attribute, values[i], out);
        rn_str_printf(out, "=%c\n", 'A' + i);
    }
    rn_str_puts(out, "\nRespond only with the letter of the correct answer.");
    *letter = (char)('A' + gold);
}

static bool sum_held_out(struct rn_tiny_sum s)
{
    return (s.a * 3 + s.b * 7) % 5 == 0;
}
struct rn_tiny_sum rn_tiny_sum(struct rn_tiny_maker *m, bool held_out)
{
    struct rn_tiny_sum s;
    do
        s = (struct rn_tiny_sum){(int)rn_tiny_below(m, SUM_TOP), (int)rn_tiny_below(m, SUM_TOP)};
    while (sum_held_out(s) != held_out);
    return s;
}

json_t *rn_tiny_text(const struct rn_str *s)
{
    return json_stringn(s->p, s->n);
}

void rn_tiny_add_line(struct rn_str *out, json_t *doc)
{
    char *line = json_dumps(doc, JSON_COMPACT);
    RN_ASSERT(line);
    rn_str_puts(out, line);
    rn_str_putc(out, '\n');
    free(line);
    json_decref(doc);
}

int rn_tiny_write(const char *path, struct rn_str *s, struct rn_err *err)
{
    int rc = rn_file_write(path, s->p, s->n, err);
    rn_str_release(s);
    return rc;
}

int rn_tiny_draw_more(struct rn_tiny_maker *m, int *kind)
{
    *kind = (int)rn_tiny_below(m, RN_WORLD_MORE);
    return (int)rn_tiny_below(m, *kind == 2 ? RN_WORLD_THINGS : RN_WORLD_VALUES);
}
