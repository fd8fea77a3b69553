/* Checkpoints: exact, named, rotated; whatever breaks, what is found is old or new and never a
 * third thing; whatever is damaged is passed over and told. */
#include "../scratch.h"
#include "fixture.h"

#include "checkpoint.h"
#include "file.h"
#include "path.h"
#include "str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const parts[] = {"config.json", "model.safetensors", "optimizer.safetensors",
                                    "state.json", "manifest.json"};

/* --- a disk that fails at the nth call --- */

enum { KILLED = 99 };
static struct {
    long calls, break_at; /* calls of write, fsync and rename together; 0: never */
    int error;            /* errno to fail with; 0: the process ends */
} disk;

static bool breaks(void)
{
    if (++disk.calls != disk.break_at)
        return false;
    if (!disk.error)
        _exit(KILLED);
    errno = disk.error;
    return true;
}
static ssize_t disk_write(int fd, const void *bytes, size_t n)
{
    if (breaks()) {
        if (n > 1 && write(fd, bytes, n / 2) < 0) /* torn */
            abort();
        errno = disk.error;
        return -1;
    }
    return write(fd, bytes, n);
}
static int disk_fsync(int fd)
{
    (void)fd; /* the machine stays up: no need to wait for its disk */
    return breaks() ? -1 : 0;
}
static int disk_rename(const char *from, const char *to)
{
    return breaks() ? -1 : rename(from, to);
}

/* --- a training in a directory of its own --- */

static struct rn_str said;
static struct fixture f;
static struct rn_optim *optim;
static struct rn_ckpt ckpt;

static void listen_to(void *ctx, enum rn_level level, const char *text)
{
    (void)ctx, (void)level;
    rn_str_printf(&said, "%s\n", text);
}
static const struct rn_log logbook = {listen_to, NULL};

static struct rn_model_cfg tiny(void)
{
    struct rn_model_cfg c;
    struct rn_model_shape_request r = {.depth = 1,
                                       .n_embd = 8,
                                       .head_dim = 8,
                                       .n_head = 1,
                                       .vocab_size = 8,
                                       .vocab_pad = 8,
                                       .sequence_len = 4};
    MUST(rn_model_cfg_fill(&c, "nanochat-2025", &r, e));
    return c;
}

static void enter(void)
{
    struct rn_model_cfg c = tiny();
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    scratch_up();
    disk.calls = disk.break_at = 0;
    rn_io = (struct rn_io){disk_write, disk_fsync, disk_rename};
    f = fixture_new(&c, 1, true);
    MUST(rn_optim_new(&optim, f.model, &oc, e));
    ckpt = (struct rn_ckpt){.dir = dir, .key = "0123abcd", .log = &logbook};
}
static void leave(void)
{
    scratch_down();
    rn_optim_free(optim);
    fixture_free(&f);
    rn_str_release(&said);
}
TestSuite(checkpoint, .init = enter, .fini = leave, .timeout = 300);

/* Weights and moments become a function of the step alone. */
static void train_to(int64_t step)
{
    struct rn_params *p = rn_model_params(f.model);
    struct rn_optim_cfg oc = RN_OPTIM_DEFAULTS;
    rn_optim_free(optim);
    MUST(rn_optim_new(&optim, f.model, &oc, e));
    MUST(rn_model_init_weights(f.model, (uint64_t)step, e));
    add_noise(f.model, (uint64_t)step, 0.1F);
    MUST(rn_params_zero_grads(p, e));
    struct rn_train_prog t;
    MUST(rn_model_train_prog(f.model, 1, 4, &t, e));
    int32_t *x = random_ids(4, 8, (uint64_t)step);
    const float scale = 0.25F;
    MUST(rn_prog_put(t.prog, t.x, x, e));
    MUST(rn_prog_put(t.prog, t.y, x, e));
    MUST(rn_prog_put(t.prog, t.scale, &scale, e));
    MUST(rn_prog_put_positions(t.prog, t.pos, e));
    MUST(rn_prog_run(t.prog, e));
    struct rn_optim_step now = {.t = step + 1, .lr_mult = 1, .muon_momentum = 0.9, .decay_mult = 1};
    MUST(rn_optim_step(optim, &now, NULL, e));
    rn_prog_free(t.prog);
    free(x);
}

