/* Documents drawn from the world, and shards of them. */
#include "mem.h"
#include "parquet_write.h"
#include "tiny_parts.h"

enum { SHARD_DOCS = 2000, SHARD_GROUP = 256 };

static void doc_person(struct rn_tiny_maker *m, struct rn_str *out)
{
    static const char *const openings[] = {"Meet", "This is", "Here comes", "Let us talk of"};
    int person = rn_tiny_deal(m, &m->people), order[RN_WORLD_ATTRIBUTES];
    rn_str_printf(out, "%s %s.", openings[rn_tiny_below(m, RN_COUNT(openings))],
                  rn_world_person(person));
    for (int i = 0; i < RN_WORLD_ATTRIBUTES; i++)
        order[i] = i;
    rn_tiny_shuffle(m, order, RN_WORLD_ATTRIBUTES);
    for (int i = 0; i < RN_WORLD_ATTRIBUTES; i++) {
        rn_str_putc(out, ' ');
        rn_world_statement(&m->world, person, order[i], (int)rn_tiny_below(m, RN_WORLD_PHRASINGS),
                           out);
    }
}

static void doc_neighbours(struct rn_tiny_maker *m, struct rn_str *out)
{
    int attribute = (int)rn_tiny_below(m, RN_WORLD_ATTRIBUTES),
        phrasing = (int)rn_tiny_below(m, RN_WORLD_PHRASINGS);
    rn_str_puts(out, "Some people.");
    for (int i = 0; i < 4; i++) {
        rn_str_putc(out, ' ');
        rn_world_statement(&m->world, rn_tiny_deal(m, &m->people), attribute, phrasing, out);
    }
}

static void doc_questions(struct rn_tiny_maker *m, struct rn_str *out)
{
    for (int i = 0; i < 3; i++) {
        struct rn_tiny_ask a = rn_tiny_ask(m);
        rn_str_puts(out, i ? "\n\nQuestion: " : "Question: ");
        rn_tiny_question(m, a, out);
        rn_str_puts(out, "\nAnswer: ");
        rn_tiny_answer(m, a, out);
    }
}

static void doc_letters(struct rn_tiny_maker *m, struct rn_str *out)
{
    char letter;
    rn_tiny_letter_question(m, rn_tiny_ask(m), out, &letter);
    rn_str_printf(out, "\nAnswer: %c", letter);
}

static void doc_more(struct rn_tiny_maker *m, struct rn_str *out)
{
    rn_str_puts(out, "Places and things.");
    for (int i = 0; i < 4; i++) {
        int kind, which = rn_tiny_draw_more(m, &kind);
        rn_str_putc(out, ' ');
        rn_world_more_statement(&m->world, kind, which, (int)rn_tiny_below(m, 2), out);
    }
}

static void doc_sums(struct rn_tiny_maker *m, struct rn_str *out)
{
    for (int i = 0; i < 5; i++) {
        struct rn_tiny_sum s = rn_tiny_sum(m, false);
        rn_str_printf(out, "%s%d + %d = %d", i ? "\n" : "", s.a, s.b, s.a + s.b);
    }
}

static const struct {
    int share; /* of 100 */
    void (*make)(struct rn_tiny_maker *, struct rn_str *);
} documents[] = {
    {50, doc_person}, {16, doc_neighbours}, {16, doc_questions},
    {6, doc_letters}, {7, doc_more},        {5, doc_sums},
};

void rn_tiny_document(struct rn_tiny_maker *m, struct rn_str *out)
{
    int drawn = (int)rn_tiny_below(m, 100), i = 0;
    while (drawn >= documents[i].share)
        drawn -= documents[i++].share;
    documents[i].make(m, out);
}

int rn_tiny_write_shard(const char *name, const char *path, struct rn_err *err)
{
    struct rn_tiny_maker m;
    struct rn_parquet_writer w;
    struct rn_str doc = {0};
    RN_TRY(rn_parquet_writer_open(&w, path, "text", SHARD_GROUP, err));
    rn_tiny_init(&m, name);
    for (int i = 0; i < SHARD_DOCS; i++) {
        rn_str_clear(&doc);
        rn_tiny_document(&m, &doc);
        rn_parquet_writer_add(&w, doc.p, doc.n);
    }
    rn_str_release(&doc);
    rn_tiny_release(&m);
    return rn_parquet_writer_commit(&w, err);
}
