#include "sampler.h"

#include "clock.h"
#include "mem.h"
#include "signals.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* --- which cards --- */

static int no_such_card(const struct rn_sampler *s, const char *gpus, struct rn_err *err)
{
    const struct rn_card *last = rn_nvml_card(s->nvml, rn_nvml_count(s->nvml) - 1);
    rn_hint(err, "numbers from 0 to %u, with commas between them", last->index);
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--gpus: no such card in '%.60s'", gpus);
}

/* Where NVML's card of that number stands; rn_nvml_count if it is not there. */
static size_t place_of(const struct rn_sampler *s, unsigned long index)
{
    size_t i = 0;
    while (i < rn_nvml_count(s->nvml) && rn_nvml_card(s->nvml, i)->index != index)
        i++;
    return i;
}

static void add_card(struct rn_sampler *s, size_t place)
{
    s->which[s->n] = place;
    s->cards[s->n++] = (struct rn_sampled){.card = rn_nvml_card(s->nvml, place), .temp_max_c = NAN};
}

static int choose_cards(struct rn_sampler *s, const char *gpus, struct rn_err *err)
{
    size_t count = rn_nvml_count(s->nvml);
    s->which = rn_xalloc(count * sizeof *s->which);
    s->cards = rn_xalloc(count * sizeof *s->cards);
    for (size_t i = 0; !gpus && i < count; i++)
        add_card(s, i);
    for (const char *p = gpus; p; p = *p ? p + 1 : NULL) {
        char *end;
        unsigned long index = strtoul(p, &end, 10);
        size_t place = place_of(s, index);
        if (*p < '0' || *p > '9' || (*end && *end != ',') || place == count || s->n == count)
            return no_such_card(s, gpus, err);
        add_card(s, place);
        p = end;
    }
    return RN_OK;
}

int rn_sampler_open(struct rn_sampler *s, const char *gpus, struct rn_err *err)
{
    *s = (struct rn_sampler){.cpu_j = NAN, .cpu_w = NAN, .update_hz = NAN};
    RN_TRY(rn_nvml_open(&s->nvml, err));
    int rc = choose_cards(s, gpus, err);
    if (rc == RN_OK)
        rn_rapl_open(&s->rapl, NULL);
    else
        rn_sampler_release(s);
    return rc;
}

void rn_sampler_release(struct rn_sampler *s)
{
    rn_rapl_close(&s->rapl);
    rn_nvml_close(s->nvml);
    free(s->which);
    free(s->cards);
    *s = (struct rn_sampler){.n = 0};
}

/* --- a sample --- */

static bool has_bits(double value, unsigned bits)
{
    return value >= 0 && value < 0x1p53 && (bits & (uint64_t)value) != 0;
}

static void take_card(struct rn_sampled *c, double clock_s, double span_s)
{
    const unsigned IDLE = 1;
    double why = c->values[RN_GPU_THROTTLE];
    rn_meter_add(&c->meter, clock_s, c->values[RN_GPU_POWER], c->values[RN_GPU_ENERGY]);
    c->temp_max_c = fmax(c->temp_max_c, c->values[RN_GPU_TEMPERATURE]);
    c->throttled_s += has_bits(why, ~IDLE) ? span_s : 0;
    c->held_hard = has_bits(why, RN_THROTTLE_HARD);
    c->hard_s += c->held_hard ? span_s : 0;
}

static void take_cpu(struct rn_sampler *s, double clock_s, double span_s)
{
    double joules = rn_rapl_read(&s->rapl);
    s->cpu_w = span_s > 0 ? (joules - s->cpu_j) / span_s : NAN;
    s->cpu_j = joules;
    rn_meter_add(&s->cpu, clock_s, s->cpu_w, joules);
}

void rn_sampler_take(struct rn_sampler *s, double clock_s, double time_s)
{
    double span_s = s->n_samples ? clock_s - s->last_s : 0;
    for (size_t i = 0; i < s->n; i++) {
        rn_nvml_read(s->nvml, s->which[i], s->cards[i].values);
        take_card(&s->cards[i], clock_s, span_s);
    }
    take_cpu(s, clock_s, span_s);
    s->first_s = s->n_samples++ ? s->first_s : clock_s;
    s->last_s = clock_s;
    s->time_s = time_s;
}

