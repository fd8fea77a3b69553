#include "board.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "tfevents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void rn_board_init(struct rn_board *b, const char *dir)
{
    *b = (struct rn_board){.dir = dir ? rn_xdup(dir) : NULL, .fd = -1};
}

void rn_board_settings(struct rn_board *b, const struct rn_hparam *h, size_t n)
{
    if (b->dir && n)
        rn_tfevents_hparams(&b->head, rn_time_s(), h, n);
}

void rn_board_release(struct rn_board *b)
{
    if (b->dir && b->fd >= 0)
        close(b->fd);
    free(b->dir);
    rn_str_release(&b->head);
    *b = (struct rn_board){.fd = -1};
}

/* One writer a file, also where a second attempt starts in the same second. */
static int open_new(const char *dir, double time_s)
{
    enum { TRIES = 100 };
    char host[65] = "localhost";
    if (gethostname(host, sizeof host - 1) != 0 || strchr(host, '/'))
        snprintf(host, sizeof host, "localhost");
    for (int i = 0; i < TRIES; i++) {
        char *name = rn_tfevents_name(time_s, host, (int)getpid(), i), *path = rn_join(dir, name);
        int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        free(path);
        free(name);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

/* Whole records only: what a full disk left of one is cut off again, for readers stop at it. */
static void put(struct rn_board *b, struct rn_str *s)
{
    off_t end = lseek(b->fd, 0, SEEK_END);
    if (rn_write_all(b->fd, s->p, s->n) < s->n) {
        b->lost++;
        if (ftruncate(b->fd, end) != 0)
            b->lost++;
    }
    rn_str_release(s);
}

static bool begin(struct rn_board *b, int64_t step)
{
    if (!b->dir || b->fd >= 0)
        return b->fd >= 0;
    struct rn_str s = {0};
    double now_s = rn_time_s();
    if (rn_mkdirs(b->dir, NULL) == RN_OK)
        b->fd = open_new(b->dir, now_s);
    if (b->fd < 0) {
        b->lost++;
        return false;
    }
    rn_tfevents_begin(&s, now_s, step);
    rn_str_add(&s, b->head.p ? b->head.p : "", b->head.n);
    put(b, &s);
    return true;
}

void rn_board_add(struct rn_board *b, int64_t step, const struct rn_metric_value *v, size_t n)
{
    struct rn_str s = {0};
    if (!begin(b, step))
        return;
    rn_tfevents_scalars(&s, rn_time_s(), step, v, n);
    put(b, &s);
}

void rn_board_say(struct rn_board *b, int64_t step, const char *name, const char *text)
{
    struct rn_str s = {0};
    if (!begin(b, step))
        return;
    rn_tfevents_text(&s, rn_time_s(), step, name, text);
    put(b, &s);
}

void rn_board_spread(struct rn_board *b, int64_t step, const char *name, const double *bins,
                     size_t n)
{
    struct rn_str s = {0};
    if (!begin(b, step))
        return;
    rn_tfevents_histogram(&s, rn_time_s(), step, name, bins, n);
    put(b, &s);
}
