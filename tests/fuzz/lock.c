/* The small texts that fetching leaves behind. Whatever bytes a lock file has: it is refused with a
 * place, or its pins are sorted, each with a digest, and what is written back after one more pin
 * reads the same with that one in it. Whatever a file of hosts has: what is believed of it is
 * within bounds, and saving it adds nothing. */
#include "file.h"
#include "health.h"
#include "path.h"
#include "pins.h"
#include "scratch.h"

#include <math.h>

static int no_sync(int fd)
{
    (void)fd;
    return 0;
}

static int load(struct rn_pins *pins, const char *path, struct rn_err *err)
{
    return rn_pins_open(pins, path, scratch_folder(), err);
}

static void check_pins(const struct rn_pins *pins)
{
    for (size_t i = 0; i < pins->n; i++) {
        const struct rn_pin *p = &pins->pins[i];
        RN_ASSERT(i == 0 || strcmp(pins->pins[i - 1].id, p->id) < 0);
        RN_ASSERT(rn_sha256_is_hex(p->sha256) && p->size_bytes >= 0);
        RN_ASSERT(rn_pins_find(pins, p->id) == p);
    }
}

static bool same(const struct rn_pin *a, const struct rn_pin *b)
{
    return a->size_bytes == b->size_bytes && strcmp(a->sha256, b->sha256) == 0 &&
           a->trust == b->trust && strcmp(a->host, b->host) == 0;
}

static void check_again(const struct rn_pins *pins, const char *path, const char *added)
{
    struct rn_pins again;
    struct rn_err err = {0};
    RN_ASSERT(load(&again, path, &err) == RN_OK);
    check_pins(&again);
    for (size_t i = 0; i < pins->n; i++) {
        const struct rn_pin *p = &pins->pins[i], *q = rn_pins_find(&again, p->id);
        RN_ASSERT(q && (strcmp(p->id, added) == 0 || same(p, q)));
    }
    RN_ASSERT(rn_pins_find(&again, added));
    rn_pins_release(&again);
}

/* A pin to other bytes stays unless the new one names it. */
static void add(struct rn_pins *pins, const struct rn_pin *fresh)
{
    struct rn_pin pin = *fresh;
    struct rn_err err = {0};
    const struct rn_pin *old = rn_pins_find(pins, pin.id);
    if (old && strcmp(old->sha256, pin.sha256) != 0) {
        RN_ASSERT(rn_pins_add(pins, &pin, 1, &err) == RN_EFETCH && err.msg[0]);
        old = rn_pins_find(pins, pin.id);
        RN_ASSERT(old && strcmp(old->sha256, pin.sha256) != 0);
        memcpy(pin.replaces, old->sha256, RN_HEX);
    }
    RN_ASSERT(rn_pins_add(pins, &pin, 1, &err) == RN_OK);
}

static void check_host(const struct rn_host *h)
{
    char text[RN_HEALTH_TEXT];
    for (const char *p = h->name; *p; p++)
        RN_ASSERT(*p > ' ' && *p <= '~');
    RN_ASSERT(*h->name && h->failures >= 0 && isfinite(h->bytes_s) && h->bytes_s >= 0);
    RN_ASSERT(isfinite(h->learnt_s) && strlen(rn_health_tell(h, text)) < RN_HEALTH_TEXT);
}

static void check_hosts(const uint8_t *bytes, size_t n)
{
    struct rn_hosts hosts = {0}, again = {0};
    char *path = rn_join(scratch_folder(), "hosts");
    RN_ASSERT(rn_file_write(path, bytes, n, NULL) == RN_OK);
    rn_health_recall(&hosts, scratch_folder());
    for (size_t i = 0; i < hosts.n; i++)
        check_host(hosts.items[i]);
    if (hosts.n > 0)
        hosts.items[0]->told = true;
    rn_health_save(&hosts, scratch_folder());
    rn_health_recall(&again, scratch_folder());
    RN_ASSERT(again.n <= hosts.n);
    rn_hosts_release(&again);
    rn_hosts_release(&hosts);
    unlink(path);
    free(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const struct rn_pin fresh = {
        .id = "data.a/fresh",
        .size_bytes = 7,
        .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .trust = RN_TRUST_FIRST_USE,
        .host = "h"};
    struct rn_pins pins;
    struct rn_err err = {0};
    rn_io.fsync = no_sync;
    check_hosts(bytes, n);
    const char *path = scratch_put(bytes, n);
    int rc = load(&pins, path, &err);
    RN_ASSERT(rc == RN_OK || err.msg[0]);
    if (rc != RN_OK)
        return 0;
    check_pins(&pins);
    add(&pins, &fresh);
    check_again(&pins, path, fresh.id);
    rn_pins_release(&pins);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
