#include "nvml.h"

#include "mem.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct rn_gpu_column rn_gpu_columns[RN_GPU_VALUES] = {
#define VALUE(id, wide, long_, doc) {wide, long_, doc},
#include "gpu_values.def"
#undef VALUE
};

/* --- the library's side of the border, as its documentation gives it --- */

enum {
    SUCCESS = 0,
    INVALID_ARGUMENT = 2, /* of a field: one that came with a later driver */
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    GPU_IS_LOST = 15
};
enum { SENSOR_CHIP = 0, CLOCK_SM = 1, CLOCK_MEMORY = 2, THRESHOLD_SLOWDOWN = 1 };
enum {
    FIELD_MEMORY_TEMPERATURE = 82,
    FIELD_ENERGY = 83,
    FIELD_POWER_AVERAGE = 185,
    FIELD_POWER_INSTANT = 186
};
enum value_type { TYPE_DOUBLE, TYPE_UINT, TYPE_ULONG, TYPE_ULLONG, TYPE_LLONG, TYPE_INT };

struct field {
    unsigned id, scope;
    long long timestamp_us, latency_us;
    int type, rc;
    union {
        double d;
        unsigned u;
        int i;
        unsigned long ul;
        unsigned long long ull;
        long long ll;
    } value;
};
struct utilisation {
    unsigned gpu, memory;
};
struct memory {
    unsigned long long total, free, used;
};
typedef void *device;

/* What older drivers lack is NULL. */
struct functions {
    int (*init)(void);
    int (*shutdown)(void);
    const char *(*error_string)(int);
    int (*count)(unsigned *);
    int (*handle)(unsigned, device *);
    int (*name)(device, char *, unsigned);
    int (*uuid)(device, char *, unsigned);
    int (*threshold)(device, int which, unsigned *celsius);
    int (*fields)(device, int n, struct field *);
    int (*power)(device, unsigned *milliwatt);
    int (*energy)(device, unsigned long long *millijoule);
    int (*temperature)(device, int sensor, unsigned *celsius);
    int (*clock)(device, int which, unsigned *mhz);
    int (*utilisation)(device, struct utilisation *);
    int (*memory)(device, struct memory *);
    int (*throttle)(device, unsigned long long *bits);
};
static const struct {
    const char *name, *before; /* as it is called, and was called in older drivers */
    size_t offset;
    bool required;
} symbols[] = {
#define F(field, name, before, required)                                                           \
    {                                                                                              \
        name, before, offsetof(struct functions, field), required                                  \
    }
    F(init, "nvmlInit_v2", NULL, true),
    F(shutdown, "nvmlShutdown", NULL, true),
    F(error_string, "nvmlErrorString", NULL, true),
    F(count, "nvmlDeviceGetCount_v2", NULL, true),
    F(handle, "nvmlDeviceGetHandleByIndex_v2", NULL, true),
    F(name, "nvmlDeviceGetName", NULL, false),
    F(uuid, "nvmlDeviceGetUUID", NULL, false),
    F(threshold, "nvmlDeviceGetTemperatureThreshold", NULL, false),
    F(fields, "nvmlDeviceGetFieldValues", NULL, false),
    F(power, "nvmlDeviceGetPowerUsage", NULL, false),
    F(energy, "nvmlDeviceGetTotalEnergyConsumption", NULL, false),
    F(temperature, "nvmlDeviceGetTemperature", NULL, false),
    F(clock, "nvmlDeviceGetClockInfo", NULL, false),
    F(utilisation, "nvmlDeviceGetUtilizationRates", NULL, false),
    F(memory, "nvmlDeviceGetMemoryInfo", NULL, false),
    F(throttle, "nvmlDeviceGetCurrentClocksEventReasons",
      "nvmlDeviceGetCurrentClocksThrottleReasons", false),
#undef F
};

/* --- ours --- */

struct gpu {
    device handle;
    struct rn_card card;
    unsigned lacks, lacks_field; /* bit v: no such value, by its own call or as a field; not asked
                                  * for again */
};
struct rn_nvml {
    void *library;
    struct functions f;
    struct gpu *gpus;
    size_t n;
};

/* --- single values --- */

static int read_power(const struct functions *f, device d, double *watt)
{
    unsigned milliwatt = 0;
    int rc = f->power ? f->power(d, &milliwatt) : NOT_SUPPORTED;
    *watt = milliwatt / 1e3;
    return rc;
}

static int read_energy(const struct functions *f, device d, double *joule)
{
    unsigned long long millijoule = 0;
    int rc = f->energy ? f->energy(d, &millijoule) : NOT_SUPPORTED;
    *joule = (double)millijoule / 1e3;
    return rc;
}

static int read_temperature(const struct functions *f, device d, double *celsius)
{
    unsigned c = 0;
    int rc = f->temperature ? f->temperature(d, SENSOR_CHIP, &c) : NOT_SUPPORTED;
    *celsius = c;
    return rc;
}

