/* plugin.h - where a plugin lies and how its one symbol is reached: for device.c, comm.c.
 *
 *     char *path = rn_plugin_path("mpi");                           NULL: there is none
 *     RN_TRY(rn_plugin_load("mpi", path, "rn_comm_plugin_open", &entry, err));
 *     free(path);
 *
 * librunnel-<name>.so lies beside the program (build tree) or in ../lib/runnel (installed). What
 * was loaded stays mapped until the process ends: threads of its libraries live in it. */
#ifndef RN_PLUGIN_H
#define RN_PLUGIN_H

#include "err.h"

#include <stdbool.h>

struct rn_host;

enum { RN_PLUGIN_NAME = 32 }; /* a name with its NUL fits */

/* "cuda:1" as a name and a card, -1 where none is said. RN_EDEVICE: names come from the command
 * line and become part of a path, so they are of lower case letters, digits and '-'. */
int rn_plugin_split(const char *device, char name[RN_PLUGIN_NAME], int *card, struct rn_err *);
/* The plugin's path, owned by the caller; NULL: there is none. */
char *rn_plugin_path(const char *name);
/* The address of `symbol` in the library at `path`; RN_EDEVICE says what is missing. */
int rn_plugin_load(const char *name, const char *path, const char *symbol, void **entry,
                   struct rn_err *);
/* RN_EDEVICE unless a plugin's first three words say that it is of this build. The third is where
 * an older table may have ended: it is read if the first two are right. */
int rn_plugin_check(const char *name, unsigned abi, unsigned size_bytes, unsigned want_bytes,
                    const char *const *digest, struct rn_err *);

#endif