static int save(int64_t step, struct rn_err *err)
{
    json_t *state = json_pack("{s:I, s:f}", "step", (json_int_t)step, "best_bpb", 1.0 / 3);
    int rc = rn_ckpt_save(&ckpt, step, f.model, optim, state, err);
    json_decref(state);
    return rc;
}

static int save_trained(int64_t step, int64_t keep, struct rn_err *err)
{
    RN_TRY(save(step, err));
    return rn_ckpt_rotate(&ckpt, step, keep, err);
}

static int save_and_rotate(int64_t step, int64_t keep, struct rn_err *err)
{
    train_to(step);
    return save_trained(step, keep, err);
}

static char *part(int64_t step, const char *name)
{
    char *path = rn_ckpt_path(&ckpt, step), *file = rn_join(path, name);
    free(path);
    return file;
}

/* Digest over weights and moments as they lie on the device. */
static void fingerprint(char hex[RN_HEX])
{
    char a[RN_HEX], b[RN_HEX], *weights = rn_join(dir, ".w"), *moments = rn_join(dir, ".m");
    struct rn_io io = rn_io;
    rn_io = (struct rn_io){write, fsync, rename};
    MUST(rn_model_save_weights(f.model, weights, a, e));
    MUST(rn_optim_save(optim, moments, b, e));
    char *both = rn_xprintf("%s%s", a, b);
    rn_sha256_hex(both, strlen(both), hex);
    rn_io = io;
    unlink(weights);
    unlink(moments);
    free(both);
    free(weights);
    free(moments);
}

static int64_t found(void)
{
    int64_t step = -2;
    MUST(rn_ckpt_find(&ckpt, NULL, &step, e));
    return step;
}

static bool has_step(int64_t step)
{
    int64_t *steps;
    size_t n = rn_ckpt_list(&ckpt, &steps);
    bool has = false;
    for (size_t i = 0; i < n; i++)
        has |= steps[i] == step;
    free(steps);
    return has;
}

static void cut_to(const char *path, size_t n)
{
    cr_assert_eq(truncate(path, (off_t)n), 0);
}

/* --- */

Test(checkpoint, what_is_loaded_is_what_was_saved_to_the_bit)
{
    char was[RN_HEX], is[RN_HEX];
    json_t *state;
    train_to(3);
    fingerprint(was);
    MUST(save(3, e));
    train_to(4);
    fingerprint(is);
    cr_assert_str_neq(is, was);
    MUST(rn_ckpt_load(&ckpt, 3, f.model, optim, &state, e));
    fingerprint(is);
    cr_expect_str_eq(is, was);
    cr_expect_eq(rn_json_real(state, "best_bpb", 0), 1.0 / 3);
    json_decref(state);
}

Test(checkpoint, an_empty_directory_holds_no_step)
{
    cr_expect_eq(found(), -1);
    ckpt.dir = "/tmp/runnel-ckpt-that-is-not-there";
    cr_expect_eq(found(), -1);
}

Test(checkpoint, a_step_that_is_saved_already_is_not_written_again)
{
    MUST(save_and_rotate(5, 2, e));
    long before = disk.calls;
    MUST(save(5, e));
    cr_expect_eq(disk.calls, before);
}

Test(checkpoint, a_damaged_one_of_the_same_step_is_written_again)
{
    char *path = part(5, "model.safetensors");
    MUST(save_and_rotate(5, 2, e));
    cut_to(path, 10);
    MUST(save(5, e));
    MUST(rn_ckpt_verify(&ckpt, 5, e));
    free(path);
}

