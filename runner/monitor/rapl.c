#include "rapl.h"

#include "file.h"
#include "mem.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A counter as the kernel writes it, -1 if it cannot be read. */
static double read_number(int fd)
{
    char text[32], *end;
    ssize_t n = fd >= 0 ? pread(fd, text, sizeof text - 1, 0) : -1;
    if (n <= 0)
        return -1;
    text[n] = '\0';
    double value = strtod(text, &end);
    return end != text && isfinite(value) ? value : -1;
}

static double read_file(const char *zone, const char *name)
{
    char *path = rn_join(zone, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    double value = read_number(fd);
    if (fd >= 0)
        close(fd);
    free(path);
    return value;
}

static void open_zone(struct rn_rapl *r, const char *zone)
{
    char *path = rn_join(zone, "energy_uj");
    struct rn_rapl_zone z = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    if (z.fd < 0 && errno == EACCES)
        snprintf(r->why, sizeof r->why, "needs the right to read %s", path);
    z.range_uj = read_file(zone, "max_energy_range_uj");
    z.last_uj = read_number(z.fd);
    if (z.last_uj >= 0)
        r->zones[r->n++] = z;
    else if (z.fd >= 0)
        close(z.fd);
    free(path);
}

/* Packages alone: intel-rapl:0, not its parts intel-rapl:0:0. AMD's have the same name. */
void rn_rapl_open(struct rn_rapl *r, const char *dir)
{
    dir = dir ? dir : "/sys/class/powercap";
    *r = (struct rn_rapl){.n = 0};
    snprintf(r->why, sizeof r->why, "%s/intel-rapl:0 is not there", dir);
    for (int i = 0; i < RN_RAPL_MAX; i++) {
        char *zone = rn_xprintf("%s/intel-rapl:%d", dir, i);
        if (rn_exists(zone))
            open_zone(r, zone);
        free(zone);
    }
}

static void advance(struct rn_rapl_zone *z, double now_uj)
{
    double gone_uj = now_uj - z->last_uj;
    if (gone_uj < 0)
        gone_uj += z->range_uj;
    z->sum_uj += fmax(gone_uj, 0); /* a range that is not known: that turn is left out */
    z->last_uj = now_uj;
}

double rn_rapl_read(struct rn_rapl *r)
{
    double sum_uj = 0;
    for (size_t i = 0; i < r->n; i++) {
        double now_uj = read_number(r->zones[i].fd);
        if (now_uj >= 0)
            advance(&r->zones[i], now_uj);
        sum_uj += r->zones[i].sum_uj;
    }
    return r->n ? sum_uj / 1e6 : NAN;
}

void rn_rapl_close(struct rn_rapl *r)
{
    for (size_t i = 0; i < r->n; i++)
        close(r->zones[i].fd);
    r->n = 0;
}
