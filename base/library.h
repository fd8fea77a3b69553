/* library.h - a library that may be missing: opened by its soname, its functions into a struct.
 *
 *     static const char *const names[] = {"ncclGetVersion", "ncclGetUniqueId", NULL};
 *     struct {
 *         __typeof__(ncclGetVersion) *version;
 *         __typeof__(ncclGetUniqueId) *id;
 *     } api;
 *     if (!rn_library_load(&api, "libnccl.so.2", names, &missing))
 *         say(missing);
 */
#ifndef RN_LIBRARY_H
#define RN_LIBRARY_H

#include <stdbool.h>

/* `functions` is a struct of nothing but pointers to functions, one for each name, in their order.
 * The library stays open until the process ends; one that lacks a function counts as missing.
 * *missing: what the loader says, until its next call. */
bool rn_library_load(void *functions, const char *soname, const char *const names[],
                     const char **missing);

#endif
