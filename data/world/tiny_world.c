/* tiny_world.c - the files of the world by their names, each drawn from a stream of its own. */
#include "tiny_world.h"

#include "mem.h"
#include "nearest.h"
#include "tiny_parts.h"

#include <ctype.h>
#include <string.h>

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
    {"conversations.jsonl", rn_tiny_write_chats},
    {"conversations_val.jsonl", rn_tiny_write_chats},
    {"choices.jsonl", rn_tiny_write_choices},
    {"eval_bundle.zip", rn_tiny_write_bundle},
    {"vocab.bpe", rn_tiny_write_bpe},
    {"encoder.json", rn_tiny_write_encoder},
    {"words.txt", write_words},
};

static int unknown_name(const char *name, struct rn_err *err)
{
    struct rn_nearest near = {.to = name};
    rn_nearest_try(&near, "shard_00000.parquet");
    rn_nearest_try(&near, "shard_val.parquet");
    for (size_t i = 0; i < RN_COUNT(files); i++)
        rn_nearest_try(&near, files[i].name);
    rn_fail(err, RN_ECONFIG, RN_NOWHERE, "the tiny world has no file '%.80s'", name);
    if (!rn_hint_near(err, near.word))
        rn_hint(err, "it has shard_NNNNN.parquet, shard_val.parquet, conversations.jsonl, "
                     "conversations_val.jsonl, choices.jsonl, eval_bundle.zip, vocab.bpe, "
                     "encoder.json, words.txt");
    return RN_ECONFIG;
}

int rn_tiny_world_write(const char *name, const char *path, struct rn_err *err)
{
    if (is_shard(name))
        return rn_tiny_write_shard(name, path, err);
    for (size_t i = 0; i < RN_COUNT(files); i++)
        if (strcmp(files[i].name, name) == 0)
            return files[i].write(name, path, err);
    return unknown_name(name, err);
}