double rn_sampler_hz(const struct rn_sampler *s)
{
    double span_s = s->last_s - s->first_s;
    return span_s > 0 ? (double)(s->n_samples - 1) / span_s : 0;
}

/* --- sums --- */

static void set_known(json_t *row, const char *key, double value)
{
    if (isfinite(value))
        json_object_set_new(row, key, json_real(value));
}

static json_t *meter_row(const char *device, const char *name, const struct rn_meter *m)
{
    json_t *row = json_pack("{s:s, s:s}", "device", device, "name", name);
    set_known(row, "mean_w", rn_meter_watts(m));
    set_known(row, "max_w", m->power_max_w);
    set_known(row, "energy_wh", rn_meter_joules(m) / 3600);
    return row;
}

static json_t *card_row(const struct rn_sampled *c)
{
    char *device = rn_xprintf("gpu%u", c->card->index);
    json_t *row = meter_row(device, c->card->name, &c->meter);
    json_object_set_new(row, "uuid", json_string(c->card->uuid));
    set_known(row, "max_c", c->temp_max_c);
    json_object_set_new(row, "throttled_s", json_real(c->throttled_s));
    json_object_set_new(row, "hard_throttled_s", json_real(c->hard_s));
    if (c->card->lost)
        json_object_set_new(row, "note", json_string("fell off the bus"));
    free(device);
    return row;
}

json_t *rn_sampler_sums(const struct rn_sampler *s)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(rows, card_row(&s->cards[i]));
    if (s->rapl.n)
        json_array_append_new(rows, meter_row("cpu", "", &s->cpu));
    return rows;
}

/* --- how often power is new --- */

static double clock_now(void *ctx)
{
    (void)ctx;
    return rn_clock_s();
}

static void pause_a_little(void *ctx)
{
    (void)ctx;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

const struct rn_ticker rn_ticker_real = {clock_now, pause_a_little, NULL};

void rn_sampler_measure(struct rn_sampler *s, const struct rn_ticker *t)
{
    enum { POLLS = 1000, ENOUGH = 16 };
    const double PATIENCE_S = 1;
    double start_s = t->now_s(t->ctx), changed_s = NAN, gap_s = INFINITY, before_w = NAN;
    int changes = 0;
    for (int i = 0; i < POLLS && changes < ENOUGH; i++) {
        double watt = rn_nvml_power(s->nvml, s->which[0]), now_s = t->now_s(t->ctx);
        if (!isnan(before_w) && !isnan(watt) && watt != before_w) {
            if (changes++ > 0)
                gap_s = fmin(gap_s, now_s - changed_s);
            changed_s = now_s;
        }
        before_w = watt;
        if (now_s - start_s > PATIENCE_S)
            break;
        t->pause(t->ctx);
    }
    s->update_hz = gap_s > 0 && gap_s < INFINITY ? 1 / gap_s : NAN;
}

/* --- when --- */

struct rn_pace rn_pace_from(double now_s, double hz)
{
    return (struct rn_pace){now_s, 1 / hz, now_s};
}

/* In pieces: a signal that comes just before the sleep does not end it. */
void rn_pace_wait(const struct rn_pace *p)
{
    const double PIECE_S = 0.2;
    for (double left_s; !rn_signals_stopping() && (left_s = p->due_s - rn_clock_s()) > 0;) {
        double s = fmin(left_s, PIECE_S);
        nanosleep(&(struct timespec){.tv_nsec = (long)(s * 1e9)}, NULL);
    }
}

void rn_pace_step(struct rn_pace *p, double now_s)
{
    p->due_s += p->period_s;
    if (p->due_s < now_s)
        p->due_s = p->start_s + p->period_s * ceil((now_s - p->start_s) / p->period_s);
}
