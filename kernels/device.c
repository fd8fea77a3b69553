#include "device.h"

#include "file.h"
#include "prog_impl.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Directory of the running program; caller frees. */
static char *program_dir(void)
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return rn_xdup(".");
    path[n] = 0;
    return rn_dirname(path);
}

/* Names come from the command line and become part of a path. */
static bool name_is_plain(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)name[i]) && !isdigit((unsigned char)name[i]) && name[i] != '-')
            return false;
    return n > 0 && n < sizeof((struct rn_device *)0)->name;
}

/* The plugin's path where it exists: beside the program (build tree), then ../lib/runnel. */
static char *find_plugin(const char *name)
{
    static const char *const places[] = {".", "../lib/runnel"};
    char *dir = program_dir(), *found = NULL;
    for (size_t i = 0; i < RN_COUNT(places) && !found; i++) {
        found = rn_xprintf("%s/%s/librunnel-%s.so", dir, places[i], name);
        if (!rn_exists(found)) {
            free(found);
            found = NULL;
        }
    }
    free(dir);
    return found;
}

/* *path NULL: an error. Caller frees. */
static int plugin_of(const char *name, char **path, struct rn_err *err)
{
    *path = NULL;
    if (!name_is_plain(name))
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "'%.40s' is no name of a device", name);
    *path = find_plugin(name);
    if (*path)
        return RN_OK;
    rn_hint(err, "install the plugin there, or compute on the processor: --device cpu");
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "no device '%s': librunnel-%s.so lies neither beside the program nor in "
                   "../lib/runnel",
                   name, name);
}

int rn_device_find(const char *name, struct rn_err *err)
{
    char *path;
    int rc = plugin_of(name, &path, err);
    free(path);
    return rc;
}

static int load(struct rn_device *d, const char *path, struct rn_err *err)
{
    d->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!d->library)
        rn_fail(err, RN_EDEVICE, RN_NOWHERE, "cannot load device '%s': %s", d->name, dlerror());
    return d->library ? RN_OK : RN_EDEVICE;
}

static int border_differs(struct rn_err *err, const char *who)
{
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "%s is of another build than this program (the borders of its ops differ)", who);
}

bool rn_host_fits(const struct rn_host *h, struct rn_err *err)
{
    bool fits = h && h->abi == RN_ABI && h->size_bytes == sizeof *h &&
                strcmp(h->ops_digest, RUNNEL_OPS_DIGEST) == 0;
    if (!fits)
        border_differs(err, "the device plugin");
    return fits;
}

static bool backend_fits(const struct rn_backend *b)
{
    return b->abi == RN_ABI && b->size_bytes == sizeof *b &&
           strcmp(b->ops_digest, RUNNEL_OPS_DIGEST) == 0;
}

static int open_backend(struct rn_device *d, int threads, struct rn_err *err)
{
    rn_plugin_open_fn *entry;
    *(void **)&entry = dlsym(d->library, "rn_plugin_open");
    if (!entry)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "librunnel-%s.so is no device plugin: it has no rn_plugin_open", d->name);
    const struct rn_backend *be = entry(&d->host, err);
    if (!be)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "device '%s' cannot be used", d->name);
    if (!backend_fits(be)) {
        char *who = rn_xprintf("librunnel-%s.so", d->name);
        int rc = border_differs(err, who);
        free(who);
        return rc;
    }
    RN_TRY(be->open(&d->ctx, &d->host, threads, err));
    d->be = be;
    return RN_OK;
}

int rn_device_open(struct rn_device **out, const char *name, int threads, const struct rn_log *log,
                   struct rn_err *err)
{
    char *path;
    *out = NULL;
    RN_TRY(plugin_of(name, &path, err));
    struct rn_device *d = rn_new(struct rn_device);
    memcpy(d->name, name, strlen(name) + 1);
    d->host = (struct rn_host){RN_ABI, sizeof d->host, RUNNEL_OPS_DIGEST, log, rn_fail};
    int rc;
    RN_CHECK(rc = load(d, path, err));
    RN_CHECK(rc = open_backend(d, threads, err));
    *out = d;
done:
    free(path);
    if (rc != RN_OK)
        rn_device_close(d);
    return rc;
}

/* The library stays mapped: OpenMP's and OpenBLAS' threads live in it until the process ends. */
void rn_device_close(struct rn_device *d)
{
    if (!d)
        return;
    if (d->be)
        d->be->close(d->ctx);
    free(d);
}

void rn_device_stats(const struct rn_device *d, struct rn_device_stats *out)
{
    d->be->stats(d->ctx, out);
}

const char *rn_device_name(const struct rn_device *d)
{
    return d->name;
}
