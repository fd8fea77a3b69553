#include "process.h"

#include "file.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Field 2, the name of the program, may hold anything: count behind the last ')'. */
int64_t rn_process_start(int64_t pid)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    size_t n = rn_file_head(path, text, sizeof text - 1);
    if (n == 0)
        return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? 0 : -1;
    text[n] = '\0';
    const char *p = strrchr(text, ')');
    if (p && (strncmp(p, ") Z", 3) == 0 || strncmp(p, ") X", 3) == 0))
        return 0;
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoll(p + 1, NULL, 10) : -1;
}

void rn_boot_id(char id[RN_BOOT_ID])
{
    size_t n = rn_file_head("/proc/sys/kernel/random/boot_id", id, RN_BOOT_ID - 1);
    id[n] = '\0';
    if (strspn(id, "0123456789abcdef-") != n)
        id[0] = '\0';
}
