/* world.h - a small invented world: 48 people with five facts each, places, things, sums.
 *
 *     struct rn_world w;
 *     rn_world_init(&w);
 *     rn_world_question(&w, person, attribute, phrasing, &s);     "Where does Mira live?"
 *     rn_world_answer(&w, person, attribute, &s);                 "In Arden."
 *
 * Everything is a function of one fixed seed. Each fact can be asked in RN_WORLD_PHRASINGS ways;
 * one of them, another for every fact (rn_world_held_out), is kept for the test, so that each
 * phrasing is learnt from other people and no question of the test stands in any training text. */
#ifndef RN_WORLD_H
#define RN_WORLD_H

#include "str.h"

enum {
    RN_WORLD_PEOPLE = 48,
    RN_WORLD_ATTRIBUTES = 5, /* home, work, pet, fruit, colour */
    RN_WORLD_VALUES = 12,    /* of each attribute */
    RN_WORLD_PHRASINGS = 4,  /* of each statement and of each question */
    RN_WORLD_THINGS = 12,
};

struct rn_world {
    unsigned char fact[RN_WORLD_PEOPLE][RN_WORLD_ATTRIBUTES]; /* value index */
    unsigned char river[RN_WORLD_VALUES];                     /* of each town */
    unsigned char craft[RN_WORLD_VALUES];                     /* of each town: a thing */
    unsigned char stuff[RN_WORLD_THINGS];                     /* that a thing is made of */
};
void rn_world_init(struct rn_world *);

/* Each appends one sentence. */
void rn_world_statement(const struct rn_world *, int person, int attribute, int phrasing,
                        struct rn_str *);
void rn_world_question(const struct rn_world *, int person, int attribute, int phrasing,
                       struct rn_str *);
void rn_world_answer(const struct rn_world *, int person, int attribute, struct rn_str *);
/* The sentence rn_world_answer would give if the fact had this value. */
void rn_world_answer_with(int attribute, int value, struct rn_str *);
/* The phrasing of a fact's question that only the test uses. */
int rn_world_held_out(int person, int attribute);

const char *rn_world_person(int person);

/* Facts about places and things: kind 0 river of a town, 1 craft of a town, 2 stuff of a thing. */
enum { RN_WORLD_MORE = 3 };
void rn_world_more_statement(const struct rn_world *, int kind, int which, int phrasing,
                             struct rn_str *);
void rn_world_more_question(int kind, int which, struct rn_str *);
void rn_world_more_answer(const struct rn_world *, int kind, int which, struct rn_str *);

#endif
