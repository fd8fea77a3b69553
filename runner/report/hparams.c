#include "hparams.h"

#include "mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct rn_hparam hparam_of(const char *name, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    bool is_number = *text && *end == '\0' && isfinite(number);
    return (struct rn_hparam){name, is_number ? NULL : text, is_number ? number : 0};
}

void rn_hparams_of(struct rn_hparams *h, json_t *config, const char *stage)
{
    char *prefix = rn_xprintf("stages.%s.", stage);
    const char *key;
    json_t *value;
    *h = (struct rn_hparams){0};
    json_object_foreach(config, key, value)
    {
        const char *name = key + strlen(prefix), *text = json_string_value(value);
        if (!rn_starts_with(key, prefix) || rn_starts_with(name, "in.") || !*text ||
            strcmp(text, "-1") == 0)
            continue;
        struct rn_hparam one = hparam_of(name, text);
        RN_PUSH(h->items, h->n, h->cap, one);
    }
    free(prefix);
}

void rn_hparams_release(struct rn_hparams *h)
{
    free(h->items);
    *h = (struct rn_hparams){0};
}
