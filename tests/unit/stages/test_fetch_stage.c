/* The fetch stage: what `check` refuses, what the key depends on, what lies in the output. */
#include "../scratch.h"
#include "cache.h"
#include "file.h"
#include "server.h"
#include "stage.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct rn_stage rn_stage_fetch;

static struct rn_arena arena;
static struct rn_problems problems;
static struct rn_err err;
static struct rn_job job;

static bool never(struct rn_runner *r)
{
    (void)r;
    return false;
}

static void no_progress(struct rn_runner *r, double done, double total, const char *unit,
                        const char *text)
{
    (void)r, (void)done, (void)total, (void)unit, (void)text;
}

static const struct rn_job_ops ops = {.stopping = never, .progress = no_progress};

static char *below(const char *name)
{
    return rn_arena_printf(&arena, "%s/%s", dir, name);
}

static void up(void)
{
    scratch_up();
    setenv("RUNNEL_CACHE", below("cache"), 1);
    job = (struct rn_job){.stage = "data",
                          .out_dir = below("out"),
                          .pipeline_dir = dir,
                          .run_dir = below("run"),
                          .lock_path = below("p.lock"),
                          .ops = &ops};
    cr_assert_eq(rn_mkdirs(job.out_dir, &err), RN_OK);
    cr_assert_eq(rn_mkdirs(job.run_dir, &err), RN_OK);
}

static void down(void)
{
    scratch_down();
    rn_arena_release(&arena);
    rn_problems_release(&problems);
}

TestSuite(fetch_stage, .init = up, .fini = down, .timeout = 300);

/* The filled config of `files:` given in YAML flow style. */
static void *filled(const char *files)
{
    char *text = rn_arena_printf(&arena, "retries: 0\nfiles: %s\n", files);
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    struct rn_node *root = rn_yaml_parse(&tree, text, strlen(text), "test.yaml");
    struct rn_fill fill = {.arena = &arena, .problems = &problems, .what = "stage data"};
    void *cfg = rn_arena_alloc(&arena, rn_stage_fetch.cfg_bytes);
    struct rn_part part = {rn_stage_fetch.keys, cfg};
    cr_assert(root);
    rn_schema_fill(&fill, &part, 1, root, RN_NOWHERE);
    cr_assert_eq(rn_problems_count(&problems), 0, "%s", problems.n ? problems.items[0]->msg : "");
    return cfg;
}

static int checked(const char *files)
{
    err = (struct rn_err){0};
    return rn_stage_fetch.check(filled(files), &err);
}

Test(fetch_stage, an_entry_that_could_not_tell_an_error_page_is_refused)
{
    static const char unproven[] = "{a: {urls: [\"https://example.org/a.jsonl\"]}}";
    cr_assert_eq(checked(unproven), RN_ECONFIG);
    cr_assert(strstr(err.msg, "nothing would detect an error page"), "%s", err.msg);
    cr_assert_eq(strncmp(err.msg, "'files.a.check'", 15), 0, "the place is named first");
    static const char *const proven[] = {
        "{a: {urls: [\"https://example.org/a.jsonl\"], check: {format: jsonl}}}",
        "{a: {urls: [\"https://example.org/a.jsonl\"], check: {min_size: 1 MiB}}}",
        "{a: {urls: [\"https://example.org/a.zip\"], unpack: {strip: 1}}}",
        ("{a: {urls: [\"https://example.org/a\"], sha256: "
         "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}}"),
        "{a: {urls: [a.jsonl]}}",
        "{a: {urls: [\"builtin:tiny-world/choices.jsonl\"]}}",
    };
    for (size_t i = 0; i < RN_COUNT(proven); i++)
        cr_assert_eq(checked(proven[i]), RN_OK, "%s: %s", proven[i], err.msg);
}

