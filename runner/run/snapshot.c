#include "snapshot.h"

#include "file.h"
#include "mem.h"
#include "path.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 4096, TASKS_MAX = 64, PROCESSES_MAX = 32 };

/* One file of /proc, without its last newline; "" where it is not for us. */
static void read_proc(char text[FILE_MAX], const char *dir, const char *name)
{
    char *path = rn_join(dir, name);
    size_t n = rn_file_head(path, text, FILE_MAX - 1);
    text[n] = '\0';
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    free(path);
}

static void add_file(struct rn_str *s, const char *dir, const char *name)
{
    char text[FILE_MAX];
    read_proc(text, dir, name);
    if (*text)
        rn_str_printf(s, "    %-8s %s\n", name, text);
}

/* Lines of `status` that say how a process is. */
static void add_status(struct rn_str *s, const char *dir)
{
    static const char *const wanted[] = {
        "Name:", "State:", "VmHWM:", "VmRSS:", "Threads:", "SigCgt:"};
    char text[FILE_MAX];
    read_proc(text, dir, "status");
    for (char *line = text, *end; *line; line = *end ? end + 1 : end) {
        end = line + strcspn(line, "\n");
        for (size_t i = 0; i < RN_COUNT(wanted); i++)
            if (rn_starts_with(line, wanted[i]))
                rn_str_printf(s, "  %.*s\n", (int)(end - line), line);
    }
}

static bool is_number(const char *name)
{
    return *name && strspn(name, "0123456789") == strlen(name);
}

static void each_number(const char *dir, size_t max, void (*each)(void *, const char *path),
                        void *ctx)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e; d && n < max && (e = readdir(d));) {
        if (!is_number(e->d_name))
            continue;
        char *path = rn_join(dir, e->d_name);
        each(ctx, path);
        free(path);
        n++;
    }
    if (d)
        closedir(d);
}

static void add_task(void *ctx, const char *path)
{
    static const char *const files[] = {"comm", "wchan", "syscall", "stack"};
    struct rn_str *s = ctx;
    rn_str_printf(s, "  thread %s\n", rn_basename(path));
    for (size_t i = 0; i < RN_COUNT(files); i++)
        add_file(s, path, files[i]);
}

struct search {
    struct rn_str *out;
    pid_t group;
    size_t found;
};

/* Field 5 of `stat`; the name, field 2, may hold anything, so count behind its end. */
static pid_t group_of(const char *dir)
{
    char text[FILE_MAX];
    int parent, group = 0;
    read_proc(text, dir, "stat");
    const char *p = strrchr(text, ')');
    return p && sscanf(p + 1, " %*c %d %d", &parent, &group) == 2 ? group : 0;
}

static void add_process(void *ctx, const char *path)
{
    struct search *s = ctx;
    if (group_of(path) != s->group || s->found++ >= PROCESSES_MAX)
        return;
    char *tasks = rn_join(path, "task");
    rn_str_printf(s->out, "process %s\n", rn_basename(path));
    add_status(s->out, path);
    each_number(tasks, TASKS_MAX, add_task, s->out);
    free(tasks);
}

void rn_snapshot_processes(struct rn_str *out, pid_t group)
{
    struct search s = {out, group, 0};
    each_number("/proc", SIZE_MAX, add_process, &s);
}
