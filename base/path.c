#include "path.h"

#include "mem.h"

#include <string.h>

char *rn_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    return rn_xprintf("%s%s%s", dir, n && dir[n - 1] == '/' ? "" : "/", name);
}

char *rn_dirname(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return rn_xdup(".");
    return slash == path ? rn_xdup("/") : rn_xprintf("%.*s", (int)(slash - path), path);
}

const char *rn_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}
