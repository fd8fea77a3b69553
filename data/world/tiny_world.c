/* tiny_world.c - documents and chats drawn from the world, each file from a stream of its own.
 * Tests come from tiny_bundle.c, a tokenizer from tiny_bpe.c. */
#include "tiny_world.h"

#include "json.h"
#include "mem.h"
#include "parquet_write.h"
#include "tiny_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHARD_DOCS = 2000,
    SHARD_GROUP = 256,
    CHATS = 4000,
    CHATS_VAL = 400,
};

/* --- documents --- */

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

static int draw_more(struct rn_tiny_maker *m, int *kind)
{
    *kind = (int)rn_tiny_below(m, RN_WORLD_MORE);
    return (int)rn_tiny_below(m, *kind == 2 ? RN_WORLD_THINGS : RN_WORLD_VALUES);
}

static void doc_more(struct rn_tiny_maker *m, struct rn_str *out)
{
    rn_str_puts(out, "Places and things.");
    for (int i = 0; i < 4; i++) {
        int kind, which = draw_more(m, &kind);
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

struct recipe {
    int share; /* of 100 */
    void (*make)(struct rn_tiny_maker *, struct rn_str *);
};
static const struct recipe documents[] = {
    {50, doc_person}, {16, doc_neighbours}, {16, doc_questions},
    {6, doc_letters}, {7, doc_more},        {5, doc_sums},
};

static void make_one(struct rn_tiny_maker *m, const struct recipe *r, struct rn_str *out)
{
    int drawn = (int)rn_tiny_below(m, 100);
    while (drawn >= r->share)
        drawn -= (r++)->share;
    r->make(m, out);
}

void rn_tiny_document(struct rn_tiny_maker *m, struct rn_str *out)
{
    make_one(m, documents, out);
}

static int write_shard(const char *name, const char *path, struct rn_err *err)
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

/* --- chats --- */

/* Appends `content` as said by `role`, and empties it. */
static void say(json_t *chat, const char *role, struct rn_str *content)
{
    json_t *message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "content", rn_tiny_text(content));
    json_array_append_new(chat, message);
    rn_str_clear(content);
}

static void chat_facts(struct rn_tiny_maker *m, json_t *chat)
{
    struct rn_str s = {0};
    int turns = 1 + (int)rn_tiny_below(m, 2);
    for (int i = 0; i < turns; i++) {
        struct rn_tiny_ask a = rn_tiny_ask(m);
        rn_tiny_question(m, a, &s);
        say(chat, "user", &s);
        rn_tiny_answer(m, a, &s);
        say(chat, "assistant", &s);
    }
    rn_str_release(&s);
}

static void chat_letter(struct rn_tiny_maker *m, json_t *chat)
{
    struct rn_str s = {0};
    char letter;
    rn_tiny_letter_question(m, rn_tiny_ask(m), &s, &letter);
    say(chat, "user", &s);
    rn_str_putc(&s, letter);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_more(struct rn_tiny_maker *m, json_t *chat)
{
    struct rn_str s = {0};
    int kind, which = draw_more(m, &kind);
    rn_world_more_question(kind, which, &s);
    say(chat, "user", &s);
    rn_world_more_answer(&m->world, kind, which, &s);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_sum(struct rn_tiny_maker *m, json_t *chat)
{
    struct rn_str s = {0};
    struct rn_tiny_sum sum = rn_tiny_sum(m, false);
    rn_str_printf(&s, "What is %d + %d?", sum.a, sum.b);
    say(chat, "user", &s);
    rn_str_printf(&s, "It is %d.", sum.a + sum.b);
    say(chat, "assistant", &s);
    rn_str_release(&s);
}

static void chat_self(struct rn_tiny_maker *m, json_t *chat)
{
    static const char *const lines[][2] = {
        {"Who are you?", "I am a small model of a small world."},
        {"Hello!", "Hello! Ask me about the people here."},
        {"What do you know?", "I know some people, places and things."},
    };
    struct rn_str s = {0};
    if (rn_tiny_below(m, 2)) {
        rn_str_puts(&s, "You are a small model.");
        say(chat, "system", &s);
    }
    uint32_t i = rn_tiny_below(m, RN_COUNT(lines));
    for (int j = 0; j < 2; j++) {
        rn_str_puts(&s, lines[i][j]);
        say(chat, j ? "assistant" : "user", &s);
    }
    rn_str_release(&s);
}

static const struct {
    int share; /* of 100 */
    void (*make)(struct rn_tiny_maker *, json_t *chat);
} chats[] = {{60, chat_facts}, {26, chat_letter}, {6, chat_more}, {6, chat_sum}, {2, chat_self}};

static json_t *make_chat(struct rn_tiny_maker *m)
{
    json_t *chat = json_array();
    int drawn = (int)rn_tiny_below(m, 100), i = 0;
    while (drawn >= chats[i].share)
        drawn -= chats[i++].share;
    chats[i].make(m, chat);
    return chat;
}

static int write_chats(const char *name, const char *path, struct rn_err *err)
{
    struct rn_tiny_maker m;
    struct rn_str out = {0};
    rn_tiny_init(&m, name);
    int n = strstr(name, "_val") ? CHATS_VAL : CHATS;
    for (int i = 0; i < n; i++)
        rn_tiny_add_line(&out, make_chat(&m));
    rn_tiny_release(&m);
    return rn_tiny_write(path, &out, err);
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
    return rn_tiny_write(path, &out, err);
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
    {"choices.jsonl", rn_tiny_write_choices},
    {"eval_bundle.zip", rn_tiny_write_bundle},
    {"vocab.bpe", rn_tiny_write_bpe},
    {"encoder.json", rn_tiny_write_encoder},
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