Test(fetch_stage, rules_that_join_keys)
{
    static const struct {
        const char *files, *message;
    } bad[] = {
        {"{}", "nothing to fetch"},
        {"{a: {urls: []}}", "no source"},
        {"{a: {urls: [\"ftp://b/a\"], check: {format: jsonl}}}",
         "unknown kind of source 'ftp://b/a'"},
        {"{a: {urls: [\"s3://bucket\"], check: {format: jsonl}}}", "does not name an object"},
        {"{a: {urls: [\"hf://datasets/o/n\"], name: a, check: {format: jsonl}}}",
         "does not name a file of the hub"},
        {"{a: {urls: [\"https://u:pw@example.org/a\"], check: {format: jsonl}}}", "user name"},
        {"{a: {urls: [\"https://example.org/a\"], auth: hf, check: {format: jsonl}}}",
         "hf fits none of the urls"},
        {"{a: {urls: [\"hf://datasets/o/n/a\"], auth: netrc, check: {format: jsonl}}}",
         "netrc fits none"},
        {"{a: {urls: [{url: a, member: b, pack: gzip}]}}", "both member and pack"},
        {"{a: {urls: [\"https://example.org/a\"], sums: \"ftp://b\", check: {format: jsonl}}}",
         "unknown kind of source 'ftp://b'"},
        {"{a: {urls: [\"http://example.org/a\"], check: {format: jsonl}}}", "plain http"},
        {"{a: {urls: [a], check: {format: jsnl}}}", "unknown format 'jsnl'"},
        {"{a: {urls: [a], check: {format: jsonl}, unpack: {strip: 0}}}", "only zip and tar"},
        {"{a: {urls: [a], sha256: ABC}}", "not 64 hexadecimal"},
        {"{a: {urls: [a], count: 2}}", "would get one name"},
        {"{a: {urls: [\"b/{file}\"], name: \"x{i}\", count: 2, size: 3}}", "cannot fit 2 files"},
        {"{a: {urls: [\"b/{file}\"]}}", "{file}"},
        {"{a: {urls: [\"b/x\"], name: \"../x\"}}", "cannot be a file name"},
        {"{a: {urls: [\"b/x\"], name: \"{j}\"}}", "cannot fill '{j}'"},
        {"{a: {urls: [\"b/\"]}}", "cannot be a file name"},
    };
    for (size_t i = 0; i < RN_COUNT(bad); i++) {
        cr_assert_eq(checked(bad[i].files), RN_ECONFIG, "%s", bad[i].files);
        cr_assert(strstr(err.msg, bad[i].message) || strstr(err.hint, bad[i].message),
                  "%s: %s (%s)", bad[i].files, err.msg, err.hint);
    }
    cr_assert_eq(checked("{a: {urls: [a], check: {format: jsnl}}}"), RN_ECONFIG);
    cr_assert_str_eq(err.hint, "did you mean 'jsonl'?");
}

Test(fetch_stage, every_kind_of_source_has_its_form)
{
    static const char *const good[] = {
        "{a: {urls: [\"s3://bucket/d/{file}\"], name: \"x{i}\", count: 2, auth: s3, check: "
        "{format: "
        "jsonl}}}",
        "{a: {urls: [\"hf://datasets/o/n/a.jsonl@v1\"], auth: hf, check: {format: jsonl}}}",
        "{a: {urls: [\"https://huggingface.co/o/n/resolve/main/a\"], auth: hf, sha256: "
        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae}}",
        "{a: {urls: [\"https://example.org/a\", \"s3://bucket/a\"], auth: netrc, check: {format: "
        "jsonl}}}",
        "{a: {urls: [{url: \"https://example.org/a.zst\", pack: zstd}], sums: "
        "\"https://example.org/SHA256SUMS\", auth: none, check: {format: jsonl}}}",
    };
    for (size_t i = 0; i < RN_COUNT(good); i++)
        cr_assert_eq(checked(good[i]), RN_OK, "%s: %s", good[i], err.msg);
}

Test(fetch_stage, one_output_for_each_entry)
{
    struct rn_output *out;
    void *cfg = filled("{b: {urls: [x]}, a: {urls: [y]}}");
    cr_assert_eq(rn_stage_fetch.list_outputs(cfg, &arena, &out), 2);
    cr_assert_str_eq(out[0].name, "b");
    cr_assert_str_eq(out[1].name, "a");
    cr_assert_str_eq(out[0].kind, "files");
}

Test(fetch_stage, builtin_files_are_made_offline_and_not_pinned)
{
    job.offline = job.locked = true;
    void *cfg =
        filled("{shards: {count: 2, name: \"shard_{i:05d}.parquet\", urls: "
               "[\"builtin:access-denied\", \"builtin:tiny-world/{file}\"], check: {format: "
               "parquet, columns: [text]}}, bundle: {urls: "
               "[\"builtin:tiny-world/eval_bundle.zip\"], unpack: {strip: 1, require: "
               "[core.yaml]}}}");
    cr_assert_eq(rn_stage_fetch.run(&job, cfg, &err), RN_OK, "%s", err.msg);
    cr_assert(rn_exists(below("out/shards/shard_00000.parquet")));
    cr_assert(rn_exists(below("out/shards/shard_00001.parquet")));
    cr_assert(rn_exists(below("out/bundle/core.yaml")));
    cr_assert(!rn_exists(below("out/bundle/eval_bundle.zip")));
    cr_assert(rn_exists(below("run/quarantine/shard_00000.parquet-refused/meta.json")));
    cr_assert(!rn_exists(below("p.lock")));
}

