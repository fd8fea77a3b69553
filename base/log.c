#include "log.h"

#include <stdarg.h>

void rn_log(const struct rn_log *log, enum rn_level level, const char *fmt, ...)
{
    if (!log || !log->line)
        return;
    char text[4000];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    log->line(log->ctx, level, text);
}
