/* synctime.h - how long this process waited for the disk, to tell a runner that is slow from
 * a disk that is.
 *
 *     rn_sync_time_start();         rn_io.fsync is timed from here on
 *     double before_s = rn_sync_time_s();
 *     ...
 *     rn_sync_time_stop();          rn_io as it was */
#ifndef RN_SYNCTIME_H
#define RN_SYNCTIME_H

void rn_sync_time_start(void);
void rn_sync_time_stop(void);
double rn_sync_time_s(void); /* all fsync calls since the start of the process, of all threads */

#endif
