#include "conversation.h"

#include <string.h>

static int bad(struct rn_err *err, struct rn_place at, size_t message, const char *what)
{
    return rn_fail(err, RN_ECORRUPT, at, "message %zu of the conversation: %s", message + 1, what);
}

void rn_conversation_turn(struct rn_conversation *c)
{
    if (c->n == c->cap) { /* in the arena: old arrays go with it */
        size_t cap = c->cap ? c->cap * 2 : 4;
        struct rn_turn *turns = rn_arena_alloc(&c->arena, cap * sizeof *turns);
        if (c->n)
            memcpy(turns, c->turns, c->n * sizeof *turns);
        c->turns = turns;
        c->cap = cap;
    }
    c->turns[c->n++] = (struct rn_turn){0};
}

void rn_conversation_part(struct rn_conversation *c, enum rn_part_kind kind, const char *text,
                          size_t n)
{
    RN_ASSERT(c->n);
    struct rn_turn *turn = &c->turns[c->n - 1];
    struct rn_chat_part *parts = rn_arena_alloc(&c->arena, (turn->n_parts + 1) * sizeof *parts);
    if (turn->n_parts)
        memcpy(parts, turn->parts, turn->n_parts * sizeof *parts);
    char *copy = rn_arena_alloc(&c->arena, n + 1);
    memcpy(copy, text, n);
    parts[turn->n_parts++] = (struct rn_chat_part){kind, copy, n};
    turn->parts = parts;
}

void rn_conversation_say(struct rn_conversation *c, const char *text, size_t n)
{
    rn_conversation_turn(c);
    rn_conversation_part(c, RN_PART_TEXT, text, n);
}

/* --- parsing --- */

enum { PARTS_MAX = 10000 };

static int parse_part(struct rn_conversation *c, const json_t *part, struct rn_place at,
                      size_t message, struct rn_err *err)
{
    static const char *const kinds[] = {"text", "python", "python_output"};
    const char *type = rn_json_str(part, "type", NULL);
    const json_t *text = json_object_get(part, "text");
    if (!type || !json_is_string(text))
        return bad(err, at, message, "a part needs the strings 'type' and 'text'");
    for (size_t k = 0; k < RN_COUNT(kinds); k++) {
        if (strcmp(type, kinds[k]) == 0) {
            rn_conversation_part(c, (enum rn_part_kind)k, json_string_value(text),
                                 json_string_length(text));
            return RN_OK;
        }
    }
    return bad(err, at, message, "type of a part is not text, python or python_output");
}

static int parse_content(struct rn_conversation *c, const json_t *content, bool assistant,
                         struct rn_place at, size_t message, struct rn_err *err)
{
    if (json_is_string(content)) {
        rn_conversation_part(c, RN_PART_TEXT, json_string_value(content),
                             json_string_length(content));
        return RN_OK;
    }
    if (!assistant || !json_is_array(content) || json_array_size(content) > PARTS_MAX)
        return bad(err, at, message,
                   assistant ? "content is neither a string nor a list of parts"
                             : "content is not a string");
    for (size_t i = 0; i < json_array_size(content); i++)
        RN_TRY(parse_part(c, json_array_get(content, i), at, message, err));
    return RN_OK;
}

/* A system message goes in front of the user's first words. */
static int parse_system(struct rn_conversation *c, const json_t *list, struct rn_place at,
                        struct rn_err *err)
{
    const json_t *system = json_object_get(json_array_get(list, 0), "content");
    const json_t *next = json_array_get(list, 1), *user = json_object_get(next, "content");
    if (!json_is_string(system))
        return bad(err, at, 0, "content is not a string");
    if (strcmp(rn_json_str(next, "role", ""), "user") != 0 || !json_is_string(user))
        return bad(err, at, 1, "expected a message of the user after the system's");
    struct rn_str both = {0};
    rn_str_add(&both, json_string_value(system), json_string_length(system));
    rn_str_puts(&both, "\n\n");
    rn_str_add(&both, json_string_value(user), json_string_length(user));
    rn_conversation_say(c, both.p, both.n);
    rn_str_release(&both);
    return RN_OK;
}

static int parse_message(struct rn_conversation *c, const json_t *message, struct rn_place at,
                         size_t i, struct rn_err *err)
{
    bool assistant = c->n % 2 == 1;
    const char *want = assistant ? "assistant" : "user", *role = rn_json_str(message, "role", NULL);
    if (!role)
        return bad(err, at, i, "no 'role'");
    if (strcmp(role, want) != 0)
        return rn_fail(err, RN_ECORRUPT, at,
                       "message %zu of the conversation: role '%.40s', "
                       "expected '%s' (roles alternate, the user begins)",
                       i + 1, role, want);
    rn_conversation_turn(c);
    return parse_content(c, json_object_get(message, "content"), assistant, at, i, err);
}

