/* What can be seen of a training from outside: its newest checkpoint, its disk, how often it should
 * save, and the cards. */
#include "signs.h"

#include "../scratch.h"
#include "clock.h"
#include "path.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utime.h>

static struct rn_signs s;
static struct rn_seen_save seen;

static void setup(void)
{
    scratch_up();
    s = rn_no_signs;
}
TestSuite(signs, .init = setup, .fini = scratch_down, .timeout = 60);

Test(signs, before_the_first_checkpoint_nothing_is_known_of_it)
{
    rn_signs_of_work(&s, &seen, dir);
    cr_expect(isnan(s.checkpoint_bytes));
    cr_expect(isnan(s.since_save_s));
    cr_expect_gt(s.disk_free_bytes, 0);
}

Test(signs, the_newest_checkpoint_is_what_latest_points_to)
{
    scratch_text("step_000010/model.safetensors", "123456789");
    scratch_text("step_000020/model.safetensors", "1234567");
    scratch_text("step_000020/state.json", "{}");
    scratch_text("latest", "20\n");
    char *path = rn_join(dir, "latest");
    double now_s = rn_time_s();
    utime(path, &(struct utimbuf){(time_t)now_s - 100, (time_t)now_s - 100});
    rn_signs_of_work(&s, &seen, dir);
    cr_expect_eq(s.checkpoint_bytes, 9, "%g", s.checkpoint_bytes);
    cr_expect(s.since_save_s >= 99 && s.since_save_s < 200, "%g", s.since_save_s);
    free(path);
}

Test(signs, a_checkpoint_is_measured_once)
{
    scratch_text("step_000010/model.safetensors", "12345");
    scratch_text("latest", "10\n");
    rn_signs_of_work(&s, &seen, dir);
    scratch_text("step_000010/more", "12345");
    rn_signs_of_work(&s, &seen, dir);
    cr_expect_eq(s.checkpoint_bytes, 5);
    scratch_text("step_000020/model.safetensors", "1234567");
    scratch_text("latest", "20\n");
    rn_signs_of_work(&s, &seen, dir);
    cr_expect_eq(s.checkpoint_bytes, 7, "until there is a newer one");
}

struct cfg {
    int64_t every;
    double every_s;
};
static const struct rn_key checkpoint_keys[] = {
    RN_KEY_STEPS(struct cfg, every, "every", RN_NEUTRAL, "250", 0, 1e9, "steps"),
    RN_KEY_TIME(struct cfg, every_s, "every_time", RN_NEUTRAL, "10 min", 0, 1e7, "time"),
    RN_KEYS_END};
static const struct rn_key keys[] = {RN_KEY_TABLE("checkpoint", checkpoint_keys, "when"),
                                     RN_KEYS_END};

Test(signs, how_often_it_should_save_is_what_its_keys_say)
{
    struct cfg cfg = {.every = 20, .every_s = 300};
    rn_signs_of_keys(&s, keys, &cfg);
    cr_expect_eq(s.save_every_steps, 20);
    cr_expect_eq(s.save_every_s, 300);
}

Test(signs, a_kind_without_such_keys_never_has_to)
{
    struct cfg cfg = {.every = 20, .every_s = 300};
    rn_signs_of_keys(&s, checkpoint_keys, &cfg);
    cr_expect_eq(s.save_every_steps, 0);
    rn_signs_of_keys(&s, NULL, &cfg);
    cr_expect_eq(s.save_every_s, 0);
}

Test(signs, cards_are_seen_where_somebody_samples_them)
{
    struct rn_gauge *g = rn_gauge_new();
    rn_signs_of_gpus(&s, NULL);
    rn_signs_of_gpus(&s, g);
    cr_expect(isnan(s.hottest_c));
    rn_gauge_put(
        g, &(struct rn_reading){.hottest_c = 83, .slowdown_c = 87, .throttled = 1, .lost = 2});
    rn_signs_of_gpus(&s, g);
    cr_expect_eq(s.hottest_c, 83);
    cr_expect_eq(s.slowdown_c, 87);
    cr_expect(s.throttled);
    cr_expect_eq(s.lost, 2);
    rn_gauge_free(g);
}
