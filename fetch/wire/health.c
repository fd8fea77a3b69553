#include "health.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST_BYTES = 1 << 16, HOSTS_MAX = 256, FAILURES_MAX = 1000 };
enum { FAILURE_LASTS_S = 3600, SPEED_LASTS_S = 24 * 3600, CLOCKS_DIFFER_S = 60 };
static const char first_line[] = "runnel-hosts 1\n";

/* --- reading --- */

static bool is_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (*p <= ' ' || *p > '~')
            return false;
    return *text != '\0';
}

/* "NAME FAILURES BYTES_S LEARNT_S", to the end of the text. */
static bool parse(const char *line, struct rn_host *h)
{
    int end = 0;
    bool good = sscanf(line, "%127s %d %lf %lf%n", h->name, &h->failures, &h->bytes_s, &h->learnt_s,
                       &end) == 4;
    return good && line[end] == '\0' && is_name(h->name) && h->failures >= 0 &&
           h->failures <= FAILURES_MAX && isfinite(h->bytes_s) && h->bytes_s >= 0 &&
           isfinite(h->learnt_s);
}

/* What of it still counts; false: nothing does. */
static bool let_age(struct rn_host *h, double now_s)
{
    double age_s = now_s - h->learnt_s;
    if (age_s < -CLOCKS_DIFFER_S || age_s >= SPEED_LASTS_S)
        return false;
    if (age_s >= FAILURE_LASTS_S)
        h->failures = 0;
    return h->failures > 0 || h->bytes_s > 0;
}

static void read_hosts(struct rn_hosts *all, const char *path)
{
    char *text = NULL, *rest;
    size_t n;
    double now_s = rn_time_s();
    if (rn_file_read(path, LARGEST_BYTES, &text, &n, NULL) != RN_OK)
        return;
    if (strlen(text) == n && rn_starts_with(text, first_line))
        for (char *line = strtok_r(text + strlen(first_line), "\n", &rest);
             line && all->n < HOSTS_MAX; line = strtok_r(NULL, "\n", &rest)) {
            struct rn_host h = {0};
            if (parse(line, &h) && let_age(&h, now_s))
                rn_hosts_put(all, &h);
        }
    free(text);
}

void rn_health_recall(struct rn_hosts *all, const char *cache_home)
{
    char *path = rn_join(cache_home, "hosts");
    read_hosts(all, path);
    free(path);
}

/* --- writing --- */

static int latest_first(const void *a, const void *b)
{
    const struct rn_host *x = *(struct rn_host *const *)a, *y = *(struct rn_host *const *)b;
    return (x->learnt_s < y->learnt_s) - (x->learnt_s > y->learnt_s);
}

static void write_hosts(struct rn_hosts *all, const char *path)
{
    struct rn_writer w;
    if (rn_writer_open(&w, path, NULL) != RN_OK)
        return;
    rn_writer_add(&w, first_line, strlen(first_line));
    if (all->n > 0)
        qsort(all->items, all->n, sizeof *all->items, latest_first);
    for (size_t i = 0; i < all->n && i < HOSTS_MAX; i++) {
        const struct rn_host *h = all->items[i];
        int failures = h->failures < FAILURES_MAX ? h->failures : FAILURES_MAX;
        rn_writer_printf(&w, "%s %d %.0f %.0f\n", h->name, failures, h->bytes_s, h->learnt_s);
    }
    rn_writer_replace(&w, NULL);
}

void rn_health_save(const struct rn_hosts *ours, const char *cache_home)
{
    struct rn_hosts all = {0};
    char *path = rn_join(cache_home, "hosts");
    bool learnt = false;
    read_hosts(&all, path);
    for (size_t i = 0; i < ours->n; i++)
        if (ours->items[i]->told && is_name(ours->items[i]->name)) {
            rn_hosts_put(&all, ours->items[i]);
            learnt = true;
        }
    if (learnt)
        write_hosts(&all, path);
    rn_hosts_release(&all);
    free(path);
}

/* --- telling --- */

const char *rn_health_tell(const struct rn_host *h, char text[RN_HEALTH_TEXT])
{
    char speed[32];
    text[0] = '\0';
    switch (rn_host_rank(h)) {
    case 1:
        snprintf(text, RN_HEALTH_TEXT, "slow: %s/s", rn_show_bytes(speed, h->bytes_s));
        break;
    case 2:
        snprintf(text, RN_HEALTH_TEXT, "failed %d times in a row", h->failures);
        break;
    default:
        break;
    }
    return text;
}
