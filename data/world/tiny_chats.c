/* Conversations about the world. */
#include "mem.h"
#include "tiny_parts.h"

#include <string.h>

enum { CHATS = 4000, CHATS_VAL = 400 };

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
    int kind, which = rn_tiny_draw_more(m, &kind);
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

int rn_tiny_write_chats(const char *name, const char *path, struct rn_err *err)
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
