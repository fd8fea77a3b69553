/* What `health` finds wrong with a step, and that it finds the same after a resume. */
#include "training_health.h"

#include "json.h"

#include <criterion/criterion.h>
#include <math.h>

enum { SKIP_NONFINITE = RN_STEP_SKIP - 1, STOP_NONFINITE = RN_STEP_STOP - 1 };

static struct rn_health health(enum rn_verdict spike, double z, int64_t window)
{
    struct rn_health h;
    struct rn_health_rules rules = {
        .nonfinite = SKIP_NONFINITE, .spike = (int)spike, .spike_z = z, .window = window, .max = 3};
    rn_health_init(&h, &rules);
    return h;
}

/* Losses 2.9 and 3.1 in turn: mean 3, deviation 0.1; norms a tenth of that. */
static void usual_steps(struct rn_health *h, int n)
{
    for (int i = 0; i < n; i++) {
        double loss = i % 2 ? 3.1 : 2.9;
        cr_assert_eq(rn_health_judge(h, loss, loss / 10).verdict, RN_STEP_SOUND);
    }
}

Test(health, what_is_no_number_is_never_sound)
{
    const double bad[][2] = {{NAN, 1}, {1, NAN}, {INFINITY, 1}, {1, INFINITY}, {-INFINITY, 1}};
    for (int i = 0; i < 5; i++) {
        struct rn_health h = health(RN_STEP_SOUND, 0, 4);
        struct rn_health_said s = rn_health_judge(&h, bad[i][0], bad[i][1]);
        cr_expect_eq(s.verdict, RN_STEP_SKIP);
        cr_expect(strstr(s.why, "gradient norm"), "%s", s.why);
        h.rules.nonfinite = STOP_NONFINITE;
        cr_expect_eq(rn_health_judge(&h, bad[i][0], bad[i][1]).verdict, RN_STEP_STOP);
        rn_health_release(&h);
    }
}

Test(health, a_z_score_counts_deviations_above_the_mean_of_a_full_window)
{
    struct rn_health h = health(RN_STEP_SOUND, 0, 4);
    usual_steps(&h, 3);
    cr_expect(isnan(rn_health_judge(&h, 3.1, 0.31).loss_z), "three steps are no window of four");
    struct rn_health_said s = rn_health_judge(&h, 3.5, 0.28);
    cr_expect(fabs(s.loss_z - 5) < 1e-6, "%g", s.loss_z);
    cr_expect(fabs(s.norm_z + 2) < 1e-6, "%g", s.norm_z);
    rn_health_release(&h);
}

Test(health, a_window_without_any_deviation_says_nothing)
{
    struct rn_health h = health(RN_STEP_SKIP, 1, 4);
    for (int i = 0; i < 4; i++)
        rn_health_judge(&h, 2, 1);
    struct rn_health_said s = rn_health_judge(&h, 100, 100);
    cr_expect(isnan(s.loss_z) && s.verdict == RN_STEP_SOUND);
    rn_health_release(&h);
}

Test(health, a_spike_of_either_is_dealt_with_by_its_rule)
{
    const struct {
        double loss, norm;
        enum rn_verdict verdict;
        const char *why;
    } rows[] = {{3.5, 0.3, RN_STEP_SKIP, "the loss is 5.0 standard deviations"},
                {3.0, 0.35, RN_STEP_SKIP, "the gradient norm is 5.0"},
                {3.3, 0.33, RN_STEP_SOUND, ""},
                {2.0, 0.1, RN_STEP_SOUND, ""}}; /* a fall is no spike */
    for (int i = 0; i < 4; i++) {
        struct rn_health h = health(RN_STEP_SKIP, 4, 8);
        usual_steps(&h, 8);
        struct rn_health_said s = rn_health_judge(&h, rows[i].loss, rows[i].norm);
        cr_expect_eq(s.verdict, rows[i].verdict, "row %d", i);
        cr_expect_eq(strncmp(s.why, rows[i].why, strlen(rows[i].why)), 0, "%s", s.why);
        rn_health_release(&h);
    }
}

Test(health, a_bad_step_does_not_change_what_is_usual)
{
    struct rn_health h = health(RN_STEP_SKIP, 4, 8);
    usual_steps(&h, 8);
    double first = rn_health_judge(&h, 4, 0.3).loss_z;
    cr_expect_eq(rn_health_judge(&h, 4, 0.3).loss_z, first);
    rn_health_release(&h);
}

Test(health, more_bad_steps_than_allowed_end_the_run)
{
    struct rn_health h = health(RN_STEP_SOUND, 0, 4);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(rn_health_judge(&h, NAN, 1).verdict, RN_STEP_SKIP);
    cr_expect_eq(rn_health_judge(&h, NAN, 1).verdict, RN_STEP_STOP);
    rn_health_release(&h);
}

Test(health, a_bad_step_is_left_out_with_its_margin)
{
    struct rn_health h = health(RN_STEP_ROLL_BACK, 4, 8);
    h.rules.margin = 3;
    cr_expect_eq(rn_health_leave_out(&h, 10), 7);
    cr_expect_eq(rn_health_leave_out(&h, 2), 0);
    const bool left_out[] = {true,  true, true, false, false, false,
                             false, true, true, true,  true,  false};
    for (int64_t step = 0; step < 12; step++)
        cr_expect_eq(rn_health_leaves_out(&h, step), left_out[step], "step %d", (int)step);
    rn_health_release(&h);
}

Test(health, a_restored_window_gives_the_same_bits_wherever_its_ring_begins)
{
    struct rn_health h = health(RN_STEP_SKIP, 4, 7), again = health(RN_STEP_SKIP, 4, 7);
    for (int i = 0; i < 24; i++)
        rn_health_judge(&h, 3 + 0.001 * (i * i % 17), 1 + 0.01 * (i * i % 5));
    rn_health_judge(&h, NAN, 1);
    rn_health_leave_out(&h, 5);
    json_t *state = rn_health_state(&h);
    char *text = rn_json_canonical(state);
    json_t *read = NULL;
    cr_assert_eq(rn_json_parse(text, strlen(text), RN_NOWHERE, &read, NULL), RN_OK);
    rn_health_restore(&again, read);
    struct rn_health_said a = rn_health_judge(&h, 3.1, 1.1), b = rn_health_judge(&again, 3.1, 1.1);
    cr_expect_eq(a.loss_z, b.loss_z);
    cr_expect_eq(a.norm_z, b.norm_z);
    cr_expect_eq(again.n_bad, h.n_bad);
    cr_expect(rn_health_leaves_out(&again, 5));
    json_decref(read);
    json_decref(state);
    free(text);
    rn_health_release(&again);
    rn_health_release(&h);
}

Test(health, going_back_keeps_what_was_counted_and_left_out_since)
{
    struct rn_health h = health(RN_STEP_ROLL_BACK, 4, 4);
    usual_steps(&h, 4);
    json_t *before = rn_health_state(&h);
    usual_steps(&h, 2);
    rn_health_judge(&h, 9, 9);
    rn_health_leave_out(&h, 6);
    rn_health_restore(&h, before);
    rn_health_restore(&h, before);
    cr_expect_eq(rn_ring_n(&h.loss), 4);
    cr_expect_eq(h.n_bad, 1);
    cr_expect_eq(h.n_left_out, 1);
    json_decref(before);
    rn_health_release(&h);
}
