/* terminal.h - a terminal: how much fits on it, and taking the whole screen for a while.
 *
 *     if (!rn_terminal_live(STDOUT_FILENO)) ...        a file or a pipe: print lines
 *     struct rn_screen screen;
 *     RN_TRY(rn_screen_open(&screen, err));
 *     do {
 *         rn_terminal_size(STDOUT_FILENO, &columns, &lines);
 *         rn_screen_draw(&screen, text);
 *     } while (rn_screen_wait(&screen, 0.5));
 *     rn_screen_close(&screen);
 *
 * The screen is given back as it was: at the end, before a stop (Ctrl-Z) and before a signal that
 * ends the program. One screen a program, one thread. */
#ifndef RN_TERMINAL_H
#define RN_TERMINAL_H

#include "err.h"

#include <signal.h>
#include <stdbool.h>
#include <termios.h>

/* A terminal that can do more than print. rn_terminal_live: and no CI that only shows lines. */
bool rn_terminal_is(int fd);
bool rn_terminal_live(int fd);
/* 80 by 24 where it is not known. */
void rn_terminal_size(int fd, int *columns, int *lines);
/* The environment says that characters are UTF-8. */
bool rn_terminal_utf8(void);
/* As many bytes of the text as fill `columns` at most; a line that wraps could not be erased. What
 * might be two columns wide counts as two. */
int rn_terminal_fit(const char *text, int columns);

struct rn_screen {
    struct termios was; /* of the keyboard */
    bool keys;          /* there is one */
    sigset_t mask;      /* signals that were blocked before */
    int signals;        /* a signalfd */
    int ended_by;       /* a signal, 0: none */
};
/* RN_EIO if signals cannot be waited for; nothing is taken then. */
int rn_screen_open(struct rn_screen *, struct rn_err *);
/* Lines that fit (rn_terminal_fit), separated by newlines, from the top; what was there goes. */
void rn_screen_draw(struct rn_screen *, const char *lines);
/* Until wait_s have passed or the size has changed: true. False: q, the keyboard's end or a signal
 * that asks to end. */
bool rn_screen_wait(struct rn_screen *, double wait_s);
/* Such a signal then ends the program, as it would have without a screen. */
void rn_screen_close(struct rn_screen *);

#endif
