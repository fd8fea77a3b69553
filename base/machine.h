/* machine.h - what this machine has left: memory, and room on a disk.
 *
 *     if (need > rn_memory_left())
 *         return rn_fail(err, RN_ENOMEM, ...);        with both numbers
 *
 * Linux gives out more memory than there is and ends a program later: who takes gigabytes asks
 * first. */
#ifndef RN_MACHINE_H
#define RN_MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that can be had without swapping, within the control group's limit; SIZE_MAX if the system
 * does not say. */
size_t rn_memory_left(void);
/* Bytes that this process held at most so far. */
size_t rn_memory_peak(void);

/* Free bytes of the file system that holds `path` (nearest existing parent); -1 if it does not
 * say. */
int64_t rn_disk_free(const char *path);

#endif
