#include "device.h"

#include "apart.h"
#include "borders.h"
#include "device_impl.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* *path NULL: an error. Caller frees. */
static int plugin_of(const char *device, char name[RN_PLUGIN_NAME], int *card, char **path,
                     struct rn_err *err)
{
    *path = NULL;
    RN_TRY(rn_plugin_split(device, name, card, err));
    *path = rn_plugin_path(name);
    if (*path)
        return RN_OK;
    rn_hint(err,
            strcmp(name, "cuda") == 0
                ? "build it where the CUDA toolkit is, or compute on the processor: --device cpu"
                : "devices are cuda, cuda:1 (the second card) and the processor: --device cpu");
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "no device '%s': librunnel-%s.so lies neither beside the program nor in "
                   "../lib/runnel",
                   name, name);
}

int rn_device_find(const char *name, struct rn_err *err)
{
    char *path, plain[RN_PLUGIN_NAME];
    int card, rc = plugin_of(name, plain, &card, &path, err);
    free(path);
    return rc;
}

static int open_backend(struct rn_device *d, const char *path, int threads, struct rn_err *err)
{
    void *symbol;
    rn_plugin_open_fn *entry;
    RN_TRY(rn_plugin_load(d->name, path, "rn_plugin_open", &symbol, err));
    *(void **)&entry = symbol;
    const struct rn_backend *be = entry(&d->host, err);
    if (!be)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "device '%s' cannot be used", d->name);
    RN_TRY(rn_plugin_check(d->name, be->abi, be->size_bytes, sizeof *be, &be->ops_digest, err));
    RN_TRY(be->open(&d->ctx, &d->host, d->card, threads, err));
    d->be = be;
    return RN_OK;
}

int rn_device_open(struct rn_device **out, const char *name, int threads, const struct rn_log *log,
                   struct rn_err *err)
{
    char *path, plain[RN_PLUGIN_NAME];
    int card;
    *out = NULL;
    RN_TRY(plugin_of(name, plain, &card, &path, err));
    struct rn_device *d = rn_new(struct rn_device);
    memcpy(d->name, plain, sizeof d->name);
    d->card = card;
    d->host = (struct rn_host){RN_ABI, sizeof d->host, RN_BORDERS_DIGEST, log, rn_fail};
    int rc = open_backend(d, path, threads, err);
    free(path);
    if (rc == RN_OK)
        *out = d;
    else
        rn_device_close(d);
    return rc;
}

void rn_device_close(struct rn_device *d)
{
    if (!d)
        return;
    if (d->be)
        d->be->close(d->ctx);
    free(d);
}

int rn_device_sync(struct rn_device *d, struct rn_err *err)
{
    return d->be->sync(d->ctx, err);
}

void rn_device_stats(const struct rn_device *d, struct rn_device_stats *out)
{
    d->be->stats(d->ctx, out);
}

struct look {
    bool opened;
    struct rn_device_stats stats;
};

static void look_at(void *answer, void *ctx)
{
    struct look *l = answer;
    struct rn_device *d;
    l->opened = rn_device_open(&d, ctx, 1, NULL, NULL) == RN_OK;
    if (!l->opened)
        return;
    rn_device_stats(d, &l->stats);
    rn_device_close(d);
}

bool rn_device_stats_apart(const char *name, struct rn_device_stats *out)
{
    struct look l;
    bool told = rn_apart(look_at, (void *)name, &l, sizeof l);
    *out = l.stats;
    return told && l.opened;
}

const char *rn_device_name(const struct rn_device *d)
{
    return d->name;
}
