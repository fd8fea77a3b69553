#include "signals.h"

#include "err.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/* Signals belong to the process, so this is the one flag that cannot be passed down. */
static volatile sig_atomic_t stopping;

/* Nothing on disk needs us: every file that has its name is whole. */
static void on_signal(int number)
{
    (void)number;
    if (stopping)
        _exit(rn_code_exit(RN_EQUIT));
    stopping = 1;
}

void rn_signals_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        sigaction(numbers[i], &action, NULL);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

bool rn_signals_stopping(void)
{
    return stopping != 0;
}

void rn_signals_stop(void)
{
    stopping = 1;
}

void rn_signals_reset(void)
{
    stopping = 0;
}
