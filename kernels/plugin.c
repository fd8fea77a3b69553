#include "plugin.h"

#include "backend.h"
#include "borders.h"
#include "file.h"
#include "mem.h"
#include "path.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How many characters of `text` are a name. */
static size_t name_length(const char *text)
{
    size_t n = 0;
    while (islower((unsigned char)text[n]) || isdigit((unsigned char)text[n]) || text[n] == '-')
        n++;
    return n;
}

int rn_plugin_split(const char *device, char name[RN_PLUGIN_NAME], int *card, struct rn_err *err)
{
    enum { CARDS_MAX = 1024 };
    size_t n = name_length(device);
    char *end = NULL;
    long which = device[n] == ':' && isdigit((unsigned char)device[n + 1])
                     ? strtol(device + n + 1, &end, 10)
                     : -1;
    if (n == 0 || n >= RN_PLUGIN_NAME || which >= CARDS_MAX || *(end ? end : device + n) != '\0')
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "'%.40s' is no name of a device", device);
    snprintf(name, RN_PLUGIN_NAME, "%.*s", (int)n, device);
    *card = (int)which;
    return RN_OK;
}

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

char *rn_plugin_path(const char *name)
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

int rn_plugin_load(const char *name, const char *path, const char *symbol, void **entry,
                   struct rn_err *err)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "cannot load device '%s': %s", name, dlerror());
    *entry = dlsym(library, symbol);
    if (*entry)
        return RN_OK;
    dlclose(library);
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "librunnel-%s.so is no device plugin: it has no %s",
                   name, symbol);
}

static int border_differs(struct rn_err *err, const char *who)
{
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                   "%s is of another build than this program (the borders of its ops differ)", who);
}

bool rn_host_fits(const struct rn_host *h, struct rn_err *err)
{
    bool fits = h && h->abi == RN_ABI && h->size_bytes == sizeof *h &&
                strcmp(h->ops_digest, RN_BORDERS_DIGEST) == 0;
    if (!fits)
        border_differs(err, "the device plugin");
    return fits;
}

int rn_plugin_check(const char *name, unsigned abi, unsigned size_bytes, unsigned want_bytes,
                    const char *const *digest, struct rn_err *err)
{
    char who[64];
    if (abi == RN_ABI && size_bytes == want_bytes && strcmp(*digest, RN_BORDERS_DIGEST) == 0)
        return RN_OK;
    snprintf(who, sizeof who, "librunnel-%s.so", name);
    return border_differs(err, who);
}
