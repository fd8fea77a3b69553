#include "cache_dir.h"

#include "mem.h"
#include "path.h"

#include <stdlib.h>

char *rn_cache_dir(void)
{
    const char *own = getenv("RUNNEL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    if (own && *own)
        return rn_xdup(own);
    if (xdg && *xdg == '/')
        return rn_join(xdg, "runnel");
    return rn_xprintf("%s/.cache/runnel", home && *home ? home : ".");
}
