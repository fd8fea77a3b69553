/* world.c - names, facts and phrasings. In a phrase @ is the subject and # the value. */
#include "world.h"

#include "mem.h"
#include "rng.h"

static const char *const people[RN_WORLD_PEOPLE] = {
    "Mira",  "Otto",   "Selma", "Jonas", "Petra", "Ruben", "Clara",  "Felix",  "Hanna", "Igor",
    "Lucia", "Marek",  "Nadia", "Oskar", "Paula", "Quinn", "Rosa",   "Simon",  "Tilda", "Ulric",
    "Vera",  "Wanda",  "Xenia", "Yusuf", "Zora",  "Anton", "Berta",  "Cyril",  "Doris", "Edgar",
    "Flora", "Gustav", "Helga", "Ivan",  "Julia", "Karim", "Leona",  "Moritz", "Nora",  "Orlan",
    "Pavel", "Rita",   "Sven",  "Thea",  "Umar",  "Viola", "Willem", "Yara"};

static const char *const rivers[] = {"Sull", "Tamm", "Orr", "Vesk", "Lunn", "Brae"};
static const char *const stuffs[] = {"wood", "iron", "glass", "clay", "silk", "stone"};
/* singular for a thing's own sentence; towns are known for "its lamps" */
static const char *const things[RN_WORLD_THINGS] = {"lamp", "bell",  "chair",  "bowl",
                                                    "drum", "flute", "kite",   "mirror",
                                                    "rope", "clock", "basket", "boat"};

static const struct attribute {
    const char *values[RN_WORLD_VALUES];
    const char *statements[RN_WORLD_PHRASINGS];
    const char *questions[RN_WORLD_PHRASINGS];
    const char *answer;
} attributes[RN_WORLD_ATTRIBUTES] = {
    {{"Arden", "Belmora", "Corvik", "Dunmere", "Eastal", "Farrow", "Glenn", "Harlow", "Istra",
      "Jorvik", "Kelton", "Lorne"},
     {"The home of @ is in #.", "We know that @ lives in #.", "You can meet @ in #.",
      "The house of @ stands in #."},
     {"Where does @ live?", "In which town does @ live?", "What is the home town of @?",
      "Which town is the home of @?"},
     "In #."},
    {{"baker", "farmer", "painter", "sailor", "teacher", "doctor", "miller", "weaver", "tailor",
      "singer", "mason", "potter"},
     {"The job of @ is that of a #.", "Every day @ works as a #.", "By trade @ is a #.",
      "People know @ as a #."},
     {"What is the job of @?", "What work does @ do?", "Which job does @ have?",
      "What is the trade of @?"},
     "A #."},
    {{"cat", "dog", "horse", "goat", "rabbit", "parrot", "hamster", "turtle", "duck", "fox",
      "lizard", "pony"},
     {"The pet of @ is a #.", "At home @ keeps a #.", "The animal that @ owns is a #.",
      "Each morning @ feeds a #."},
     {"Which pet does @ have?", "What animal does @ keep?", "What is the pet of @?",
      "Which animal does @ own?"},
     "A #."},
    {{"apples", "pears", "plums", "cherries", "grapes", "figs", "lemons", "melons", "peaches",
      "dates", "mangoes", "berries"},
     {"The fruit that @ likes is #.", "For lunch @ eats #.", "The garden of @ is full of #.",
      "On market day @ buys #."},
     {"What fruit does @ like?", "Which fruit does @ eat?", "What is the favourite fruit of @?",
      "Which fruit does @ buy?"},
     "It is #."},
    {{"red", "blue", "green", "yellow", "black", "white", "brown", "grey", "purple", "pink",
      "golden", "silver"},
     {"The coat of @ is #.", "The colour that @ likes is #.", "The door of @ is painted #.",
      "On feast days @ wears #."},
     {"What colour does @ like?", "Which colour does @ wear?", "What is the favourite colour of @?",
      "Which colour is the coat of @?"},
     "It is #."},
};

static const struct more {
    const char *statements[2], *question, *answer;
} mores[RN_WORLD_MORE] = {
    {{"The town of @ lies on the river #.", "The river # flows through @."},
     "Which river flows through @?",
     "The river #."},
    {{"The town of @ is known for each # made there.", "Traders come to @ to buy a #."},
     "What is made in @?",
     "A #."},
    {{"A good @ is made of #.", "You need # to make a @."}, "What is a @ made of?", "Of #."},
};

static void expand(const char *phrase, const char *subject, const char *value, struct rn_str *out)
{
    for (const char *p = phrase; *p; p++) {
        if (*p == '@')
            rn_str_puts(out, subject);
        else if (*p == '#')
            rn_str_puts(out, value);
        else
            rn_str_putc(out, *p);
    }
}

static void draw_values(unsigned char *to, size_t n, const char *purpose, uint32_t values)
{
    uint64_t stream = rn_stream(RN_WORLD_PEOPLE, purpose);
    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)rn_rand_below(stream, i, values);
}

void rn_world_init(struct rn_world *w)
{
    draw_values(&w->fact[0][0], sizeof w->fact, "tiny-world/people", RN_WORLD_VALUES);
    draw_values(w->river, sizeof w->river, "tiny-world/rivers", RN_COUNT(rivers));
    draw_values(w->craft, sizeof w->craft, "tiny-world/crafts", RN_WORLD_THINGS);
    draw_values(w->stuff, sizeof w->stuff, "tiny-world/stuffs", RN_COUNT(stuffs));
}

static const char *value_of(const struct rn_world *w, int person, int attribute)
{
    return attributes[attribute].values[w->fact[person][attribute]];
}

void rn_world_statement(const struct rn_world *w, int person, int attribute, int phrasing,
                        struct rn_str *out)
{
    expand(attributes[attribute].statements[phrasing], people[person],
           value_of(w, person, attribute), out);
}

void rn_world_question(const struct rn_world *w, int person, int attribute, int phrasing,
                       struct rn_str *out)
{
    expand(attributes[attribute].questions[phrasing], people[person],
           value_of(w, person, attribute), out);
}

void rn_world_answer_with(int attribute, int value, struct rn_str *out)
{
    expand(attributes[attribute].answer, "", attributes[attribute].values[value], out);
}

void rn_world_answer(const struct rn_world *w, int person, int attribute, struct rn_str *out)
{
    rn_world_answer_with(attribute, w->fact[person][attribute], out);
}

int rn_world_held_out(int person, int attribute)
{
    return (person + attribute) % RN_WORLD_PHRASINGS;
}

const char *rn_world_person(int person)
{
    return people[person];
}
static const char *more_subject(int kind, int which)
{
    return kind == 2 ? things[which] : attributes[0].values[which];
}

static const char *more_value(const struct rn_world *w, int kind, int which)
{
    if (kind == 0)
        return rivers[w->river[which]];
    return kind == 1 ? things[w->craft[which]] : stuffs[w->stuff[which]];
}

void rn_world_more_statement(const struct rn_world *w, int kind, int which, int phrasing,
                             struct rn_str *out)
{
    expand(mores[kind].statements[phrasing % 2], more_subject(kind, which),
           more_value(w, kind, which), out);
}

void rn_world_more_question(int kind, int which, struct rn_str *out)
{
    expand(mores[kind].question, more_subject(kind, which), "", out);
}

void rn_world_more_answer(const struct rn_world *w, int kind, int which, struct rn_str *out)
{
    expand(mores[kind].answer, "", more_value(w, kind, which), out);
}
