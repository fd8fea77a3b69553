#include "consent.h"

#include "signals.h"
#include "str.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

bool rn_consent_possible(void)
{
    pid_t foreground = tcgetpgrp(STDIN_FILENO);
    return isatty(STDIN_FILENO) && isatty(STDERR_FILENO) &&
           (foreground < 0 || foreground == getpgrp());
}

void rn_consent_open(void)
{
    tcflush(STDIN_FILENO, TCIFLUSH);
}

bool rn_consent_read(void)
{
    char line[256]; /* a terminal gives one line; what is left of a long one is forgotten */
    ssize_t n = read(STDIN_FILENO, line, sizeof line);
    return n > 0 && (line[0] == 'y' || line[0] == 'Y');
}

static bool wait_for_line(void)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = rn_signals_fd(), .events = POLLIN}};
    while (!rn_signals_stopping()) {
        if (poll(fds, 2, -1) > 0 && fds[0].revents)
            return true;
        rn_signals_drain();
    }
    return false;
}

bool rn_consent_ask(const char *fmt, ...)
{
    va_list ap;
    rn_consent_open();
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs(" [y/N] ", stderr);
    return wait_for_line() && rn_consent_read();
}

int rn_consent_delete(bool yes, size_t n, double size_bytes, struct rn_err *err)
{
    char size[32];
    rn_show_bytes(size, size_bytes);
    if (yes || (rn_consent_possible() && rn_consent_ask("delete %zu of them, %s?", n, size)))
        return RN_OK;
    rn_fail(err, RN_EUSAGE, RN_NOWHERE, "nothing was deleted (%s)", size);
    rn_hint(err, "if that is meant, add --yes");
    return RN_EUSAGE;
}
