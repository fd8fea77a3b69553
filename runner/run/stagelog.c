#include "stagelog.h"

#include "clock.h"
#include "mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { TAIL_BYTES = 64 << 10 };

int rn_stagelog_open(struct rn_stagelog *l, const char *path, const char *stage, struct rn_err *err)
{
    *l = (struct rn_stagelog){.stage = stage};
    l->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (l->fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot open the log");
    l->path = rn_xdup(path);
    l->start_bytes = (int64_t)lseek(l->fd, 0, SEEK_END);
    return RN_OK;
}

void rn_stagelog_close(struct rn_stagelog *l)
{
    if (!l->path)
        return;
    close(l->fd);
    free(l->path);
    *l = (struct rn_stagelog){.fd = -1};
}

/* One write a line: lines of several threads do not mix. */
static void write_line(void *ctx, enum rn_level level, const char *text)
{
    static const char *const words[] = {"debug", "info", "warning"};
    struct rn_stagelog *l = ctx;
    char stamp[32] = "";
    struct tm tm;
    time_t now = (time_t)rn_time_s();
    if (gmtime_r(&now, &tm))
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", &tm);
    char *clean = rn_xdup(text);
    rn_ui_clean(clean);
    char *line = rn_xprintf("%s %-7s %s\n", stamp, words[level], clean);
    if (write(l->fd, line, strlen(line)) < 0)
        line[0] = '\0'; /* a full disk: the line is still shown below */
    l->show(l->ctx, level, text);
    free(line);
    free(clean);
}

struct rn_log rn_stagelog_log(struct rn_stagelog *l,
                              void (*show)(void *, enum rn_level, const char *), void *ctx)
{
    l->show = show;
    l->ctx = ctx;
    return (struct rn_log){write_line, l};
}

char *rn_stagelog_tail(const struct rn_stagelog *l, int n)
{
    char *text = rn_xalloc(TAIL_BYTES + 1);
    int64_t size = l->path ? (int64_t)lseek(l->fd, 0, SEEK_END) : 0;
    int64_t from = l->start_bytes > size - TAIL_BYTES ? l->start_bytes : size - TAIL_BYTES;
    if (size <= from || pread(l->fd, text, (size_t)(size - from), (off_t)from) < 0)
        return text;
    char *line = text + strlen(text);
    for (int seen = -1; line > text; line--)
        if (line[-1] == '\n' && ++seen == n)
            break;
    memmove(text, line, strlen(line) + 1);
    return text;
}
