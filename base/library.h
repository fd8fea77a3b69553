/* library.h - a library that is opened when it is first needed, by its soname, its functions in a
 * struct: a program starts the faster without it, and runs where it is missing.
 *
 *     #define FUNCTIONS(F) F(snappy_uncompress) F(snappy_uncompressed_length)
 *     static struct {
 *         FUNCTIONS(RN_LIBRARY_POINTER)
 *     } api;
 *     static struct rn_library snappy =
 *         RN_LIBRARY(FUNCTIONS, api, "libsnappy.so.1", "libsnappy1v5");
 *     RN_TRY(rn_library_need(&snappy, RN_PATH(path), err));
 *     api.snappy_uncompress(..);
 *
 * Every function is declared as the library's own header has it. A library stays open until the
 * process ends. One that lacks a function counts as missing; one that was missing is looked for
 * again when it is needed again. Any thread. */
#ifndef RN_LIBRARY_H
#define RN_LIBRARY_H

#include "err.h"

#include <pthread.h>
#include <stdbool.h>

struct rn_library {
    const char *soname;
    const char *package;      /* Debian's; NULL where only rn_library_open is called */
    const char *const *names; /* ends with NULL; none: who asks only whether it is there */
    void *functions;          /* a pointer for each name, in their order */
    pthread_mutex_t lock;     /* of what follows and of *functions until they are there */
    bool open;
};

#define RN_LIBRARY_POINTER(name) __typeof__(name) *name;
#define RN_LIBRARY_NAME(name)    #name,
/* For a variable at file scope. FUNCTIONS: a macro over names; api: a struct of nothing but their
 * RN_LIBRARY_POINTERs. */
#define RN_LIBRARY(FUNCTIONS, api, so, debian)                                                     \
    {                                                                                              \
        .soname = (so), .package = (debian), .functions = &(api),                                  \
        .names = (const char *const[]){FUNCTIONS(RN_LIBRARY_NAME) NULL},                           \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* at: whose sake it is for. RN_EIO: it cannot be opened; the message says why, the hint what to
 * install. */
int rn_library_need(struct rn_library *, struct rn_place at, struct rn_err *);
/* The same for who can do without. *missing: what the loader says, until the thread's next call of
 * it; borrowed. */
bool rn_library_open(struct rn_library *, const char **missing);

#endif
