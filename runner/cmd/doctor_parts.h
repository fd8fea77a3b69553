/* doctor_parts.h - the checks of doctor.c, and what they call. Nobody else includes this. */
#ifndef RN_DOCTOR_PARTS_H
#define RN_DOCTOR_PARTS_H

#include "doctor.h"

void rn_doctor_ok(struct rn_doctor *, const char *fmt, ...) RN_PRINTF(2, 3);
void rn_doctor_note(struct rn_doctor *, const char *fmt, ...) RN_PRINTF(2, 3);
/* The fix is one thing to do, without line ends. */
void rn_doctor_problem(struct rn_doctor *, const char *fix, const char *fmt, ...) RN_PRINTF(3, 4);

/* Text of root/path, at most 1 MiB; NULL if there is none. Caller frees. */
char *rn_doctor_read(const struct rn_doctor *, const char *path);

/* doctor_machine.c */
void rn_check_processor(struct rn_doctor *);
void rn_check_cores(struct rn_doctor *);
void rn_check_memory(struct rn_doctor *);
void rn_check_gpu(struct rn_doctor *);
void rn_check_clock(struct rn_doctor *);
void rn_check_open_files(struct rn_doctor *);
/* doctor_disk.c */
void rn_check_runs(struct rn_doctor *);
void rn_check_cache(struct rn_doctor *);
/* doctor_network.c */
void rn_check_ranks(struct rn_doctor *);
void rn_check_proxy(struct rn_doctor *);
void rn_check_certificates(struct rn_doctor *);
void rn_check_hub(struct rn_doctor *);
/* doctor_software.c */
void rn_check_libraries(struct rn_doctor *);
void rn_check_plugin(struct rn_doctor *);
void rn_check_threads(struct rn_doctor *);
void rn_check_terminal(struct rn_doctor *);

#endif
