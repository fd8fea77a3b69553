#include "library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static bool load(const struct rn_library *l)
{
    void *library = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && l->names[i]; i++) {
        void *function = dlsym(library, l->names[i]);
        if (!function)
            return false;
        memcpy((char *)l->functions + i * sizeof function, &function, sizeof function);
    }
    return library != NULL;
}

bool rn_library_open(struct rn_library *l, const char **missing)
{
    pthread_mutex_lock(&l->lock);
    l->open = l->open || load(l);
    bool open = l->open;
    pthread_mutex_unlock(&l->lock);
    if (!open)
        *missing = dlerror();
    return open;
}

int rn_library_need(struct rn_library *l, struct rn_place at, struct rn_err *err)
{
    const char *missing;
    if (rn_library_open(l, &missing))
        return RN_OK;
    rn_hint(err, "install %s", l->package);
    return rn_fail(err, RN_EIO, at, "cannot open a library: %s", missing);
}
