/* The staleness matrix: for each change what `plan` says of every stage, reason included, and which
 * stages then really run. */
#include "world.h"

#include "adopt.h"
#include "journal.h"
#include "links.h"
#include "locks.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world w;

static void setup(void)
{
    world_init(&w);
}
static void teardown(void)
{
    world_release(&w);
}
TestSuite(stale, .init = setup, .fini = teardown, .timeout = 300);

static const char *const agreed[] = {"load", NULL};

static void runs_ok(void)
{
    int rc = world_run(&w);
    cr_assert_eq(rc, RN_OK, "%s", w.err.msg);
}

static void ran(const char *what, const char *stages)
{
    char *have = world_ran(&w);
    cr_expect_str_eq(have, stages, "%s: '%s' ran, expected '%s'", what, have, stages);
    free(have);
}

static void says(const char *what, const char *expected)
{
    char *have = world_plan(&w);
    cr_expect_str_eq(have, expected, "%s: plan says\n%sexpected\n%s", what, have, expected);
    free(have);
}

static void shell(const char *fmt, ...) RN_PRINTF(1, 2);
static void shell(const char *fmt, ...)
{
    char command[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* --- changes --- */

static void touch(void)
{
    shell("touch %s/*", w.project);
}

static void copy_everything(void)
{
    shell("cp -r %s %s.copy && cp -r %s %s.copy && rm -r %s %s", w.project, w.project, w.runs,
          w.runs, w.project, w.runs);
    strcat(w.project, ".copy");
    strcat(w.runs, ".copy");
}

static void clone_the_project(void)
{
    shell("cp -r %s %s.clone && rm -r %s", w.project, w.project, w.project);
    strcat(w.project, ".clone");
}

static void comment(void)
{
    world_edit(&w, "name: world\n", "# what a world\n\nname: world # mine\n");
}

static void reorder(void)
{
    world_write(&w, "world.yaml",
                "stages:\n"
                "  score: {in: {model: base}, kind: score}\n"
                "  base: {every: 5, steps: 12, seed: 7, in: {tokens: tokens}, kind: fold}\n"
                "  tokens: {in: {words: words, text: load}, kind: tokens}\n"
                "  words: {vocab: 10, in: {text: load}, kind: words}\n"
                "  load: {retries: 4, count: 3, kind: load}\n"
                "name: world\n"
                "runnel: 1\n");
}

static void rename_a_stage(void)
{
    world_edit(&w, "  base:\n", "  pretrain:\n");
    world_edit(&w, "{model: base}", "{model: pretrain}");
}

static void write_defaults_out(void)
{
    world_edit(&w, ", vocab: 10", "");
}

static void neutral(void)
{
    world_edit(&w, "retries: 4", "retries: 9");
    world_edit(&w, "every: 5", "every: 50");
}

static void identity(void)
{
    world_edit(&w, "seed: 7", "seed: 8");
}

static void extend(void)
{
    world_edit(&w, "steps: 12", "steps: 20");
}

static void cut_short(void)
{
    world_edit(&w, "steps: 12", "steps: 5");
}

static void bytes_of_a_shard(void)
{
    world_write(&w, "part_1.txt", "# one\nis a dog\n");
}

static void bytes_that_reach_nobody(void)
{
    world_write(&w, "part_1.txt", "# ONE\nis a cat\n");
}

static void one_shard_more(void)
{
    world_edit(&w, "count: 3", "count: 4");
    world_write(&w, "part_3.txt", "said the dog\n");
}

static void other_words(void)
{
    world_edit(&w, "vocab: 10", "vocab: 12");
}

static void slice_of_the_shards(void)
{
    world_edit(&w, "words, in: {text: load}", "words, in: {text: \"load.text[0:2]\"}");
}

/* Same size, and the old time put back. */
static void output_edited(void)
{
    char *entry = world_entry(&w, "words"), *path = rn_join(entry, "words/words.txt");
    struct stat st;
    cr_assert_eq(stat(path, &st), 0);
    int fd = open(path, O_WRONLY);
    cr_assert(fd >= 0 && pwrite(fd, "X", 1, 0) == 1);
    close(fd);
    cr_assert_eq(utimensat(AT_FDCWD, path, (struct timespec[]){st.st_atim, st.st_mtim}, 0), 0);
    free(path);
    free(entry);
}

static void output_file_deleted(void)
{
    char *entry = world_entry(&w, "tokens");
    shell("rm %s/tokens/train.bin", entry);
    free(entry);
}

static void output_deleted(void)
{
    char *entry = world_entry(&w, "score");
    shell("rm -r %s", entry);
    free(entry);
}

static void model_deleted(void)
{
    char *entry = world_entry(&w, "fold");
    shell("rm -r %s", entry);
    free(entry);
}

static void version_raised(void)
{
    world_set_version("words", 2);
}

/* --- the matrix --- */

#define KEPT(stage)          "= " stage ": up to date\n"
#define ALL_KEPT             KEPT("load") KEPT("words") KEPT("tokens") KEPT("base") KEPT("score")
#define AFTER(stage, before) "+ " stage ": after " before "\n"

static const struct row {
    const char *what;
    void (*change)(void);
    const char *plan; /* what it says of each stage */
    const char *ran;  /* which then ran */
} rows[] = {
    {"nothing", NULL, ALL_KEPT, ""},
    {"touch", touch, ALL_KEPT, ""},
    {"copy of everything elsewhere", copy_everything, ALL_KEPT, ""},
    {"clone elsewhere, same runs", clone_the_project, ALL_KEPT, ""},
    {"comment", comment, ALL_KEPT, ""},
    {"reorder", reorder, ALL_KEPT, ""},
    {"rename", rename_a_stage,
     KEPT("load") KEPT("words") KEPT("tokens") KEPT("pretrain") KEPT("score"), ""},
    {"default left out", write_defaults_out, ALL_KEPT, ""},
    {"neutral", neutral, ALL_KEPT, ""},
    {"identity", identity,
     KEPT("load") KEPT("words")
         KEPT("tokens") "+ base: seed 7 -> 8 (world.yaml:10)\n" AFTER("score", "base"),
     "base score"},
    {"extend", extend,
     KEPT("load") KEPT("words")
         KEPT("tokens") "> base: goes on at step 12 of 20: steps 12 -> 20 (world.yaml:11)\n" AFTER(
             "score", "base"),
     "base score"},
    {"extend, but shorter", cut_short,
     KEPT("load") KEPT("words")
         KEPT("tokens") "+ base: steps 12 -> 5 (world.yaml:11)\n" AFTER("score", "base"),
     "base score"},
    {"one shard's bytes", bytes_of_a_shard,
     "! load: local part_1.txt 8af72e51 -> 335bb0d6\n" AFTER("words", "load")
         AFTER("tokens", "load") AFTER("base", "tokens") AFTER("score", "base"),
     "load words tokens base score"},
    {"one shard's bytes that reach nobody", bytes_that_reach_nobody,
     "! load: local part_1.txt 8af72e51 -> 92e76946\n" AFTER("words", "load")
         AFTER("tokens", "load") AFTER("base", "tokens") AFTER("score", "base"),
     "load words tokens"},
    {"one shard more", one_shard_more,
     "+ load: count 3 -> 4 (world.yaml:4) and 1 more\n" AFTER("words", "load")
         AFTER("tokens", "load") AFTER("base", "tokens") AFTER("score", "base"),
     "load words tokens base score"},
    {"tokenizer", other_words,
     KEPT("load") "+ words: vocab 10 -> 12 (world.yaml:5)\n" AFTER("tokens", "words")
         AFTER("base", "tokens") AFTER("score", "base"),
     "words tokens base score"},
    {"tokenizer of fewer shards", slice_of_the_shards,
     KEPT("load") "+ words: input text e74d17f4 -> 322a5fe7 (world.yaml:5)\n" AFTER(
         "tokens", "words") AFTER("base", "tokens") AFTER("score", "base"),
     "words tokens base score"},
    {"output edited by hand", output_edited,
     KEPT("load") "+ words: output damaged: words-d10b48af9951061f/words/words.txt sha256 "
                  "964aceed827d..., expected ad1e3af499ce...\n" AFTER("tokens", "words")
                      AFTER("base", "tokens") AFTER("score", "base"),
     "words"},
    {"file of an output deleted", output_file_deleted,
     KEPT("load") KEPT("words") "+ tokens: output damaged: "
                                "tokens-8978e90dd14a1d42/tokens/train.bin is missing\n" AFTER(
                                    "base", "tokens") AFTER("score", "base"),
     "tokens"},
    {"output deleted", output_deleted,
     KEPT("load") KEPT("words") KEPT("tokens")
         KEPT("base") "+ score: output missing from the store\n",
     "score"},
    {"output of a training deleted", model_deleted,
     KEPT("load") KEPT("words")
         KEPT("tokens") "> base: output missing, goes on at step 12 of 12\n" AFTER("score", "base"),
     "base"},
    {"implementation version raised", version_raised,
     KEPT("load") "+ words: runnel upgraded: words 1 -> 2\n" AFTER("tokens", "words")
         AFTER("base", "tokens") AFTER("score", "base"),
     "words"},
};

static void check(const struct row *row)
{
    world_init(&w);
    runs_ok();
    ran("first run", "load words tokens base score");
    if (row->change)
        row->change();
    says(row->what, row->plan);
    w.yes = agreed;
    runs_ok();
    ran(row->what, row->ran);
    w.yes = NULL;
    runs_ok();
    ran("again", "");
    world_release(&w);
}

Test(stale, matrix)
{
    world_release(&w);
    for (size_t i = 0; i < RN_COUNT(rows); i++)
        check(&rows[i]);
    world_init(&w);
}

/* --- the same under a tag of its own, where nothing but the journal can tell --- */

static void fix_the_tag(void)
{
    world_edit(&w, "name: world\n", "name: world\ntag: mine\n");
}

Test(stale, fixed_tag_compares_with_what_it_made_last)
{
    fix_the_tag();
    runs_ok();
    world_edit(&w, "seed: 7", "seed: 8");
    says("seed", KEPT("load") KEPT("words")
                     KEPT("tokens") "+ base: seed 7 -> 8 (world.yaml:11)\n" AFTER("score", "base"));
    runs_ok();
    world_edit(&w, "seed: 8", "seed: 9");
    says("seed again",
         KEPT("load") KEPT("words")
             KEPT("tokens") "+ base: seed 8 -> 9 (world.yaml:11)\n" AFTER("score", "base"));
    world_edit(&w, "seed: 9", "seed: 7");
    says("back to the first", KEPT("load") KEPT("words") KEPT("tokens") KEPT("base") KEPT("score"));
}

Test(stale, first_run_was_never_run)
{
    says("first", "+ load: never run\n" AFTER("words", "load") AFTER("tokens", "load")
                      AFTER("base", "tokens") AFTER("score", "base"));
}

Test(stale, verify_hash_decides_the_same)
{
    runs_ok();
    w.verify = RN_VERIFY_HASH;
    says("hash", ALL_KEPT);
    output_edited();
    says("hash, edited",
         KEPT("load") "+ words: output damaged: words-d10b48af9951061f/words/words.txt sha256 "
                      "964aceed827d..., expected ad1e3af499ce...\n" AFTER("tokens", "words")
                          AFTER("base", "tokens") AFTER("score", "base"));
}

/* --- consent --- */

static void add_costly_work(double wall_s)
{
    struct rn_pipeline *p = world_load(&w);
    char *path = rn_xprintf("%s/%s/journal.jsonl", w.runs, p->tag);
    json_t *records = rn_journal_read(path);
    json_t *done = json_copy(rn_journal_last(records, "base", "done"));
    json_object_set_new(done, "wall_s", json_real(wall_s));
    struct rn_journal journal;
    cr_assert_eq(rn_journal_open(&journal, path, NULL), RN_OK);
    cr_assert_eq(rn_journal_add(&journal, done, NULL), RN_OK);
    rn_journal_close(&journal);
    json_decref(records);
    free(path);
    rn_pipeline_free(p);
}

static void wants_consent(const char *stage, const char *what_for)
{
    char *ask = rn_xprintf("--yes=%s", stage);
    int rc = world_run(&w);
    cr_expect_eq(rc, RN_EUSAGE);
    cr_expect(strstr(w.err.msg, what_for), "%s", w.err.msg);
    cr_expect(strstr(w.err.hint, ask), "%s", w.err.hint);
    free(ask);
}

Test(stale, more_than_half_an_hour_of_work_is_put_aside_with_consent_only)
{
    static const char *const yes[] = {"base", NULL};
    fix_the_tag();
    runs_ok();
    add_costly_work(29 * 60);
    world_edit(&w, "seed: 7", "seed: 8");
    says("29 min", KEPT("load") KEPT("words") KEPT(
                       "tokens") "+ base: seed 7 -> 8 (world.yaml:11)\n" AFTER("score", "base"));
    add_costly_work(2 * 60);
    says("31 min", KEPT("load") KEPT("words") KEPT(
                       "tokens") "! base: seed 7 -> 8 (world.yaml:11)\n" AFTER("score", "base"));
    free(world_ran(&w));
    wants_consent("base", "puts 31 min 00 s of work aside");
    ran("refused", "");
    w.yes = yes;
    runs_ok();
    ran("agreed", "base score");
}

Test(stale, tag_gets_other_data_with_consent_only)
{
    runs_ok();
    bytes_of_a_shard();
    free(world_ran(&w));
    wants_consent("load", "gives the tag other data than it had: local part_1.txt");
    ran("refused", "");
    w.yes = agreed;
    runs_ok();
    ran("agreed", "load words tokens base score");
}

/* --- adopt --- */

static int adopt(const char *stage, struct rn_adopted *adopted)
{
    struct rn_pipeline *p = world_load(&w);
    struct rn_run_how how = world_how(&w);
    *adopted = (struct rn_adopted){0};
    int rc = rn_adopt(p, &how, stage, adopted, &w.err);
    rn_pipeline_free(p);
    return rc;
}

Test(stale, adopted_outputs_are_kept_and_said_to_be)
{
    struct rn_adopted a;
    runs_ok();
    world_set_version("fold", 2);
    says("raised", KEPT("load") KEPT("words") KEPT(
                       "tokens") "+ base: runnel upgraded: fold 1 -> 2\n" AFTER("score", "base"));
    free(world_ran(&w));
    cr_assert_eq(adopt("base", &a), RN_OK, "%s", w.err.msg);
    cr_expect_str_eq(a.reason, "runnel upgraded: fold 1 -> 2");
    char *expected = rn_xprintf(
        KEPT("load") KEPT("words")
            KEPT("tokens") "= base: adopted from %s: runnel upgraded: fold 1 -> 2\n" KEPT("score"),
        a.from);
    says("adopted", expected);
    runs_ok();
    ran("adopted", "");
    cr_assert_eq(adopt("base", &a), RN_OK);
    cr_expect(a.nothing_to_do);
    free(expected);
}

Test(stale, adoption_is_in_the_journal)
{
    struct rn_adopted a;
    runs_ok();
    world_set_version("words", 2);
    cr_assert_eq(adopt("words", &a), RN_OK);
    struct rn_pipeline *p = world_load(&w);
    char *path = rn_xprintf("%s/%s/journal.jsonl", w.runs, p->tag);
    json_t *records = rn_journal_read(path);
    const json_t *r = rn_journal_last(records, "words", "adopted");
    cr_expect_str_eq(rn_json_str(r, "from", ""), a.from);
    cr_expect_str_eq(rn_json_str(r, "reason", ""), "runnel upgraded: words 1 -> 2");
    json_decref(records);
    rn_pipeline_free(p);
    free(path);
}

Test(stale, what_was_adopted_is_what_the_run_stands_for)
{
    struct rn_adopted a;
    runs_ok();
    struct rn_pipeline *p = world_load(&w);
    char *run_dir = rn_join(w.runs, p->tag), *old = rn_link_target(run_dir, "words", "");
    world_set_version("words", 2);
    cr_assert_eq(adopt("words", &a), RN_OK);
    char *now = rn_link_target(run_dir, "words", "");
    cr_expect_str_eq(rn_basename(old), a.from);
    cr_expect_str_neq(rn_basename(now), a.from, "prune would take the adopted");
    free(now);
    free(old);
    free(run_dir);
    rn_pipeline_free(p);
}

Test(stale, nothing_damaged_and_nothing_missing_is_adopted)
{
    struct rn_adopted a;
    cr_expect_eq(adopt("words", &a), RN_EUSAGE, "its input does not exist");
    runs_ok();
    output_edited();
    world_set_version("words", 2);
    cr_expect_eq(adopt("words", &a), RN_ECORRUPT);
    cr_expect_eq(adopt("wrods", &a), RN_EUSAGE);
    cr_expect_str_eq(w.err.hint, "did you mean 'words'?");
}

/* Runs of other tags may be making the very outputs: their attempt is theirs. */
Test(stale, nothing_is_adopted_while_another_run_makes_it)
{
    struct rn_adopted a;
    struct rn_lock lock;
    struct rn_plan plan;
    runs_ok();
    world_set_version("words", 2);
    struct rn_pipeline *p = world_load(&w);
    struct rn_run_how how = world_how(&w);
    cr_assert_eq(rn_plan_init(&plan, p, &how, &w.err), RN_OK);
    cr_assert_eq(rn_plan_decide(&plan, 0, &w.err), RN_OK);
    cr_assert_eq(rn_plan_decide(&plan, 1, &w.err), RN_OK);
    cr_assert_eq(rn_lock_take_stage(&lock, &plan, 1, &w.err), RN_OK);
    cr_expect_eq(adopt("words", &a), RN_ELOCKED);
    rn_lock_release(&lock);
    cr_expect_eq(adopt("words", &a), RN_OK);
    rn_plan_release(&plan);
    rn_pipeline_free(p);
}

Test(stale, store_that_cannot_be_looked_at_is_no_empty_store)
{
    struct rn_plan plan;
    runs_ok();
    shell("mv %s/.store %s/elsewhere && ln -s .store %s/.store", w.runs, w.runs, w.runs);
    struct rn_pipeline *p = world_load(&w);
    struct rn_run_how how = world_how(&w);
    cr_assert_eq(rn_plan_init(&plan, p, &how, &w.err), RN_OK);
    cr_expect_eq(rn_plan_decide(&plan, 0, &w.err), RN_EIO, "nothing is 'never run'");
    rn_plan_release(&plan);
    rn_pipeline_free(p);
}

Test(stale, plan_writes_nothing)
{
    runs_ok();
    world_edit(&w, "seed: 7", "seed: 8");
    char *command =
        rn_xprintf("find %s %s -printf '%%p %%s %%i %%T@ %%C@\\n' | sort", w.project, w.runs);
    shell("%s > %s/before", command, w.root);
    for (int hash = 0; hash < 2; hash++) {
        w.verify = hash ? RN_VERIFY_HASH : RN_VERIFY_STAT;
        free(world_plan(&w));
    }
    shell("%s | cmp - %s/before", command, w.root);
    free(command);
}