Test(checkpoint, the_newest_keep_stay_and_so_does_whatever_has_a_name)
{
    MUST(save_and_rotate(1, 2, e));
    MUST(rn_ckpt_point(&ckpt, "best", 1, e));
    MUST(save_and_rotate(2, 2, e));
    MUST(rn_ckpt_point(&ckpt, "epoch_00001", 2, e));
    for (int64_t step = 3; step <= 6; step++)
        MUST(save_and_rotate(step, 2, e));
    static const bool kept[] = {false, true, true, false, false, true, true};
    for (int64_t step = 0; step <= 6; step++)
        cr_expect_eq(has_step(step), kept[step], "step %d", (int)step);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest"), 6);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest_backup"), 5);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "rolling_step_000005"), 5);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "rolling_step_000004"), -1);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "best"), 1);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "nobody"), -1);
}

static void spare_are(int64_t keep, const int64_t *want, size_t n_want)
{
    int64_t *steps;
    size_t n = rn_ckpt_spare(&ckpt, keep, &steps);
    cr_assert_eq(n, n_want, "keep %d: %zu", (int)keep, n);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(steps[i], want[i]);
    free(steps);
}

Test(checkpoint, what_is_spare_goes_and_what_has_another_name_stays)
{
    for (int64_t step = 1; step <= 6; step++)
        MUST(save_and_rotate(step, 9, e));
    MUST(rn_ckpt_point(&ckpt, "best", 2, e));
    spare_are(9, NULL, 0);
    spare_are(3, (int64_t[]){1, 3}, 2); /* best 2, latest_backup 5, latest 6 */
    spare_are(0, (int64_t[]){1, 3, 4}, 3);
    struct rn_str names = {0};
    rn_ckpt_names(&ckpt, 2, &names);
    cr_assert_str_eq(names.p, "best, rolling_step_000002");
    rn_str_release(&names);
    MUST(rn_ckpt_thin(&ckpt, 3, e));
    static const bool kept[] = {false, false, true, false, true, true, true};
    for (int64_t step = 0; step <= 6; step++)
        cr_expect_eq(has_step(step), kept[step], "step %d", (int)step);
    cr_expect_eq(found(), 6, "the newest is what is resumed from");
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "rolling_step_000002"), -1);
    spare_are(3, NULL, 0);
}

Test(checkpoint, with_one_to_keep_the_one_before_is_still_there)
{
    for (int64_t step = 1; step <= 3; step++)
        MUST(save_and_rotate(step, 1, e));
    cr_expect(has_step(3) && has_step(2) && !has_step(1));
}

Test(checkpoint, a_name_or_a_step_finds_one_and_nothing_outside_the_directory)
{
    int64_t step;
    struct rn_err err = {0};
    MUST(save_and_rotate(1, 2, e));
    MUST(rn_ckpt_point(&ckpt, "best", 1, e));
    MUST(save_and_rotate(2, 2, e));
    MUST(rn_ckpt_find(&ckpt, "best", &step, e));
    cr_expect_eq(step, 1);
    MUST(rn_ckpt_find(&ckpt, "step_000002", &step, e));
    cr_expect_eq(step, 2);
    cr_expect_eq(rn_ckpt_find(&ckpt, "step_000003", &step, &err), RN_ECORRUPT);
    err = (struct rn_err){0};
    cr_expect_eq(rn_ckpt_find(&ckpt, "bset", &step, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "there is no checkpoint 'bset'"), "%s", err.msg);
    err = (struct rn_err){0};
    char *name = rn_xprintf("../%s/best", rn_basename(dir));
    cr_expect_eq(rn_ckpt_find(&ckpt, name, &step, &err), RN_ECORRUPT);
    free(name);
}

Test(checkpoint, what_lies_beyond_the_horizon_is_not_taken_up)
{
    int64_t step;
    struct rn_err err = {0};
    MUST(save_and_rotate(4, 2, e));
    MUST(save_and_rotate(6, 2, e));
    ckpt.steps = 5; /* it was 6 or more before */
    cr_expect_eq(found(), 4);
    ckpt.steps = 3;
    cr_expect_eq(found(), -1);
    cr_expect_eq(rn_ckpt_find(&ckpt, "latest", &step, &err), RN_ECONFIG);
}

