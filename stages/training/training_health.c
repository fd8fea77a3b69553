#include "training_health.h"

#include "training.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define CFG struct rn_training_cfg

static const char *const words[] = {"tell", "skip", "rollback", "stop", NULL};

static const struct rn_key spike_keys[] = {
    RN_KEY_REAL(CFG, health.spike_z, "z", RN_NEUTRAL, "0", 0, 1e6, "",
                "loss or gradient norm so many standard deviations above its mean; 0: never"),
    RN_KEY_INT(CFG, health.window, "window", RN_NEUTRAL, "128", 2, 4096, "steps",
               "sound steps before it that say what is usual"),
    RN_KEY_WORD(CFG, health.spike, "do", RN_NEUTRAL, "tell", words,
                "tell it, skip the step, go back to a checkpoint and leave it out, or end the run"),
    RN_KEYS_END};
const struct rn_key rn_health_keys[] = {
    RN_KEY_WORD(CFG, health.nonfinite, "nonfinite", RN_NEUTRAL, "stop", words + 1,
                "what is done where loss or gradient norm is no number; never trained on"),
    RN_KEY_TABLE("spike", spike_keys, "a step far from what was usual"),
    RN_KEY_STEPS(CFG, health.margin, "margin", RN_NEUTRAL, "0", 0, 1e6,
                 "rollback: steps before the bad one that are left out, too"),
    RN_KEY_INT(CFG, health.max, "max", RN_NEUTRAL, "10", 0, 1e6, "steps",
               "bad steps that are skipped or rolled back; one more ends the run"),
    RN_KEYS_END};

void rn_health_init(struct rn_health *h, const struct rn_health_rules *rules)
{
    *h = (struct rn_health){.rules = *rules};
    rn_ring_init(&h->loss, (size_t)rules->window);
    rn_ring_init(&h->norm, (size_t)rules->window);
}

void rn_health_release(struct rn_health *h)
{
    rn_ring_release(&h->loss);
    rn_ring_release(&h->norm);
    free(h->left_out);
}

static void take(struct rn_health *h, double loss, double norm)
{
    rn_ring_add(&h->loss, loss);
    rn_ring_add(&h->norm, norm);
}

/* --- verdicts --- */

static enum rn_verdict judge_spike(const struct rn_health *h, struct rn_health_said *s)
{
    double limit = h->rules.spike_z;
    bool loss = s->loss_z > limit, norm = s->norm_z > limit;
    if (!(limit > 0) || !(loss || norm))
        return RN_STEP_SOUND;
    snprintf(s->why, sizeof s->why, "%s is %.1f standard deviations above its last %" PRId64,
             loss ? "the loss" : "the gradient norm", loss ? s->loss_z : s->norm_z,
             h->rules.window);
    return (enum rn_verdict)h->rules.spike;
}

struct rn_health_said rn_health_judge(struct rn_health *h, double loss, double norm)
{
    struct rn_health_said s = {.loss_z = NAN, .norm_z = NAN};
    if (isfinite(loss) && isfinite(norm)) {
        s.loss_z = rn_ring_z(&h->loss, loss);
        s.norm_z = rn_ring_z(&h->norm, norm);
        s.verdict = judge_spike(h, &s);
    } else {
        snprintf(s.why, sizeof s.why, "loss %g, gradient norm %g", loss, norm);
        s.verdict = (enum rn_verdict)(h->rules.nonfinite + 1);
    }
    if (s.verdict == RN_STEP_SOUND)
        take(h, loss, norm);
    else if (++h->n_bad > h->rules.max)
        s.verdict = RN_STEP_STOP;
    return s;
}

int64_t rn_health_leave_out(struct rn_health *h, int64_t bad_step)
{
    int64_t first = bad_step > h->rules.margin ? bad_step - h->rules.margin : 0;
    RN_PUSH(h->left_out, h->n_left_out, h->cap_left_out,
            ((struct rn_health_span){first, bad_step}));
    return first;
}

bool rn_health_leaves_out(const struct rn_health *h, int64_t step)
{
    for (size_t i = 0; i < h->n_left_out; i++)
        if (h->left_out[i].first <= step && step <= h->left_out[i].last)
            return true;
    return false;
}

/* --- in checkpoints --- */

json_t *rn_health_state(const struct rn_health *h)
{
    json_t *loss = json_array(), *norm = json_array(), *left_out = json_array();
    for (size_t i = 0; i < rn_ring_n(&h->loss); i++) {
        json_array_append_new(loss, json_real(rn_ring_nth(&h->loss, i)));
        json_array_append_new(norm, json_real(rn_ring_nth(&h->norm, i)));
    }
    for (size_t i = 0; i < h->n_left_out; i++)
        json_array_append_new(left_out, json_pack("[I, I]", (json_int_t)h->left_out[i].first,
                                                  (json_int_t)h->left_out[i].last));
    return json_pack("{s:o, s:o, s:I, s:o}", "loss", loss, "norm", norm, "bad",
                     (json_int_t)h->n_bad, "left_out", left_out);
}

static void restore_span(struct rn_health *h, const json_t *pair)
{
    struct rn_health_span s = {json_integer_value(json_array_get(pair, 0)),
                               json_integer_value(json_array_get(pair, 1))};
    for (size_t i = 0; i < h->n_left_out; i++)
        if (h->left_out[i].first == s.first && h->left_out[i].last == s.last)
            return;
    RN_PUSH(h->left_out, h->n_left_out, h->cap_left_out, s);
}

void rn_health_restore(struct rn_health *h, const json_t *state)
{
    const json_t *loss = json_object_get(state, "loss"), *norm = json_object_get(state, "norm");
    const json_t *spans = json_object_get(state, "left_out");
    int64_t bad = rn_json_int(state, "bad", 0);
    rn_ring_clear(&h->loss);
    rn_ring_clear(&h->norm);
    for (size_t i = 0; i < json_array_size(loss) && i < json_array_size(norm); i++)
        take(h, json_number_value(json_array_get(loss, i)),
             json_number_value(json_array_get(norm, i)));
    h->n_bad = bad > h->n_bad ? bad : h->n_bad;
    for (size_t i = 0; i < json_array_size(spans); i++)
        restore_span(h, json_array_get(spans, i));
}
