#include "owner.h"

#include "file.h"
#include "mem.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ELSEWHERE_GONE_S = 15 * 60 };

/* Host name and process namespace, in letters, digits and '-'. */
static void name_place(char *to, size_t cap)
{
    char host[65] = "";
    struct stat ns;
    gethostname(host, sizeof host - 1);
    unsigned long long space = stat("/proc/self/ns/pid", &ns) == 0 ? ns.st_ino : 0;
    snprintf(to, cap, "%s-%llu", *host ? host : "host", space);
    for (char *p = to; *p; p++)
        if (!isalnum((unsigned char)*p))
            *p = '-';
}

static void name_boot(char to[9])
{
    char id[16] = "";
    size_t n = rn_file_head("/proc/sys/kernel/random/boot_id", id, 8);
    snprintf(to, 9, "%s", n == 8 && strspn(id, "0123456789abcdef") == 8 ? id : "00000000");
}

/* Field 22 of /proc/PID/stat; the name of the program, which may hold anything, stands before the
 * last ')'. 0: no such process; 1: it cannot be told. */
static unsigned long long start_of(long pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    size_t n = rn_file_head(path, text, sizeof text - 1);
    if (n == 0)
        return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? 0 : 1;
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 1;
}

struct rn_owner rn_owner_self(void)
{
    struct rn_owner me = {.pid = (long)getpid()};
    name_place(me.place, sizeof me.place);
    name_boot(me.boot);
    me.start = start_of(me.pid);
    return me;
}

char *rn_owner_name(const struct rn_owner *o, const char *key)
{
    return rn_xprintf("%s.%s.%ld.%s-%llu", key, o->place, o->pid, o->boot, o->start);
}

bool rn_owner_parse(const char *name, struct rn_owner *o)
{
    int end = 0;
    *o = (struct rn_owner){0};
    return sscanf(name, "%*32[0-9a-f].%95[A-Za-z0-9-].%ld.%8[0-9a-f]-%llu.%n", o->place, &o->pid,
                  o->boot, &o->start, &end) == 4 &&
           end > 0 && o->pid > 0;
}

bool rn_owner_same_place(const struct rn_owner *o)
{
    char here[sizeof o->place];
    name_place(here, sizeof here);
    return strcmp(here, o->place) == 0;
}

bool rn_owner_same_boot(const struct rn_owner *o)
{
    char boot[sizeof o->boot];
    name_boot(boot);
    return rn_owner_same_place(o) && strcmp(boot, o->boot) == 0;
}

bool rn_owner_is_gone(const char *name, const char *path)
{
    struct rn_owner o;
    struct stat st;
    if (!rn_owner_parse(name, &o))
        return false;
    if (!rn_owner_same_place(&o))
        return stat(path, &st) == 0 && difftime(time(NULL), st.st_mtime) > ELSEWHERE_GONE_S;
    if (!rn_owner_same_boot(&o))
        return true;
    unsigned long long start = start_of(o.pid);
    return start == 0 || (start != 1 && start != o.start);
}
