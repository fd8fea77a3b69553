/* process.h - who is this process, and does the one that is named somewhere still live?
 *
 *     int64_t start = rn_process_start(pid);     0: gone
 *     bool same = start == recorded_start && strcmp(boot, recorded_boot) == 0;
 *
 * A pid is given to another process sooner or later: only pid, start and boot together name one. */
#ifndef RN_PROCESS_H
#define RN_PROCESS_H

#include <stdint.h>

enum { RN_BOOT_ID = 37 };

/* Clock ticks from the boot to the start of the process. 0: there is none, or it is dead and only
 * not yet buried by its parent; -1: it cannot be told. */
int64_t rn_process_start(int64_t pid);
/* The kernel's id of this boot, "" if it cannot be told. */
void rn_boot_id(char id[RN_BOOT_ID]);

#endif
