/* tiny_parts.h - what the files behind tiny_world.h share: drawing from the world, lines of JSON.
 *
 *     struct rn_tiny_maker m;
 *     rn_tiny_init(&m, "conversations.jsonl");         a stream of its own for each file
 *     struct rn_tiny_ask a = rn_tiny_ask(&m);
 *     rn_tiny_question(&m, a, &text);
 *     rn_tiny_release(&m);
 *
 * Nobody else includes this. */
#ifndef RN_TINY_PARTS_H
#define RN_TINY_PARTS_H

#include "str.h"
#include "world.h"

#include <jansson.h>

enum { RN_TINY_OPTIONS = 4, RN_TINY_FACTS = RN_WORLD_PEOPLE * RN_WORLD_ATTRIBUTES };

/* Deals 0..n-1 in a drawn order, then again in another: every card equally often. */
struct rn_tiny_deck {
    int *cards, n, left;
};

struct rn_tiny_maker { /* one file in the making */
    struct rn_world world;
    uint64_t stream, drawn;
    struct rn_tiny_deck people, questions;
};

void rn_tiny_init(struct rn_tiny_maker *, const char *file_name);
void rn_tiny_release(struct rn_tiny_maker *);
uint32_t rn_tiny_below(struct rn_tiny_maker *, uint32_t n);
void rn_tiny_shuffle(struct rn_tiny_maker *, int *items, int n);
int rn_tiny_deal(struct rn_tiny_maker *, struct rn_tiny_deck *);

struct rn_tiny_ask {
    int person, attribute, phrasing;
};
/* One of the questions that training may see: any phrasing but the held-out one. */
struct rn_tiny_ask rn_tiny_ask(struct rn_tiny_maker *);
struct rn_tiny_ask rn_tiny_ask_held_out(int fact);
void rn_tiny_question(const struct rn_tiny_maker *, struct rn_tiny_ask, struct rn_str *out);
void rn_tiny_answer(const struct rn_tiny_maker *, struct rn_tiny_ask, struct rn_str *out);
/* Different values of the attribute, the true one among them; returns its place. */
int rn_tiny_options(struct rn_tiny_maker *, struct rn_tiny_ask, int values[RN_TINY_OPTIONS]);
/* The question with its options, in nanochat's words; *letter is the right answer. */
void rn_tiny_letter_question(struct rn_tiny_maker *, struct rn_tiny_ask, struct rn_str *out,
                             char *letter);

struct rn_tiny_sum {
    int a, b;
};
/* One sum in five is never trained on: held out. */
struct rn_tiny_sum rn_tiny_sum(struct rn_tiny_maker *, bool held_out);

/* One of the places and things, *kind of RN_WORLD_MORE. */
int rn_tiny_draw_more(struct rn_tiny_maker *, int *kind);

/* A document such as a shard has. */
void rn_tiny_document(struct rn_tiny_maker *, struct rn_str *out);

json_t *rn_tiny_text(const struct rn_str *);
/* One compact JSON line; takes the reference. */
void rn_tiny_add_line(struct rn_str *out, json_t *doc);
/* The file `path`; releases the text. */
int rn_tiny_write(const char *path, struct rn_str *, struct rn_err *);

/* Files of tiny_world.h's list, as rn_tiny_world_write. */
int rn_tiny_write_shard(const char *name, const char *path, struct rn_err *);
int rn_tiny_write_chats(const char *name, const char *path, struct rn_err *);
int rn_tiny_write_choices(const char *name, const char *path, struct rn_err *);
int rn_tiny_write_bundle(const char *name, const char *path, struct rn_err *);
int rn_tiny_write_bpe(const char *name, const char *path, struct rn_err *);
int rn_tiny_write_encoder(const char *name, const char *path, struct rn_err *);

#endif
