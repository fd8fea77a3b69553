/* tests/unit/data/shared.h - paths of shared test data, which a user's machine does not have. */
#ifndef RN_TEST_SHARED_H
#define RN_TEST_SHARED_H

#include <stdio.h>
#include <unistd.h>

/* Full path below shared/, in a buffer that lives until the next but three; NULL with a loud line
 * if it is not there: the test then passes without having tested. */
static inline const char *shared_file(const char *name)
{
    static char paths[4][1024];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/../shared/%s", RUNNEL_SOURCE_DIR, name);
    if (access(path, R_OK) == 0)
        return path;
    fprintf(stderr, "SKIP: %s is not there\n", path);
    return NULL;
}

#endif