Test(checkpoint, a_foreign_key_is_refused)
{
    struct rn_err err = {0};
    MUST(save(1, e));
    ckpt.key = "ffff";
    cr_expect_eq(rn_ckpt_verify(&ckpt, 1, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "another configuration"), "%s", err.msg);
    ckpt.key = NULL; /* a reader that takes any */
    MUST(rn_ckpt_verify(&ckpt, 1, e));
}

Test(checkpoint, one_of_other_work_is_taken_over_under_the_own_key)
{
    char was[RN_HEX], is[RN_HEX], other[80];
    struct rn_err err = {0};
    json_t *state;
    train_to(3);
    fingerprint(was);
    MUST(save(3, e));
    struct rn_ckpt from = ckpt;
    snprintf(other, sizeof other, "%s/other", dir);
    ckpt.dir = other;
    ckpt.key = "ffff";
    MUST(rn_mkdirs(other, e));
    MUST(rn_ckpt_take(&ckpt, &from, 3, e));
    MUST(rn_ckpt_verify(&ckpt, 3, e));
    MUST(rn_ckpt_verify(&from, 3, e)); /* what it was taken from stays */
    train_to(4);
    MUST(rn_ckpt_load(&ckpt, 3, f.model, optim, &state, e));
    fingerprint(is);
    cr_expect_str_eq(is, was);
    json_decref(state);
    cr_expect_eq(rn_ckpt_take(&ckpt, &from, 4, &err), RN_ECORRUPT, "there is no step 4");
}

Test(checkpoint, every_part_that_is_damaged_is_passed_over_and_told)
{
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        for (int missing = 0; missing < 2; missing++) {
            MUST(save_and_rotate(1, 9, e));
            MUST(save_and_rotate(2, 9, e));
            char *path = part(2, parts[i]);
            said.n = 0;
            if (missing)
                cr_assert_eq(unlink(path), 0);
            else
                cut_to(path, (size_t)rn_file_size(path) / 2);
            cr_expect_eq(found(), 1, "%s", parts[i]);
            cr_expect(said.n && strstr(said.p, "step_000002 is passed over") &&
                          strstr(said.p, parts[i]),
                      "%s: %s", parts[i], said.n ? said.p : "nothing said");
            free(path);
        }
    }
}

Test(checkpoint, where_none_verifies_nothing_starts_over_silently)
{
    int64_t step;
    struct rn_err err = {0};
    char *path = part(1, "manifest.json");
    MUST(save(1, e));
    cut_to(path, 0);
    cr_expect_eq(rn_ckpt_find(&ckpt, NULL, &step, &err), RN_ECORRUPT);
    cr_expect(strstr(err.msg, "none of 1 checkpoints verifies; of the newest manifest.json: "),
              "%s", err.msg);
    cr_expect(*err.hint);
    free(path);
}

/* What a plan can know: sizes, and what somebody who read the files found. */
Test(checkpoint, a_glance_reads_nothing_and_knows_what_readers_found)
{
    int64_t step;
    char *memo = rn_join(dir, ".memo"), *weights = part(2, "model.safetensors"), byte;
    ckpt.memo = rn_memo_open(memo);
    struct rn_ckpt glance = ckpt;
    glance.glance = true;
    MUST(save_and_rotate(1, 9, e));
    MUST(save_and_rotate(2, 9, e));
    int fd = open(weights, O_RDWR);
    cr_assert_eq(pread(fd, &byte, 1, 2000), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 2000), 1);
    MUST(rn_ckpt_find(&glance, NULL, &step, e));
    cr_expect_eq(step, 2, "the sizes are right, and nobody has read it");
    cr_expect_eq(found(), 1);
    MUST(rn_ckpt_find(&glance, NULL, &step, e));
    cr_expect_eq(step, 1, "somebody has read it");
    usleep(20000); /* the clock of files has a tick */
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 2000), 1);
    MUST(rn_ckpt_find(&glance, NULL, &step, e));
    cr_expect_eq(step, 2, "it is another file since");
    cut_to(weights, 3);
    MUST(rn_ckpt_find(&glance, NULL, &step, e));
    cr_expect_eq(step, 1, "its size is wrong");
    close(fd);
    rn_memo_free(ckpt.memo);
    free(weights);
    free(memo);
}

