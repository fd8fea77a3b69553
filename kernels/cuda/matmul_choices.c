#include "matmul_choices.h"

#include "file.h"
#include "json.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

static const size_t FILE_MOST_BYTES = 1u << 20;

struct rn_choices {
    char *machine, *path;
    json_t *known;  /* product -> choice */
    json_t *learnt; /* likewise, by this process */
};

static char *path_for(const char *machine)
{
    char hex[RN_HEX];
    rn_sha256_hex(machine, strlen(machine), hex);
    char *dir = rn_cache_dir(), *path = rn_xprintf("%s/gpu/matmul-%.16s.json", dir, hex);
    free(dir);
    return path;
}

/* New reference; empty where the file says nothing about this machine. */
static json_t *read_choices(const struct rn_choices *ch)
{
    json_t *doc = NULL, *found = NULL;
    if (rn_exists(ch->path) && rn_json_read(ch->path, FILE_MOST_BYTES, &doc, NULL) == RN_OK &&
        strcmp(rn_json_str(doc, "machine", ""), ch->machine) == 0)
        found = json_incref(json_object_get(doc, "choices"));
    json_decref(doc);
    if (json_is_object(found))
        return found;
    json_decref(found);
    return json_object();
}

struct rn_choices *rn_choices_open(const char *machine)
{
    struct rn_choices *ch = rn_new(struct rn_choices);
    ch->machine = rn_xdup(machine);
    ch->path = path_for(machine);
    ch->known = read_choices(ch);
    ch->learnt = json_object();
    return ch;
}

int rn_choices_find(const struct rn_choices *ch, const char *product)
{
    int64_t choice = rn_json_int(ch->known, product, -1);
    return choice >= 0 && choice < RN_CHOICES_MOST ? (int)choice : -1;
}

void rn_choices_learn(struct rn_choices *ch, const char *product, int choice)
{
    json_object_set_new(ch->known, product, json_integer(choice));
    json_object_set_new(ch->learnt, product, json_integer(choice));
}

/* What other processes have saved in the meantime stays. */
static void save(const struct rn_choices *ch)
{
    json_t *all = read_choices(ch), *doc;
    json_object_update(all, ch->learnt);
    doc = json_pack("{s:s, s:o}", "machine", ch->machine, "choices", all);
    char *dir = rn_dirname(ch->path);
    if (doc && rn_mkdirs(dir, NULL) == RN_OK)
        rn_json_write(ch->path, doc, NULL);
    free(dir);
    json_decref(doc);
}

void rn_choices_close(struct rn_choices *ch)
{
    if (!ch)
        return;
    if (json_object_size(ch->learnt) > 0)
        save(ch);
    json_decref(ch->known);
    json_decref(ch->learnt);
    free(ch->machine);
    free(ch->path);
    free(ch);
}
