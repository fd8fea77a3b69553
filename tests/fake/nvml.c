/* tests/fake/nvml.c - libnvidia-ml.so.1 of cards that do what the environment says.
 *
 *     FAKE_NVML="cards=2 no=instant no=memtemp fail=temp@3 lost=1@5 throttle=4-6 wrap=8"
 *
 *     cards=N        how many (1)
 *     init=RC        nvmlInit_v2 returns RC
 *     hidden=CARD    its handle is refused: no permission
 *     no=VALUE       every card answers `not supported`
 *     fail=VALUE@T   an unknown error from tick T on
 *     lost=CARD@T    it is lost from tick T on
 *     throttle=A-B   held back by heat at ticks A to B
 *     wrap=T         the energy counter begins again at tick T
 *     flat=1         power does not change
 *
 * A card's tick counts how often it was asked for its instant power (or its power, where that is
 * not supported). Card c draws 100 + 100 c W, and 10 W more in every second run of five ticks; its
 * counter gains 10 J a tick; it gets a degree warmer a tick, from 50 to 80. Built a second time
 * with FAKE_NVML_OLD: a driver without the calls that came later. Prototypes as the documentation
 * gives them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CARDS = 8,
    OK = 0,
    INVALID = 2,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    LOST = 15,
    UNKNOWN = 999
};

static struct card {
    int index, tick;
} cards[CARDS];

struct field {
    unsigned id, scope;
    long long timestamp, latency;
    int type, rc;
    union {
        unsigned u;
        unsigned long long ull;
    } value;
};

/* --- the script --- */

/* What follows the nth "KEY=" of the script; NULL: there are fewer. */
static const char *said(const char *key, int nth)
{
    const char *p = getenv("FAKE_NVML");
    size_t n = strlen(key);
    for (; p && *p; p = strchr(p, ' '), p = p ? p + 1 : NULL)
        if (strncmp(p, key, n) == 0 && p[n] == '=' && nth-- == 0)
            return p + n + 1;
    return NULL;
}

static int number(const char *key, int absent)
{
    const char *p = said(key, 0);
    return p ? (int)strtol(p, NULL, 10) : absent;
}

static int is_word(const char *p, const char *word)
{
    size_t n = strlen(word);
    return strncmp(p, word, n) == 0 && (p[n] == '\0' || p[n] == ' ' || p[n] == '@');
}

/* How a card answers when asked for a value. */
static int answer(const struct card *c, const char *value)
{
    const char *p;
    int card, tick;
    if ((p = said("lost", 0)) && sscanf(p, "%d@%d", &card, &tick) == 2 && card == c->index &&
        c->tick >= tick)
        return LOST;
    for (int i = 0; (p = said("no", i)); i++)
        if (is_word(p, value))
            return NOT_SUPPORTED;
    for (int i = 0; (p = said("fail", i)); i++)
        if (is_word(p, value) && c->tick >= (int)strtol(strchr(p, '@') + 1, NULL, 10))
            return UNKNOWN;
    return OK;
}

/* --- what cards say --- */

static unsigned milliwatt(const struct card *c)
{
    int more = number("flat", 0) ? 0 : c->tick / 5 % 2 * 10;
    return (unsigned)(100 + 100 * c->index + more) * 1000;
}

/* --- the library --- */

int nvmlInit_v2(void)
{
    memset(cards, 0, sizeof cards);
    return number("init", OK);
}

int nvmlShutdown(void)
{
    return OK;
}

const char *nvmlErrorString(int rc)
{
    return rc == 9               ? "Driver Not Loaded"
           : rc == NO_PERMISSION ? "Insufficient Permissions"
                                 : "Error";
}

int nvmlDeviceGetCount_v2(unsigned *n)
{
    *n = (unsigned)number("cards", 1);
    return OK;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned i, void **device)
{
    if (i >= CARDS)
        return INVALID;
    if (number("hidden", -1) == (int)i)
        return NO_PERMISSION;
    cards[i].index = (int)i;
    *device = &cards[i];
    return OK;
}

int nvmlDeviceGetName(void *device, char *name, unsigned n)
{
    (void)device;
    snprintf(name, n, "Fake, 80 \033[1mGB");
    return OK;
}

int nvmlDeviceGetUUID(void *device, char *uuid, unsigned n)
{
    snprintf(uuid, n, "GPU-%08d", ((struct card *)device)->index);
    return OK;
}

int nvmlDeviceGetPowerUsage(void *device, unsigned *mw)
{
    struct card *c = device;
    if (answer(c, "instant") == NOT_SUPPORTED)
        c->tick++;
    *mw = milliwatt(c);
    return answer(c, "power");
}

int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius)
{
    struct card *c = device;
    *celsius = sensor != 0 ? 0 : c->tick < 30 ? 50 + (unsigned)c->tick : 80;
    return answer(c, "temp");
}

int nvmlDeviceGetTemperatureThreshold(void *device, int which, unsigned *celsius)
{
    *celsius = which == 1 ? 90 : 200;
    return answer(device, "threshold");
}

int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz)
{
    *mhz = which == 1 ? 1980 : 2619;
    return answer(device, "clock");
}

int nvmlDeviceGetUtilizationRates(void *device, unsigned rates[2])
{
    rates[0] = 97;
    rates[1] = 40;
    return answer(device, "util");
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long bytes[3])
{
    bytes[0] = 80ull << 30;
    bytes[1] = 60ull << 30;
    bytes[2] = 20ull << 30;
    return answer(device, "memory");
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *bits)
{
    const struct card *c = device;
    int first, last;
    const char *p = said("throttle", 0);
    *bits = p && sscanf(p, "%d-%d", &first, &last) == 2 && c->tick >= first && c->tick <= last
                ? 0x40
                : 0;
    return answer(device, "throttle");
}

#ifndef FAKE_NVML_OLD
static unsigned long long millijoule(const struct card *c)
{
    int wrap = number("wrap", 1 << 30);
    return 10000ull * (unsigned)(c->tick < wrap ? 1000 + c->tick : c->tick - wrap);
}

static void fill(struct card *c, struct field *f)
{
    f->type = 1;
    switch (f->id) {
    case 186:
        c->tick++;
        f->rc = answer(c, "instant");
        f->value.u = milliwatt(c);
        break;
    case 185:
        f->rc = answer(c, "average");
        f->value.u = milliwatt(c) - 1000;
        break;
    case 83:
        f->rc = answer(c, "energy");
        f->type = 3;
        f->value.ull = millijoule(c);
        break;
    case 82:
        f->rc = answer(c, "memtemp");
        f->value.u = 70;
        break;
    default:
        f->rc = INVALID;
    }
}

int nvmlDeviceGetCurrentClocksEventReasons(void *device, unsigned long long *bits)
{
    return nvmlDeviceGetCurrentClocksThrottleReasons(device, bits);
}

int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *mj)
{
    *mj = millijoule(device);
    return answer(device, "counter");
}

int nvmlDeviceGetFieldValues(void *device, int n, struct field *fields)
{
    struct card *c = device;
    if (answer(c, "fields") != OK)
        return answer(c, "fields");
    for (int i = 0; i < n; i++)
        fill(c, &fields[i]);
    return OK;
}
#endif
