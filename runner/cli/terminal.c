#define _GNU_SOURCE /* newlocale's C.UTF-8, wcwidth, signalfd */
#include "terminal.h"

#include "file.h"
#include "str.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <wchar.h>

/* --- what fits --- */

static bool set_in_env(const char *name)
{
    const char *v = getenv(name);
    return v && *v;
}

bool rn_terminal_is(int fd)
{
    const char *term = getenv("TERM");
    return isatty(fd) && !(term && strcmp(term, "dumb") == 0);
}

bool rn_terminal_live(int fd)
{
    return rn_terminal_is(fd) && !set_in_env("CI");
}

void rn_terminal_size(int fd, int *columns, int *lines)
{
    enum { COLUMNS = 80, LINES = 24 };
    struct winsize w;
    bool known = ioctl(fd, TIOCGWINSZ, &w) == 0;
    *columns = known && w.ws_col ? w.ws_col : COLUMNS;
    *lines = known && w.ws_row ? w.ws_row : LINES;
}

bool rn_terminal_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (set_in_env(names[i])) {
            const char *value = getenv(names[i]);
            return strstr(value, "UTF-8") || strstr(value, "utf8");
        }
    return false;
}

/* The C library knows how wide a character is, in a locale that has characters. */
int rn_terminal_fit(const char *text, int columns)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + strlen(text);
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t was = utf8 ? uselocale(utf8) : (locale_t)0;
    for (int len; p < end; p += len) {
        uint32_t c = rn_utf8_next(p, end, &len);
        int width = c < 0x80 ? 1 : utf8 ? wcwidth((wchar_t)c) : 2;
        columns -= width < 0 ? 2 : width;
        if (columns < 0)
            break;
    }
    if (utf8) {
        uselocale(was);
        freelocale(utf8);
    }
    return (int)(p - (const unsigned char *)text);
}

/* --- the whole screen --- */

static const int watched[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

static void put(const char *text, size_t n)
{
    rn_write_all(STDOUT_FILENO, text, n); /* a terminal that is gone takes nothing */
}

/* The other screen, cursor off, no wrapping; keys come one by one and are not shown. */
static void take(struct rn_screen *s)
{
    static const char enter[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
    struct termios raw = s->was;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    if (s->keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
    put(enter, sizeof enter - 1);
}

static void give_back(struct rn_screen *s)
{
    static const char leave[] = "\033[?7h\033[?25h\033[?1049l";
    put(leave, sizeof leave - 1);
    if (s->keys)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &s->was);
}

int rn_screen_open(struct rn_screen *s, struct rn_err *err)
{
    sigset_t mask;
    *s = (struct rn_screen){0};
    s->keys = tcgetattr(STDIN_FILENO, &s->was) == 0;
    sigemptyset(&mask);
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++)
        sigaddset(&mask, watched[i]);
    s->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot wait for signals");
    sigprocmask(SIG_BLOCK, &mask, &s->mask);
    take(s);
    return RN_OK;
}

void rn_screen_draw(struct rn_screen *s, const char *lines)
{
    struct rn_str out = {0};
    (void)s;
    rn_str_puts(&out, "\033[H");
    for (const char *p = lines; *p; p += strcspn(p, "\n"), p += *p == '\n') {
        if (p > lines) /* a newline behind the last line would move everything up */
            rn_str_puts(&out, "\r\n");
        rn_str_add(&out, p, strcspn(p, "\n"));
        rn_str_puts(&out, "\033[K");
    }
    rn_str_puts(&out, "\033[J");
    put(out.p, out.n);
    rn_str_release(&out);
}

/* Ctrl-Z: whoever gets the terminal now gets it whole. */
static void stop_for_a_while(struct rn_screen *s)
{
    give_back(s);
    raise(SIGSTOP);
    take(s);
}

/* False: the signal asks to end. */
static bool take_signal(struct rn_screen *s)
{
    struct signalfd_siginfo info;
    if (read(s->signals, &info, sizeof info) != sizeof info)
        return true;
    if (info.ssi_signo == SIGTSTP)
        stop_for_a_while(s);
    else if (info.ssi_signo != SIGWINCH)
        s->ended_by = (int)info.ssi_signo;
    return !s->ended_by;
}

/* False: q, or no keyboard any more. */
static bool take_key(void)
{
    char key;
    ssize_t n = read(STDIN_FILENO, &key, 1);
    return n == 1 ? key != 'q' && key != 'Q' : n < 0 && errno == EINTR;
}

bool rn_screen_wait(struct rn_screen *s, double wait_s)
{
    struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
                           {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN}};
    if (poll(fds, 2, (int)(wait_s * 1000)) <= 0)
        return true;
    return (!fds[0].revents || take_signal(s)) && (!fds[1].revents || take_key());
}

void rn_screen_close(struct rn_screen *s)
{
    give_back(s);
    close(s->signals);
    if (s->ended_by)
        raise(s->ended_by);
    sigprocmask(SIG_SETMASK, &s->mask, NULL);
}