static int read_clock(const struct functions *f, device d, int which, double *out)
{
    unsigned mhz = 0;
    int rc = f->clock ? f->clock(d, which, &mhz) : NOT_SUPPORTED;
    *out = mhz;
    return rc;
}

static int read_sm_clock(const struct functions *f, device d, double *mhz)
{
    return read_clock(f, d, CLOCK_SM, mhz);
}

static int read_memory_clock(const struct functions *f, device d, double *mhz)
{
    return read_clock(f, d, CLOCK_MEMORY, mhz);
}

static int read_utilisation(const struct functions *f, device d, double *percent)
{
    struct utilisation u = {0};
    int rc = f->utilisation ? f->utilisation(d, &u) : NOT_SUPPORTED;
    *percent = u.gpu;
    return rc;
}

static int read_memory(const struct functions *f, device d, double *mib)
{
    struct memory m = {0};
    int rc = f->memory ? f->memory(d, &m) : NOT_SUPPORTED;
    *mib = (double)m.used / (1 << 20);
    return rc;
}

static int read_throttle(const struct functions *f, device d, double *out)
{
    unsigned long long bits = 0;
    int rc = f->throttle ? f->throttle(d, &bits) : NOT_SUPPORTED;
    *out = (double)bits;
    return rc;
}

/* In this order: power and energy only fill what the fields below did not give. */
static const struct {
    enum rn_gpu_value value;
    int (*read)(const struct functions *, device, double *);
} readers[] = {{RN_GPU_POWER, read_power},
               {RN_GPU_ENERGY, read_energy},
               {RN_GPU_TEMPERATURE, read_temperature},
               {RN_GPU_SM_CLOCK, read_sm_clock},
               {RN_GPU_MEMORY_CLOCK, read_memory_clock},
               {RN_GPU_UTILISATION, read_utilisation},
               {RN_GPU_MEMORY_USED, read_memory},
               {RN_GPU_THROTTLE, read_throttle}};

/* --- fields: several values by one call, each with a result of its own --- */

static const struct {
    enum rn_gpu_value value;
    unsigned id;
    double unit;
} fields[] = {{RN_GPU_POWER_INSTANT, FIELD_POWER_INSTANT, 1e-3},
              {RN_GPU_POWER_AVERAGE, FIELD_POWER_AVERAGE, 1e-3},
              {RN_GPU_ENERGY, FIELD_ENERGY, 1e-3},
              {RN_GPU_MEMORY_TEMPERATURE, FIELD_MEMORY_TEMPERATURE, 1}};

static double field_value(const struct field *f)
{
    switch (f->type) {
    case TYPE_DOUBLE:
        return f->value.d;
    case TYPE_UINT:
        return f->value.u;
    case TYPE_ULONG:
        return (double)f->value.ul;
    case TYPE_ULLONG:
        return (double)f->value.ull;
    case TYPE_LLONG:
        return (double)f->value.ll;
    case TYPE_INT:
        return f->value.i;
    default: /* of a later driver */
        return NAN;
    }
}

/* What a call gave. A failure of the moment is forgotten, a lack is not. */
static void take(struct gpu *g, enum rn_gpu_value v, int rc, double value, double *values,
                 unsigned *lacks)
{
    if (rc == SUCCESS)
        values[v] = value;
    else if (rc == INVALID_ARGUMENT || rc == NOT_SUPPORTED || rc == NO_PERMISSION)
        *lacks |= 1u << v;
    else if (rc == GPU_IS_LOST)
        g->card.lost = true;
}

/* Those of the table's first `most` that the card is not known to lack. */
static void read_fields(const struct rn_nvml *n, struct gpu *g, size_t most, double *values)
{
    struct field asked[RN_COUNT(fields)] = {0};
    size_t rows[RN_COUNT(fields)], n_asked = 0;
    for (size_t i = 0; i < most; i++)
        if (!(g->lacks_field & 1u << fields[i].value)) {
            rows[n_asked] = i;
            asked[n_asked++].id = fields[i].id;
        }
    if (n_asked == 0)
        return;
    int rc = n->f.fields ? n->f.fields(g->handle, (int)n_asked, asked) : NOT_SUPPORTED;
    for (size_t i = 0; i < n_asked; i++)
        take(g, fields[rows[i]].value, rc == SUCCESS ? asked[i].rc : rc,
             field_value(&asked[i]) * fields[rows[i]].unit, values, &g->lacks_field);
}

static void clear(double *values)
{
    for (int v = 0; v < RN_GPU_VALUES; v++)
        values[v] = NAN;
}

