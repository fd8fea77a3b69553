/* snapshot.h - what the processes of a group are doing, for whoever asks later why one hung.
 *
 *     rn_snapshot_processes(&text, pid);
 *
 * For each process of the group: state, memory, and of each thread its name, state, system call,
 * where in the kernel it waits, and its kernel stack where we may read that (root). */
#ifndef RN_SNAPSHOT_H
#define RN_SNAPSHOT_H

#include "str.h"

#include <sys/types.h>

void rn_snapshot_processes(struct rn_str *, pid_t group);

#endif