/* latest, then latest_backup, then the rolling ones; names that lie about it change nothing. */
Test(checkpoint, the_newest_that_is_whole_goes_before_what_names_say)
{
    for (int64_t step = 1; step <= 4; step++)
        MUST(save_and_rotate(step, 9, e));
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest"), 4);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest_backup"), 3);
    MUST(rn_ckpt_point(&ckpt, "latest", 1, e));
    for (int64_t step = 4; step >= 2; step--) {
        char *path = part(step, parts[(size_t)step % RN_COUNT(parts)]);
        cr_expect_eq(found(), step);
        cut_to(path, 3);
        free(path);
    }
    cr_expect_eq(found(), 1);
}

Test(checkpoint, what_is_forgotten_is_gone_with_its_names)
{
    for (int64_t step = 1; step <= 4; step++)
        MUST(save_and_rotate(step, 9, e));
    MUST(rn_ckpt_point(&ckpt, "best", 4, e));
    MUST(rn_ckpt_point(&ckpt, "epoch_00001", 2, e));
    MUST(rn_ckpt_forget_after(&ckpt, 2, e));
    cr_expect_eq(found(), 2);
    cr_expect(has_step(1) && has_step(2) && !has_step(3) && !has_step(4));
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest"), 2);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "best"), -1);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "latest_backup"), -1);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "epoch_00001"), 2);
    cr_expect_eq(rn_ckpt_pointed(&ckpt, "rolling_step_000003"), -1);
}

Test(checkpoint, weights_that_are_no_numbers_are_not_saved_and_the_last_ones_stay)
{
    struct rn_err err = {0};
    struct rn_params *p = rn_model_params(f.model);
    MUST(save_and_rotate(1, 2, e));
    size_t n = (size_t)rn_elems(rn_params_spec(p, 0)->shape);
    float *w = rn_xalloc(n * sizeof *w);
    MUST(rn_params_get(p, 0, w, e));
    w[n - 1] = -INFINITY;
    MUST(rn_params_put(p, 0, w, e));
    cr_expect_eq(save_trained(2, 2, &err), RN_EDEVICE);
    cr_expect(strstr(err.msg, rn_params_spec(p, 0)->name), "%s", err.msg);
    cr_expect_eq(found(), 1);
    cr_expect_not(has_step(2));
    free(w);
}

Test(checkpoint, every_truncation_is_noticed)
{
    train_to(1);
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        char *path = part(1, parts[i]);
        MUST(save(1, e));
        size_t n = (size_t)rn_file_size(path);
        /* The manifest's last byte is a newline after the closing brace, and says nothing. */
        for (size_t keep = n - 1 - (i == RN_COUNT(parts) - 1); keep < n; keep--) {
            cut_to(path, keep);
            cr_assert_neq(rn_ckpt_verify(&ckpt, 1, NULL), RN_OK, "%s cut to %zu", parts[i], keep);
        }
        free(path);
    }
}

