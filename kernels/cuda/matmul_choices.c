#include "matmul_choices.h"

#include "cache_dir.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const size_t FILE_MOST_BYTES = 1u << 20;

struct rn_matmul_choices {
    char *machine, *path;
    json_t *known; /* product -> choice */
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
static json_t *read_choices(const struct rn_matmul_choices *ch)
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

struct rn_matmul_choices *rn_matmul_choices_open(const char *machine)
{
    struct rn_matmul_choices *ch = rn_new(struct rn_matmul_choices);
    ch->machine = rn_xdup(machine);
    ch->path = path_for(machine);
    ch->known = read_choices(ch);
    return ch;
}

int rn_matmul_choices_find(const struct rn_matmul_choices *ch, const char *product, int n)
{
    int64_t choice = rn_json_int(ch->known, product, -1);
    return choice >= 0 && choice < n ? (int)choice : -1;
}

/* Held by one process at a time. Where locks do nothing, two may once choose differently. */
static int lock(const struct rn_matmul_choices *ch)
{
    char *dir = rn_dirname(ch->path), *path = rn_xprintf("%s.lock", ch->path);
    int fd = rn_mkdirs(dir, NULL) == RN_OK ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666) : -1;
    if (fd >= 0)
        flock(fd, LOCK_EX);
    free(path);
    free(dir);
    return fd;
}

static bool save(const struct rn_matmul_choices *ch)
{
    json_t *doc = json_pack("{s:s, s:O}", "machine", ch->machine, "choices", ch->known);
    bool saved = doc && rn_json_write(ch->path, doc, NULL) == RN_OK;
    json_decref(doc);
    return saved;
}

int rn_matmul_choices_settle(struct rn_matmul_choices *ch, const char *product, int n, int choice)
{
    int held = lock(ch);
    json_decref(ch->known);
    ch->known = read_choices(ch);
    int settled = rn_matmul_choices_find(ch, product, n);
    if (settled < 0) {
        settled = choice;
        json_object_set_new(ch->known, product, json_integer(choice));
        if (!save(ch))
            settled = 0;
    }
    if (held >= 0)
        close(held);
    return settled;
}

void rn_matmul_choices_free(struct rn_matmul_choices *ch)
{
    if (!ch)
        return;
    json_decref(ch->known);
    free(ch->machine);
    free(ch->path);
    free(ch);
}
