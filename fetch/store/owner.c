#include "owner.h"

#include "mem.h"
#include "process.h"

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
    char id[RN_BOOT_ID];
    rn_boot_id(id);
    snprintf(to, 9, "%.8s", *id ? id : "00000000");
}

struct rn_owner rn_owner_self(void)
{
    struct rn_owner me = {.pid = (long)getpid()};
    name_place(me.place, sizeof me.place);
    name_boot(me.boot);
    int64_t start = rn_process_start(me.pid);
    me.start = start > 0 ? (unsigned long long)start : 0;
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
    int64_t start = rn_process_start(o.pid);
    return start == 0 || (start > 0 && (unsigned long long)start != o.start);
}
