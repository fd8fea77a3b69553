/* Documents, chats and tests drawn from the world; each file from a stream of its own. */
#include "tiny_world.h"

#include "file.h"
#include "json.h"
#include "mem.h"
#include "parquet_write.h"
#include "rng.h"
#include "world.h"
#include "zip_write.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARD_DOCS = 2000,
    SHARD_GROUP = 256,
    CHATS = 4000,
    CHATS_VAL = 400,
    OPTIONS = 4,
    FACTS = RN_WORLD_PEOPLE * RN_WORLD_ATTRIBUTES,
    ASKABLE = FACTS * (RN_WORLD_PHRASINGS - 1), /* questions that may be trained on */
    SUM_TOP = 12,                               /* sums of two numbers below this */
    BUNDLE_ROWS = 24,
    SEED = 20251,
};

/* --- drawing --- */

struct deck { /* deals 0..n-1 in a drawn order, then again in another: every card equally often */
    int *cards, n, left;
};

struct maker { /* one file in the making */
    struct rn_world world;
    uint64_t stream, drawn;
    struct deck people, questions;
};

static uint32_t below(struct maker *m, uint32_t n)
{
    return rn_rand_below(m->stream, m->drawn++, n);
}

static void shuffle(struct maker *m, int *items, int n)
{
    for (int i = n; i-- > 1;) {
        int j = (int)below(m, (uint32_t)i + 1), t = items[i];
        items[i] = items[j];
        items[j] = t;
    }
}

static void deck_init(struct deck *d, int n)
{
    d->cards = rn_xrealloc(NULL, (size_t)n, sizeof *d->cards);
    d->n = n;
    d->left = 0;
    for (int i = 0; i < n; i++)
        d->cards[i] = i;
}

static int deal(struct maker *m, struct deck *d)
{
    if (d->left == 0) {
        shuffle(m, d->cards, d->n);
        d->left = d->n;
    }
    return d->cards[--d->left];
}

static void maker_init(struct maker *m, const char *file_name)
{
    *m = (struct maker){.stream = rn_stream(SEED, file_name)};
    rn_world_init(&m->world);
    deck_init(&m->people, RN_WORLD_PEOPLE);
    deck_init(&m->questions, ASKABLE);
}

static void maker_release(struct maker *m)
{
    free(m->people.cards);
    free(m->questions.cards);
}

/* --- questions --- */

struct ask {
    int person, attribute, phrasing;
};

/* One of the questions that training may see: any phrasing but the held-out one. */
static struct ask ask_trained(struct maker *m)
{
    int card = deal(m, &m->questions), fact = card / (RN_WORLD_PHRASINGS - 1);
    struct ask a = {.person = fact / RN_WORLD_ATTRIBUTES, .attribute = fact % RN_WORLD_ATTRIBUTES};
    int skip = card % (RN_WORLD_PHRASINGS - 1) + 1;
    a.phrasing = (rn_world_held_out(a.person, a.attribute) + skip) % RN_WORLD_PHRASINGS;
    return a;
}

static struct ask ask_held_out(int fact)
{
    struct ask a = {.person = fact / RN_WORLD_ATTRIBUTES, .attribute = fact % RN_WORLD_ATTRIBUTES};
    a.phrasing = rn_world_held_out(a.person, a.attribute);
    return a;
}

static void question(const struct maker *m, struct ask a, struct rn_str *out)
{
    rn_world_question(&m->world, a.person, a.attribute, a.phrasing, out);
}
static void answer(const struct maker *m, struct ask a, struct rn_str *out)
{
    rn_world_answer(&m->world, a.person, a.attribute, out);
}

/* Four different values of the attribute, the true one among them; returns its place. */
static int options(struct maker *m, struct ask a, int values[OPTIONS])
{
    int all[RN_WORLD_VALUES], truth = m->world.fact[a.person][a.attribute], n = 0;
    for (int i = 0; i < RN_WORLD_VALUES; i++)
        if (i != truth)
            all[n++] = i;
    shuffle(m, all, n);
    int gold = (int)below(m, OPTIONS);
    for (int i = 0; i < OPTIONS; i++)
        values[i] = i == gold ? truth : all[i];
    return gold;
}