void rn_nvml_read(struct rn_nvml *n, size_t i, double values[RN_GPU_VALUES])
{
    struct gpu *g = &n->gpus[i];
    clear(values);
    if (g->card.lost)
        return;
    read_fields(n, g, RN_COUNT(fields), values);
    values[RN_GPU_POWER] = values[RN_GPU_POWER_INSTANT];
    for (size_t r = 0; r < RN_COUNT(readers); r++) {
        enum rn_gpu_value v = readers[r].value;
        double value;
        if (!isnan(values[v]) || g->card.lost || g->lacks & 1u << v)
            continue;
        int rc = readers[r].read(&n->f, g->handle, &value);
        take(g, v, rc, value, values, &g->lacks);
    }
    if (g->card.lost)
        clear(values);
}

double rn_nvml_power(struct rn_nvml *n, size_t i)
{
    struct gpu *g = &n->gpus[i];
    double values[RN_GPU_VALUES], watt;
    clear(values);
    if (!g->card.lost)
        read_fields(n, g, 1, values);
    if (!isnan(values[RN_GPU_POWER_INSTANT]) || g->card.lost)
        return values[RN_GPU_POWER_INSTANT];
    return read_power(&n->f, g->handle, &watt) == SUCCESS ? watt : NAN;
}

/* --- opening --- */

static int load_functions(struct rn_nvml *n, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(symbols); i++) {
        void *symbol = dlsym(n->library, symbols[i].name);
        if (!symbol && symbols[i].before)
            symbol = dlsym(n->library, symbols[i].before);
        if (!symbol && symbols[i].required)
            return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                           "libnvidia-ml.so.1 of the NVIDIA driver has no %s", symbols[i].name);
        memcpy((char *)&n->f + symbols[i].offset, &symbol, sizeof symbol);
    }
    return RN_OK;
}

/* It will stand in tables and on terminals. */
static void read_text(int (*read)(device, char *, unsigned), device d, char text[RN_CARD_TEXT])
{
    if (!read || read(d, text, RN_CARD_TEXT) != SUCCESS)
        *text = '\0';
    text[RN_CARD_TEXT - 1] = '\0';
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == ',' || *text == '"')
            *text = '_';
}

static void describe(const struct functions *f, struct gpu *g)
{
    struct rn_card *c = &g->card;
    unsigned celsius;
    c->slowdown_c = NAN;
    read_text(f->name, g->handle, c->name);
    read_text(f->uuid, g->handle, c->uuid);
    if (f->threshold && f->threshold(g->handle, THRESHOLD_SLOWDOWN, &celsius) == SUCCESS)
        c->slowdown_c = celsius;
}

/* Cards that are not ours to see are passed over. */
static int find_cards(struct rn_nvml *n, struct rn_err *err)
{
    enum { CARDS_MAX = 256 };
    unsigned count = 0;
    int rc = n->f.count(&count), why = SUCCESS;
    if (rc != SUCCESS)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "the NVIDIA driver does not tell its cards: %s",
                       n->f.error_string(rc));
    count = count < CARDS_MAX ? count : CARDS_MAX;
    n->gpus = rn_xalloc((count + 1) * sizeof *n->gpus);
    for (unsigned i = 0; i < count; i++) {
        struct gpu *g = &n->gpus[n->n];
        rc = n->f.handle(i, &g->handle);
        if (rc != SUCCESS) {
            why = rc;
            continue;
        }
        g->card.index = i;
        describe(&n->f, g);
        n->n++;
    }
    if (n->n > 0)
        return RN_OK;
    return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "the NVIDIA driver shows no card%s%s",
                   why ? ": " : "", why ? n->f.error_string(why) : "");
}

static int start(struct rn_nvml *n, struct rn_err *err)
{
    RN_TRY(load_functions(n, err));
    int rc = n->f.init();
    if (rc != SUCCESS) {
        const char *why = n->f.error_string(rc);
        n->f.shutdown = NULL;
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE, "the NVIDIA driver cannot be asked: %s", why);
    }
    return find_cards(n, err);
}

int rn_nvml_open(struct rn_nvml **out, struct rn_err *err)
{
    void *library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return rn_fail(err, RN_EDEVICE, RN_NOWHERE,
                       "libnvidia-ml.so.1 is missing: it comes with the NVIDIA driver");
    struct rn_nvml *n = rn_new(struct rn_nvml);
    n->library = library;
    int rc = start(n, err);
    if (rc == RN_OK)
        *out = n;
    else
        rn_nvml_close(n);
    return rc;
}

void rn_nvml_close(struct rn_nvml *n)
{
    if (!n)
        return;
    if (n->f.shutdown)
        n->f.shutdown();
    dlclose(n->library);
    free(n->gpus);
    free(n);
}

size_t rn_nvml_count(const struct rn_nvml *n)
{
    return n->n;
}

const struct rn_card *rn_nvml_card(const struct rn_nvml *n, size_t i)
{
    return &n->gpus[i].card;
}
