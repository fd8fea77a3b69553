#include "library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

bool rn_library_load(void *functions, const char *soname, const char *const names[],
                     const char **missing)
{
    void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && names[i]; i++) {
        void *function = dlsym(library, names[i]);
        if (!function)
            library = NULL;
        memcpy((char *)functions + i * sizeof function, &function, sizeof function);
    }
    if (!library)
        *missing = dlerror();
    return library != NULL;
}