static char *key_of(void *cfg)
{
    json_t *into = json_object();
    err = (struct rn_err){0};
    cr_assert_eq(rn_stage_fetch.fingerprint(&job, cfg, into, &err), RN_OK, "%s", err.msg);
    char *text = rn_json_canonical(into);
    json_decref(into);
    return text;
}

Test(fetch_stage, the_key_follows_local_files_and_pins)
{
    void *local = filled("{a: {urls: [a.txt]}}");
    char *absent = key_of(local);
    cr_assert_eq(rn_file_write(below("a.txt"), "one", 3, NULL), RN_OK);
    char *one = key_of(local), *again = key_of(local);
    cr_assert_eq(rn_file_write(below("a.txt"), "two", 3, NULL), RN_OK);
    char *two = key_of(local);
    cr_assert_str_neq(absent, one);
    cr_assert_str_eq(one, again);
    cr_assert_str_neq(one, two);
    void *remote = filled("{a: {urls: [\"https://example.org/a.jsonl\"], check: {format: jsonl}}}");
    char *before = key_of(remote);
    static const char line[] =
        "data.a/a.jsonl 3 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae "
        "first-use example.org\n";
    cr_assert_eq(rn_file_write(job.lock_path, line, strlen(line), NULL), RN_OK);
    char *after = key_of(remote);
    cr_assert_str_neq(before, after);
    char *all[] = {absent, one, again, two, before, after};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        free(all[i]);
}

Test(fetch_stage, the_estimate_counts_what_is_pinned_but_not_cached)
{
    static const char line[] =
        "data.a/a.jsonl 12345 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae "
        "first-use example.org\n";
    void *cfg = filled("{a: {urls: [\"https://example.org/a.jsonl\"], check: {format: jsonl}}}");
    struct rn_estimate e = {0};
    cr_assert_eq(rn_file_write(job.lock_path, line, strlen(line), NULL), RN_OK);
    cr_assert_eq(rn_stage_fetch.estimate(&job, cfg, &e, &err), RN_OK);
    cr_assert_eq(e.download_bytes, 12345);
    cr_assert_eq(rn_mkdirs(below("cache/sha256"), NULL), RN_OK);
    char *cached =
        below("cache/sha256/2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae");
    cr_assert_eq(rn_file_write(cached, "foo", 3, NULL), RN_OK);
    e = (struct rn_estimate){0};
    cr_assert_eq(rn_stage_fetch.estimate(&job, cfg, &e, &err), RN_OK);
    cr_assert_eq(e.download_bytes, 0);
}

/* Each name that a cached file gets changes its ctime: what is known of it has to follow, also
 * where two files of a list are one. */
Test(fetch_stage, contents_that_got_names_in_outputs_need_no_digest_next_time)
{
    static const char text[] = "{\"text\": \"one\"}\n";
    char hex[RN_HEX];
    rn_sha256_hex(text, strlen(text), hex);
    struct server *s = server_start(dir, 0);
    cr_assert_eq(rn_file_write(below("x.jsonl"), text, strlen(text), NULL), RN_OK);
    cr_assert_eq(rn_file_write(below("y.jsonl"), text, strlen(text), NULL), RN_OK);
    void *cfg =
        filled(rn_arena_printf(&arena,
                               "{a: {urls: [\"%s/x.jsonl\"], check: {format: jsonl}}, b: {urls: "
                               "[\"%s/y.jsonl\"], check: {format: jsonl}}}",
                               server_url(s), server_url(s)));
    for (int i = 0; i < 3; i++) {
        struct rn_cache cache;
        struct rn_seen seen;
        job.out_dir = rn_arena_printf(&arena, "%s/out-%d", dir, i);
        cr_assert_eq(rn_mkdirs(job.out_dir, &err), RN_OK);
        cr_assert_eq(rn_stage_fetch.run(&job, cfg, &err), RN_OK, "%s", err.msg);
        rn_cache_init(&cache, NULL);
        char *path = rn_cache_recall(&cache, hex, &seen);
        cr_expect(path, "after run %d it would be read again", i);
        free(path);
        rn_cache_release(&cache);
    }
    server_stop(s);
}

Test(fetch_stage, a_rejected_file_leaves_an_empty_output)
{
    struct server *s = server_start(dir, 0);
    server_fault(s, "*", "200-xml");
    void *cfg = filled(rn_arena_printf(
        &arena, "{a: {urls: [\"%s/a.jsonl\"], check: {format: jsonl}}}", server_url(s)));
    cr_assert_eq(rn_stage_fetch.run(&job, cfg, &err), RN_EFETCH);
    cr_assert(strstr(err.msg, "error-page: S3 AccessDenied (200)"), "%s", err.msg);
    cr_assert(!rn_exists(below("out/a")));
    cr_assert(!rn_exists(below("p.lock")));
    server_stop(s);
}
