/* tiny_world.h - the files behind `builtin:tiny-world/NAME`: data to learn from, made offline.
 *
 *     RN_TRY(rn_tiny_world_write("shard_00000.parquet", "cache/shard_00000.parquet", err));
 *
 *     NAME                       WHAT
 *     shard_NNNNN.parquet        documents about the world (world.h), a mix for each number
 *     shard_val.parquet          a mix that no number has, for validation
 *     conversations.jsonl        chats: a JSON list of {role, content} a line
 *     conversations_val.jsonl    the same in another mix
 *     choices.jsonl              the test: {query, choices[4], gold} for each of 240 facts, asked
 *                                in words that no other file uses for that fact
 *     eval_bundle.zip            CORE's layout with three small tasks of all three types
 *     vocab.bpe, encoder.json    a tiny tokenizer in GPT-2's files
 *     words.txt                  words to spell, a line each
 *
 * The same bytes on every machine. */
#ifndef RN_TINY_WORLD_H
#define RN_TINY_WORLD_H

#include "err.h"

/* Makes the file NAME as `path`. RN_ECONFIG, with a hint, for a name that is not in the list. */
int rn_tiny_world_write(const char *name, const char *path, struct rn_err *);

#endif