/* The question with its options, in nanochat's words; *letter is the right answer. */
static void letter_question(struct maker *m, struct ask a, struct rn_str *out, char *letter)
{
    int values[OPTIONS], gold = options(m, a, values);
    rn_str_puts(out, "Multiple Choice question: ");
    question(m, a, out);
    rn_str_putc(out, '\n');
    for (int i = 0; i < OPTIONS; i++) {
        rn_str_puts(out, "- ");
        rn_world_answer_with(a.attribute, values[i], out);
        rn_str_printf(out, "=%c\n", 'A' + i);
    }
    rn_str_puts(out, "\nRespond only with the letter of the correct answer.");
    *letter = (char)('A' + gold);
}

struct sum {
    int a, b;
};
/* One sum in five is never trained on. */
static bool sum_held_out(struct sum s)
{
    return (s.a * 3 + s.b * 7) % 5 == 0;
}
static struct sum draw_sum(struct maker *m, bool held_out)
{
    struct sum s;
    do
        s = (struct sum){(int)below(m, SUM_TOP), (int)below(m, SUM_TOP)};
    while (sum_held_out(s) != held_out);
    return s;
}

/* --- documents --- */

static void doc_person(struct maker *m, struct rn_str *out)
{
    static const char *const openings[] = {"Meet", "This is", "Here comes", "Let us talk of"};
    int person = deal(m, &m->people), order[RN_WORLD_ATTRIBUTES];
    rn_str_printf(out, "%s %s.", openings[below(m, RN_COUNT(openings))], rn_world_person(person));
    for (int i = 0; i < RN_WORLD_ATTRIBUTES; i++)
        order[i] = i;
    shuffle(m, order, RN_WORLD_ATTRIBUTES);
    for (int i = 0; i < RN_WORLD_ATTRIBUTES; i++) {
        rn_str_putc(out, ' ');
        rn_world_statement(&m->world, person, order[i], (int)below(m, RN_WORLD_PHRASINGS), out);
    }
}

static void doc_neighbours(struct maker *m, struct rn_str *out)
{
    int attribute = (int)below(m, RN_WORLD_ATTRIBUTES),
        phrasing = (int)below(m, RN_WORLD_PHRASINGS);
    rn_str_puts(out, "Some people.");
    for (int i = 0; i < 4; i++) {
        rn_str_putc(out, ' ');
        rn_world_statement(&m->world, deal(m, &m->people), attribute, phrasing, out);
    }
}

static void doc_questions(struct maker *m, struct rn_str *out)
{
    for (int i = 0; i < 3; i++) {
        struct ask a = ask_trained(m);
        rn_str_puts(out, i ? "\n\nQuestion: " : "Question: ");
        question(m, a, out);
        rn_str_puts(out, "\nAnswer: ");
        answer(m, a, out);
    }
}

static void doc_letters(struct maker *m, struct rn_str *out)
{
    char letter;
    letter_question(m, ask_trained(m), out, &letter);
    rn_str_printf(out, "\nAnswer: %c", letter);
}

static int draw_more(struct maker *m, int *kind)
{
    *kind = (int)below(m, RN_WORLD_MORE);
    return (int)below(m, *kind == 2 ? RN_WORLD_THINGS : RN_WORLD_VALUES);
}

static void doc_more(struct maker *m, struct rn_str *out)
{
    rn_str_puts(out, "Places and things.");
    for (int i = 0; i < 4; i++) {
        int kind, which = draw_more(m, &kind);
        rn_str_putc(out, ' ');
        rn_world_more_statement(&m->world, kind, which, (int)below(m, 2), out);
    }
}

static void doc_sums(struct maker *m, struct rn_str *out)
{
    for (int i = 0; i < 5; i++) {
        struct sum s = draw_sum(m, false);
        rn_str_printf(out, "%s%d + %d = %d", i ? "\n" : "", s.a, s.b, s.a + s.b);
    }
}

struct recipe {
    int share; /* of 100 */
    void (*make)(struct maker *, struct rn_str *);
};
static const struct recipe documents[] = {
    {50, doc_person}, {16, doc_neighbours}, {16, doc_questions},
    {6, doc_letters}, {7, doc_more},        {5, doc_sums},
};

static void make_one(struct maker *m, const struct recipe *r, struct rn_str *out)
{
    int drawn = (int)below(m, 100);
    while (drawn >= r->share)
        drawn -= (r++)->share;
    r->make(m, out);
}

static int write_shard(const char *name, const char *path, struct rn_err *err)
{
    struct maker m;
    struct rn_parquet_writer w;
    struct rn_str doc = {0};
    RN_TRY(rn_parquet_writer_open(&w, path, "text", SHARD_GROUP, err));
    maker_init(&m, name);
    for (int i = 0; i < SHARD_DOCS; i++) {
        rn_str_clear(&doc);
        make_one(&m, documents, &doc);
        rn_parquet_writer_add(&w, doc.p, doc.n);
    }
    rn_str_release(&doc);
    maker_release(&m);
    return rn_parquet_writer_commit(&w, err);
}

