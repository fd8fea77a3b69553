/* log.h - one line of talk at a time, to whoever listens.
 *
 *     rn_log(job->log, RN_INFO, "accepted %s (%s)", name, size);
 *
 * Rooms below the runner never print: they log. The runner decides where a line goes (terminal,
 * stage log, JSON). Lines carry no newline. May be called from any thread. */
#ifndef RN_LOG_H
#define RN_LOG_H

#include "err.h"

enum rn_level { RN_DEBUG, RN_INFO, RN_WARN };

struct rn_log {
    void (*line)(void *ctx, enum rn_level, const char *text);
    void *ctx;
};

/* log may be NULL: the line is dropped. Longer than 4,000 bytes is cut. */
void rn_log(const struct rn_log *log, enum rn_level, const char *fmt, ...) RN_PRINTF(3, 4);

#endif