Test(checkpoint, every_flipped_bit_is_noticed)
{
    train_to(1);
    MUST(save(1, e));
    for (size_t i = 0; i < RN_COUNT(parts); i++) {
        char *path = part(1, parts[i]), *bytes;
        size_t n;
        MUST(rn_file_read(path, 1 << 20, &bytes, &n, e));
        int fd = open(path, O_WRONLY);
        for (size_t bit = 0; bit < n * 8; bit++) {
            char flipped = (char)(bytes[bit / 8] ^ (1 << bit % 8));
            cr_assert_eq(pwrite(fd, &flipped, 1, (off_t)(bit / 8)), 1);
            cr_assert_neq(rn_ckpt_verify(&ckpt, 1, NULL), RN_OK, "%s: bit %zu", parts[i], bit);
            cr_assert_eq(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
        }
        close(fd);
        free(bytes);
        free(path);
    }
    MUST(rn_ckpt_verify(&ckpt, 1, e));
}

/* --- failing disks --- */

static char digest_of[3][RN_HEX]; /* of steps 1 and 2 */

static void learn_digests(void)
{
    for (int64_t step = 1; step <= 2; step++) {
        train_to(step);
        fingerprint(digest_of[step]);
    }
}

/* The newest that verifies holds what was trained to its step; what has a step's name is whole. */
static void is_old_or_new(long at)
{
    int64_t step = found(), *steps;
    char hex[RN_HEX];
    json_t *state;
    cr_assert(step == 1 || step == 2, "call %ld: step %d", at, (int)step);
    MUST(rn_ckpt_load(&ckpt, step, f.model, optim, &state, e));
    json_decref(state);
    fingerprint(hex);
    cr_assert_str_eq(hex, digest_of[step], "call %ld: another state under step %d", at, (int)step);
    size_t n = rn_ckpt_list(&ckpt, &steps);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(rn_ckpt_verify(&ckpt, steps[i], NULL), RN_OK, "call %ld", at);
    int64_t latest = rn_ckpt_pointed(&ckpt, "latest");
    cr_assert(latest == 1 || latest == 2, "call %ld: latest is %d", at, (int)latest);
    cr_assert(has_step(latest), "call %ld: latest is gone", at);
    free(steps);
}

static size_t count_hidden(void)
{
    size_t n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *entry; (entry = readdir(d));)
        n += rn_ends_with(entry->d_name, ".tmp");
    closedir(d);
    return n;
}

static long start_over(long break_at)
{
    rn_remove_tree(dir, NULL);
    MUST(rn_mkdirs(dir, e));
    disk.break_at = 0;
    MUST(save_and_rotate(1, 2, e));
    disk.calls = 0;
    disk.break_at = break_at;
    return break_at;
}

static long calls_of_a_save(void)
{
    start_over(0);
    MUST(save_and_rotate(2, 2, e));
    return disk.calls;
}

static void fails_at_every_call(int error, int code)
{
    learn_digests();
    long calls = calls_of_a_save();
    cr_assert_gt(calls, 10);
    disk.error = error;
    for (long at = start_over(1); at <= calls; at = start_over(at + 1)) {
        struct rn_err err = {0};
        cr_assert_eq(save_and_rotate(2, 2, &err), code, "call %ld: %s", at, err.msg);
        is_old_or_new(at);
        MUST(save_and_rotate(2, 2, e)); /* the disk is well again */
        cr_assert_eq(found(), 2);
        cr_assert_eq(count_hidden(), 0, "call %ld leaves something", at);
    }
}

Test(checkpoint, a_failing_disk_leaves_old_or_new)
{
    fails_at_every_call(EIO, RN_EIO);
}

Test(checkpoint, a_full_disk_leaves_old_or_new_and_is_called_full)
{
    fails_at_every_call(ENOSPC, RN_ENOSPACE);
}

Test(checkpoint, a_kill_leaves_old_or_new_and_the_next_save_clears_up)
{
    learn_digests();
    long calls = calls_of_a_save();
    disk.error = 0;
    for (long at = start_over(1); at <= calls; at = start_over(at + 1)) {
        train_to(2);
        pid_t pid = fork();
        if (pid == 0)
            _exit(save_trained(2, 2, NULL) == RN_OK ? 0 : 1);
        int status;
        waitpid(pid, &status, 0);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == KILLED, "call %ld", at);
        disk.break_at = 0;
        is_old_or_new(at);
        MUST(save_and_rotate(2, 2, e));
        rn_sweep_tmp(dir); /* as whoever takes the lock does */
        cr_assert_eq(count_hidden(), 0, "call %ld leaves something", at);
    }
}