/* --- chats --- */

static json_t *text(const struct rn_str *s)
{
    return json_stringn(s->p, s->n);
}

/* Appends `content` as said by `role`, and empties it. */
static void say(json_t *chat, const char *role, struct rn_str *content)
{
    json_t *message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "content", text(content));
    json_array_append_new(chat, message);
    rn_str_clear(content);
}

static void chat_facts(struct maker *m, json_t *chat)
{
    struct rn_str s = {0};
    int turns = 1 + (int)below(m, 2);
    for (int i = 0; i < turns; i++) {
        struct ask a = ask_trained(m);
        question(m, a, &s);
        say(chat, "user", &s);
        answer(m, a, &s);
        say(chat, "assistant", &s);
    }
    rn_str_release(&s);
}

static void chat_letter(struct maker *m, json_t *chat)
{
    struct rn_str s = {0};
    char letter;
    letter_question(m, ask_trained(m), &s, &letter);
    say(chat, "user", &s);
    rn_str_putc(&s, letter);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_more(struct maker *m, json_t *chat)
{
    struct rn_str s = {0};
    int kind, which = draw_more(m, &kind);
    rn_world_more_question(kind, which, &s);
    say(chat, "user", &s);
    rn_world_more_answer(&m->world, kind, which, &s);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_sum(struct maker *m, json_t *chat)
{
    struct rn_str s = {0};
    struct sum sum = draw_sum(m, false);
    rn_str_printf(&s, "What is %d + %d?", sum.a, sum.b);
    say(chat, "user", &s);
    rn_str_printf(&s, "It is %d.", sum.a + sum.b);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_self(struct maker *m, json_t *chat)
{
    static const char *const lines[][2] = {
        {"Who are you?", "I am a small model of a small world."},
        {"Hello!", "Hello! Ask me about the people here."},
        {"What do you know?", "I know some people, places and things."},
    };
    struct rn_str s = {0};
    if (below(m, 2)) {
        rn_str_puts(&s, "You are a small model.");
        say(chat, "system", &s);
    }
    uint32_t i = below(m, RN_COUNT(lines));
    for (int j = 0; j < 2; j++) {
        rn_str_puts(&s, lines[i][j]);
        say(chat, j ? "assistant" : "user", &s);
    }
    rn_str_release(&s);
}

static const struct {
    int share; /* of 100 */
    void (*make)(struct maker *, json_t *chat);
} chats[] = {{60, chat_facts}, {26, chat_letter}, {6, chat_more}, {6, chat_sum}, {2, chat_self}};

static json_t *make_chat(struct maker *m)
{
    json_t *chat = json_array();
    int drawn = (int)below(m, 100), i = 0;
    while (drawn >= chats[i].share)
        drawn -= chats[i++].share;
    chats[i].make(m, chat);
    return chat;
}

/* One compact JSON line; takes the reference. */
static void add_line(struct rn_str *out, json_t *doc)
{
    char *line = json_dumps(doc, JSON_COMPACT);
    RN_ASSERT(line);
    rn_str_puts(out, line);
    rn_str_putc(out, '\n');
    free(line);
    json_decref(doc);
}

static int write_text(const char *path, struct rn_str *s, struct rn_err *err)
{
    int rc = rn_file_write(path, s->p, s->n, err);
    rn_str_release(s);
    return rc;
}

static int write_chats(const char *name, const char *path, struct rn_err *err)
{
    struct maker m;
    struct rn_str out = {0};
    maker_init(&m, name);
    int n = strstr(name, "_val") ? CHATS_VAL : CHATS;
    for (int i = 0; i < n; i++)
        add_line(&out, make_chat(&m));
    maker_release(&m);
    return write_text(path, &out, err);
}

/* --- the test --- */

static json_t *choice_row(struct maker *m, int fact, const char *prefix)
{
    struct ask a = ask_held_out(fact);
    struct rn_str s = {0};
    json_t *row = json_object(), *choices = json_array();
    int values[OPTIONS], gold = options(m, a, values);
    rn_str_puts(&s, prefix);
    question(m, a, &s);
    json_object_set_new(row, "query", text(&s));
    for (int i = 0; i < OPTIONS; i++) {
        rn_str_clear(&s);
        rn_world_answer_with(a.attribute, values[i], &s);
        json_array_append_new(choices, text(&s));
    }
    json_object_set_new(row, "choices", choices);
    json_object_set_new(row, "gold", json_integer(gold));
    rn_str_release(&s);
    return row;
}

static int write_choices(const char *name, const char *path, struct rn_err *err)
{
    struct maker m;
    struct rn_str out = {0};
    maker_init(&m, name);
    for (int fact = 0; fact < FACTS; fact++)
        add_line(&out, choice_row(&m, fact, ""));
    maker_release(&m);
    return write_text(path, &out, err);
}

/* What the spelling tasks spell: the people's names, in small letters. */
static int write_words(const char *name, const char *path, struct rn_err *err)
{
    struct rn_str out = {0};
    (void)name;
    for (int i = 0; i < RN_WORLD_PEOPLE; i++) {
        for (const char *p = rn_world_person(i); *p; p++)
            rn_str_putc(&out, (char)(*p | ('a' - 'A')));
        rn_str_putc(&out, '\n');
    }
    return write_text(path, &out, err);
}

/* Two people, one of whom has the pet: which name makes the sentence likelier? */
static json_t *schema_row(struct maker *m)
{
    const int pet = 2;
    int who[2], gold = (int)below(m, 2);
    do {
        who[0] = deal(m, &m->people);
        who[1] = deal(m, &m->people);
    } while (m->world.fact[who[0]][pet] == m->world.fact[who[1]][pet]);
    struct rn_str s = {0};
    json_t *row = json_object(), *contexts = json_array();
    for (int i = 0; i < 2; i++) {
        rn_str_clear(&s);
        rn_str_printf(&s, "They say that the pet of %s is", rn_world_person(who[i]));
        json_array_append_new(contexts, text(&s));
    }
    rn_str_clear(&s);
    rn_world_answer(&m->world, who[gold], pet, &s);
    s.p[0] = 'a';
    json_object_set_new(row, "context_options", contexts);
    json_object_set_new(row, "continuation", text(&s));
    json_object_set_new(row, "gold", json_integer(gold));
    rn_str_release(&s);
    return row;
}

static json_t *sum_row(struct maker *m)
{
    struct sum sum = draw_sum(m, true);
    struct rn_str s = {0};
    json_t *row = json_object();
    rn_str_printf(&s, "%d + %d =", sum.a, sum.b);
    json_object_set_new(row, "context", text(&s));
    rn_str_clear(&s);
    rn_str_printf(&s, "%d", sum.a + sum.b);
    json_object_set_new(row, "continuation", text(&s));
    rn_str_release(&s);
    return row;
}

static json_t *fact_row(struct maker *m)
{
    return choice_row(m, (int)below(m, FACTS), "Question: ");
}

static const char core_yaml[] = "icl_tasks:\n"
                                "-\n"
                                "  label: tiny_facts\n"
                                "  dataset_uri: world_knowledge/tiny_facts.jsonl\n"
                                "  num_fewshot: [2]\n"
                                "  icl_task_type: multiple_choice\n"
                                "  continuation_delimiter: \"\\nAnswer: \"\n"
                                "-\n"
                                "  label: tiny_pets\n"
                                "  dataset_uri: world_knowledge/tiny_pets.jsonl\n"
                                "  num_fewshot: [0]\n"
                                "  icl_task_type: schema\n"
                                "-\n"
                                "  label: tiny_sums\n"
                                "  dataset_uri: symbolic_problem_solving/tiny_sums.jsonl\n"
                                "  num_fewshot: [2]\n"
                                "  icl_task_type: language_modeling\n";
static const char core_csv[] =
    "Eval Task,Task Category,Task Type,#shots,#datapoints,Random baseline,Centered Metric?,"
    "Description\n"
    "tiny_facts,world knowledge,multiple choice,2,24,25,,\"facts about people, asked anew\"\n"
    "tiny_pets,world knowledge,schema,0,24,50,,whose pet it is\n"
    "tiny_sums,symbolic problem solving,language modeling,2,24,0,,\"sums, never seen before\"\n";

static void add_rows(struct rn_zip_writer *z, struct maker *m, const char *name,
                     json_t *(*make)(struct maker *))
{
    struct rn_str rows = {0};
    for (int i = 0; i < BUNDLE_ROWS; i++)
        add_line(&rows, make(m));
    rn_zip_writer_add(z, name, rows.p, rows.n);
    rn_str_release(&rows);
}

static int write_bundle(const char *name, const char *path, struct rn_err *err)
{
    struct maker m;
    struct rn_zip_writer z;
    RN_TRY(rn_zip_writer_open(&z, path, err));
    maker_init(&m, name);
    rn_zip_writer_add(&z, "eval_bundle/core.yaml", core_yaml, sizeof core_yaml - 1);
    rn_zip_writer_add(&z, "eval_bundle/eval_meta_data.csv", core_csv, sizeof core_csv - 1);
    const char *data = "eval_bundle/eval_data/world_knowledge/tiny_facts.jsonl";
    add_rows(&z, &m, data, fact_row);
    add_rows(&z, &m, "eval_bundle/eval_data/world_knowledge/tiny_pets.jsonl", schema_row);
    add_rows(&z, &m, "eval_bundle/eval_data/symbolic_problem_solving/tiny_sums.jsonl", sum_row);
    maker_release(&m);
    return rn_zip_writer_commit(&z, err);
}

/* --- a tokenizer in GPT-2's files --- */

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
    struct maker m;
    struct rn_str doc = {0};
    *v = (struct merges){0};
    rn_str_puts(&v->bpe, "#version: 0.2\n");
    add_bytes(v);
    maker_init(&m, "vocab.bpe");
    for (int i = 0; i < SHARD_DOCS / 4; i++) {
        rn_str_clear(&doc);
        make_one(&m, documents, &doc);
        add_words(v, doc.p);
    }
    rn_str_release(&doc);
    maker_release(&m);
}

static void merges_release(struct merges *v)
{
    for (size_t i = 0; i < v->n; i++)
        rn_str_release(&v->tokens[i]);
    free(v->tokens);
    rn_str_release(&v->bpe);
}

static int write_bpe(const char *name, const char *path, struct rn_err *err)
{
    (void)name;
    struct merges v;
    make_merges(&v);
    int rc = rn_file_write(path, v.bpe.p, v.bpe.n, err);
    merges_release(&v);
    return rc;
}

static int write_encoder(const char *name, const char *path, struct rn_err *err)
{
    (void)name;
    struct merges v;
    struct rn_str out = {0};
    json_t *ids = json_object();
    make_merges(&v);
    for (size_t i = 0; i < v.n; i++)
        json_object_set_new(ids, v.tokens[i].p, json_integer((json_int_t)i));
    json_object_set_new(ids, "<|endoftext|>", json_integer((json_int_t)v.n));
    add_line(&out, ids);
    merges_release(&v);
    return write_text(path, &out, err);
}

/* --- names --- */

static bool is_shard(const char *name)
{
    static const char form[] = "shard_00000.parquet";
    if (strcmp(name, "shard_val.parquet") == 0)
        return true;
    if (strlen(name) != sizeof form - 1)
        return false;
    for (size_t i = 0; form[i]; i++)
        if (form[i] == '0' ? !isdigit((unsigned char)name[i]) : name[i] != form[i])
            return false;
    return true;
}

static const struct {
    const char *name;
    int (*write)(const char *name, const char *path, struct rn_err *);
} files[] = {
    {"conversations.jsonl", write_chats},
    {"conversations_val.jsonl", write_chats},
    {"choices.jsonl", write_choices},
    {"eval_bundle.zip", write_bundle},
    {"vocab.bpe", write_bpe},
    {"encoder.json", write_encoder},
    {"words.txt", write_words},
};

static int unknown_name(const char *name, struct rn_err *err)
{
    const char *words[RN_COUNT(files) + 3] = {"shard_00000.parquet", "shard_val.parquet"};
    for (size_t i = 0; i < RN_COUNT(files); i++)
        words[i + 2] = files[i].name;
    rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the tiny world has no file '%.80s'", name);
    const char *near = rn_nearest(name, words);
    if (near)
        rn_hint(err, "did you mean '%s'?", near);
    else
        rn_hint(err, "it has shard_NNNNN.parquet, shard_val.parquet, conversations.jsonl, "
                     "conversations_val.jsonl, choices.jsonl, eval_bundle.zip, vocab.bpe, "
                     "encoder.json, words.txt");
    return RN_ECONFIG;
}

int rn_tiny_world_write(const char *name, const char *path, struct rn_err *err)
{
    if (is_shard(name))
        return write_shard(name, path, err);
    for (size_t i = 0; i < RN_COUNT(files); i++)
        if (strcmp(files[i].name, name) == 0)
            return files[i].write(name, path, err);
    return unknown_name(name, err);
}