int rn_conversation_parse(struct rn_conversation *c, const json_t *doc, struct rn_place at,
                          struct rn_err *err)
{
    *c = (struct rn_conversation){0};
    const json_t *list = json_is_object(doc) ? json_object_get(doc, "messages") : doc;
    size_t n = json_array_size(list), i = 0;
    if (!json_is_array(list) || n == 0)
        return rn_fail(err, RN_ECORRUPT, at, "no conversation: expected a list of {role, content}");
    if (n > RN_CHAT_MESSAGES_MAX)
        return rn_fail(err, RN_ECORRUPT, at, "a conversation of %zu messages, at most %d", n,
                       RN_CHAT_MESSAGES_MAX);
    if (strcmp(rn_json_str(json_array_get(list, 0), "role", ""), "system") == 0) {
        RN_TRY(parse_system(c, list, at, err));
        i = 2;
    }
    for (; i < n; i++)
        RN_TRY(parse_message(c, json_array_get(list, i), at, i, err));
    return RN_OK;
}

void rn_conversation_release(struct rn_conversation *c)
{
    rn_arena_release(&c->arena);
    *c = (struct rn_conversation){0};
}

/* --- rendering --- */

int rn_chat_tokens_find(struct rn_chat_tokens *t, const struct rn_tokenizer *tok,
                        struct rn_err *err)
{
    const struct {
        const char *name;
        int32_t *id;
    } all[] = {
        {"<|bos|>", &t->bos},
        {"<|user_start|>", &t->user_start},
        {"<|user_end|>", &t->user_end},
        {"<|assistant_start|>", &t->assistant_start},
        {"<|assistant_end|>", &t->assistant_end},
        {"<|python_start|>", &t->python_start},
        {"<|python_end|>", &t->python_end},
        {"<|output_start|>", &t->output_start},
        {"<|output_end|>", &t->output_end},
    };
    for (size_t i = 0; i < RN_COUNT(all); i++) {
        *all[i].id = rn_tokenizer_special(tok, all[i].name);
        if (*all[i].id < 0)
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                           "the tokenizer has no special token %s, which chats need", all[i].name);
    }
    return RN_OK;
}

void rn_rendered_release(struct rn_rendered *r)
{
    rn_ids_release(&r->ids);
    rn_ids_release(&r->mask);
}

struct renderer {
    const struct rn_chat_tokens *t;
    const struct rn_tokenizer *tok;
    struct rn_rendered *out;
};

/* Gives the ids that were appended since the last call their mask. */
static void mask(struct renderer *r, int trained)
{
    while (r->out->mask.n < r->out->ids.n)
        rn_ids_push(&r->out->mask, trained);
}

static void special(struct renderer *r, int32_t id, int trained)
{
    rn_ids_push(&r->out->ids, id);
    mask(r, trained);
}

static void render_part(struct renderer *r, const struct rn_chat_part *p)
{
    const struct rn_chat_tokens *t = r->t;
    const struct {
        int32_t start, end;
        int trained;
    } rules[] = {[RN_PART_TEXT] = {-1, -1, 1},
                 [RN_PART_PYTHON] = {t->python_start, t->python_end, 1},
                 [RN_PART_OUTPUT] = {t->output_start, t->output_end, 0}};
    if (rules[p->kind].start >= 0)
        special(r, rules[p->kind].start, rules[p->kind].trained);
    rn_tokenizer_encode(r->tok, p->text, p->n, &r->out->ids);
    mask(r, rules[p->kind].trained);
    if (rules[p->kind].end >= 0)
        special(r, rules[p->kind].end, rules[p->kind].trained);
}

static void render_turn(struct renderer *r, const struct rn_turn *turn, bool assistant)
{
    special(r, assistant ? r->t->assistant_start : r->t->user_start, 0);
    for (size_t i = 0; i < turn->n_parts; i++) {
        if (assistant) {
            render_part(r, &turn->parts[i]);
        } else {
            rn_tokenizer_encode(r->tok, turn->parts[i].text, turn->parts[i].n, &r->out->ids);
            mask(r, 0);
        }
    }
    special(r, assistant ? r->t->assistant_end : r->t->user_end, assistant);
}

static void render_turns(struct renderer *r, const struct rn_conversation *c, size_t n,
                         size_t enough)
{
    r->out->ids.n = r->out->mask.n = 0;
    special(r, r->t->bos, 0);
    for (size_t i = 0; i < n && r->out->ids.n < enough; i++)
        render_turn(r, &c->turns[i], i % 2 == 1);
}

void rn_conversation_render(const struct rn_conversation *c, const struct rn_chat_tokens *t,
                            const struct rn_tokenizer *tok, size_t max_tokens,
                            struct rn_rendered *out)
{
    struct renderer r = {t, tok, out};
    render_turns(&r, c, c->n, max_tokens);
    if (out->ids.n > max_tokens)
        out->ids.n = out->mask.n = max_tokens;
}

void rn_conversation_prompt(const struct rn_conversation *c, const struct rn_chat_tokens *t,
                            const struct rn_tokenizer *tok, struct rn_ids *out)
{
    struct rn_rendered whole = {.ids = *out};
    struct renderer r = {t, tok, &whole};
    render_turns(&r, c, c->n - (c->n && c->n % 2 == 0), SIZE_MAX);
    rn_ids_push(&whole.ids, t->assistant_start);
    *out = whole.ids;
    rn_ids_release(&whole.mask);
}
