/* tests/unit/model/unpack.h - unpacks a zip with whatever the machine has. */
#ifndef UNPACK_H
#define UNPACK_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* False, with a loud line, if it has nothing. */
static inline bool unpack(const char *zip, const char *folder)
{
    char command[2048];
    snprintf(command, sizeof command,
             "unzip -q '%s' -d '%s' 2>/dev/null || python3 -m zipfile -e '%s' '%s'", zip, folder,
             zip, folder);
    if (system(command) == 0)
        return true;
    fprintf(stderr, "SKIP: neither unzip nor python3 to unpack %s\n", zip);
    return false;
}

#endif
