#include "../rows.h"
#include "json_schema.h"

/* One row of every type, alone and nested. */
struct item {
    const char *url;
    int64_t times;
};
static const struct rn_key item_keys[] = {
    RN_KEY_STR(struct item, url, "url", RN_SOURCE, RN_REQUIRED, "where"),
    RN_KEY_INT(struct item, times, "times", RN_IDENTITY, "1", 1, 9, "", "how often"), RN_KEYS_END};

struct cfg {
    bool flag;
    int64_t whole, count, bytes, steps, maybe;
    double real, share, time_s;
    const char *text;
    int word;
    struct rn_ref ref;
    struct rn_list items, numbers, refs;
    struct rn_map map, names;
};
static const char *const words[] = {"red", "green", NULL};
static const char *const kinds[] = {"files", NULL};
static const struct rn_key inner_keys[] = {
    RN_KEY_STEPS(struct cfg, steps, "steps", RN_EXTEND, "250 steps", 1, 1e9, "until then"),
    RN_KEY_TIME(struct cfg, time_s, "time", RN_NEUTRAL, "10 min", 0, 1e6, "or then"), RN_KEYS_END};
static const struct rn_key keys[] = {
    RN_KEY_BOOL(struct cfg, flag, "flag", RN_IDENTITY, "true", "a flag"),
    RN_KEY_INT(struct cfg, whole, "whole", RN_IDENTITY, RN_REQUIRED, 1, 100, "pieces", "a number"),
    RN_KEY_COUNT(struct cfg, count, "count", RN_IDENTITY, "100M", 0, 1e12, "a count"),
    RN_KEY_BYTES(struct cfg, bytes, "bytes", RN_IDENTITY, "10 MiB", 0, 1e15, "a size"),
    RN_KEY_INT(struct cfg, maybe, "maybe", RN_IDENTITY, "~", -1, 100, "", "may be absent"),
    RN_KEY_REAL(struct cfg, real, "real", RN_IDENTITY, "1e-3", 0, 1, "", "a real"),
    RN_KEY_REAL(struct cfg, share, "share", RN_IDENTITY, "-1", 0, 1, "", "-1: by rule"),
    RN_KEY_STR(struct cfg, text, "text", RN_IDENTITY, "", "a text"),
    RN_KEY_WORD(struct cfg, word, "word", RN_IDENTITY, "green", words, "a word"),
    RN_KEY_REF(struct cfg, ref, "ref", kinds, "~", "a reference"),
    RN_KEY_TABLE("inner", inner_keys, "a table"),
    RN_KEY_LIST_SHORT(struct cfg, items, "items", RN_IDENTITY, "~", item_keys, struct item, "url",
                      "a list of tables"),
    RN_KEY_LIST_OF(struct cfg, numbers, "numbers", RN_IDENTITY, "[0.9, 0.95]", RN_T_REAL,
                   "numbers"),
    RN_KEY_REFS(struct cfg, refs, "refs", kinds, "~", "references"),
    RN_KEY_MAP(struct cfg, map, "map", RN_NEUTRAL, "~", item_keys, struct item, "a map"),
    RN_KEY_MAP_OF(struct cfg, names, "names", RN_IDENTITY, "~", RN_T_STR, NULL, "a map of texts"),
    RN_KEYS_END};

static struct rn_arena arena;
static struct rn_problems problems;
static struct cfg cfg;

static void fill(const char *text)
{
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    struct rn_fill f = {.arena = &arena, .problems = &problems, .what = "stage base"};
    struct rn_part part = {keys, &cfg};
    struct rn_node *node = rn_yaml_parse(&tree, text, strlen(text), "t.yaml");
    cr_assert(node, "%s", text);
    memset(&cfg, 0, sizeof cfg);
    rn_schema_fill(&f, &part, 1, node, node->at);
}

static void done(void)
{
    rn_problems_release(&problems);
    rn_arena_release(&arena);
}

static void accepts(const char *text)
{
    fill(text);
    cr_assert_eq(problems.n, 0, "%s: %s", text, problems.n ? problems.items[0]->msg : "");
}

static void refuses(const char *text, int line, int col, const char *msg, const char *hint)
{
    fill(text);
    cr_assert_eq(problems.n, 1, "%s: %zu problems", text, problems.n);
    const struct rn_err *e = problems.items[0];
    cr_assert_str_eq(e->msg, msg);
    cr_assert_str_eq(e->hint, hint);
    cr_assert(e->line == line && e->col == col, "%s at %d:%d", e->msg, e->line, e->col);
    done();
}

Test(schema, every_row_goes_round)
{
    rows_check(keys, sizeof(struct cfg), "the table of all types");
}

Test(schema, defaults)
{
    accepts("whole: 1");
    cr_assert(cfg.flag && cfg.count == 100000000 && cfg.bytes == 10485760 && cfg.maybe == -1);
    cr_assert(cfg.real == 1e-3 && cfg.text == NULL && cfg.word == 1 && !cfg.ref.text);
    cr_assert(cfg.steps == 250 && cfg.time_s == 600 && cfg.items.n == 0 && cfg.map.n == 0);
    cr_assert_eq(cfg.numbers.n, 2);
    cr_assert_eq(((double *)cfg.numbers.items)[1], 0.95);
    done();
}

Test(schema, references)
{
    accepts("{whole: 1, ref: 'data.shards[0:8]', refs: [a, b.c]}");
    cr_assert_str_eq(cfg.ref.stage, "data");
    cr_assert_str_eq(cfg.ref.output, "shards");
    cr_assert(cfg.ref.first == 0 && cfg.ref.end == 8);
    const struct rn_ref *refs = cfg.refs.items;
    cr_assert(!refs[0].output && refs[0].end == INT64_MAX);
    cr_assert_str_eq(refs[1].output, "c");
    done();
}

Test(schema, a_scalar_stands_for_its_table)
{
    accepts("{whole: 1, items: [x, {url: y, times: 2}]}");
    const struct item *items = cfg.items.items;
    cr_assert_str_eq(items[0].url, "x");
    cr_assert_eq(items[0].times, 1);
    cr_assert_eq(items[1].times, 2);
    done();
}

Test(schema, one_problem_with_its_place_and_hint)
{
    refuses("whole: 1\nfalg: true", 2, 1, "unknown key 'falg' in stage base",
            "did you mean 'flag'?");
    refuses("whole: 1\nsteps: 5", 2, 1, "unknown key 'steps' in stage base",
            "did you mean 'inner.steps'?");
    refuses("whole: 1\ninner: {stepz: 5}", 2, 9, "unknown key 'inner.stepz' in stage base",
            "did you mean 'steps'?");
    refuses("flag: true", 1, 1, "missing key 'whole' in stage base", "whole: a number");
    refuses("whole: '1'", 1, 8,
            "'whole' in stage base takes a whole number, found the text \"1\": "
            "write it without quotes",
            "");
    refuses("whole: 1.5", 1, 8,
            "'whole' in stage base takes a whole number, found the number 1.5: not a whole number",
            "");
    refuses("whole: 101", 1, 8,
            "'whole' in stage base must lie between 1 and 100 pieces, found 101", "");
    accepts("{whole: 1, share: -1}");
    refuses("{whole: 1, share: -0.5}", 1, 19,
            "'share' in stage base must lie between 0 and 1, found -0.5", "");
    refuses("{whole: 1, bytes: 10 MB}", 1, 19,
            "'bytes' in stage base takes a size such as 10 MiB, found '10 MB': "
            "the unit 'MB' is not KiB, MiB or GiB",
            "");
    refuses("{whole: 1, flag: yes}", 1, 18, "'flag' in stage base takes true or false, found 'yes'",
            "");
    refuses("{whole: 1, text: 12}", 1, 18,
            "'text' in stage base takes text, found the number 12: write it in quotes", "");
    refuses("{whole: 1, word: gren}", 1, 18,
            "'word' in stage base takes one of red, green; found 'gren'", "did you mean 'green'?");
    refuses("{whole: 1, ref: a.b.c}", 1, 17,
            "'ref' in stage base takes a reference such as data.shards, found 'a.b.c': "
            "a reference is written stage, stage.output or stage.output[first:end]",
            "");
    refuses("{whole: 1, ref: 'a.b[3:3]'}", 1, 17,
            "'ref' in stage base takes a reference such as data.shards, found the text "
            "\"a.b[3:3]\": the slice is empty",
            "");
    refuses("{whole: 1, items: [{times: 2}]}", 1, 20, "missing key 'items[0].url' in stage base",
            "url: where");
    refuses("{whole: 1, map: {'a b': {url: x}}}", 1, 18,
            "'a b' is not a name: letters, digits, '_' and '-', 64 at most", "");
    refuses("whole: ~", 1, 8, "'whole' in stage base takes a whole number, found nothing", "");
    refuses("[1]", 1, 1, "'' in stage base takes a mapping, found a list", "");
}

Test(schema, all_problems_in_one_pass)
{
    fill("{flag: 1, count: x, bytes: [], inner: {steps: 0, time: 5}, items: 3, nonsense: 1}");
    cr_assert_eq(problems.n, 8); /* and 'whole' is missing */
    done();
}

Test(schema, json_by_class)
{
    accepts("{whole: 7, ref: a.b, items: [x], map: {m: {url: y}}}");
    json_t *identity = rn_filled_cut(keys, &cfg, RN_IDENTITY);
    json_t *extend = rn_filled_cut(keys, &cfg, RN_EXTEND);
    json_t *source = rn_filled_cut(keys, &cfg, RN_SOURCE);
    json_t *neutral = rn_filled_cut(keys, &cfg, RN_NEUTRAL);
    char *texts[] = {rn_json_canonical(identity), rn_json_canonical(extend),
                     rn_json_canonical(source), rn_json_canonical(neutral)};
    cr_assert_str_eq(texts[0], "{\"bytes\":10485760,\"count\":100000000,\"flag\":true,"
                               "\"items\":[{\"times\":1}],"
                               "\"numbers\":[0.90000000000000002,0.94999999999999996],"
                               "\"real\":0.001,\"share\":-1.0,\"whole\":7,\"word\":\"green\"}");
    cr_assert_str_eq(texts[1], "{\"inner\":{\"steps\":250}}");
    cr_assert_str_eq(texts[2], "{\"items\":[{\"url\":\"x\"}]}");
    cr_assert_str_eq(
        texts[3], "{\"inner\":{\"time\":\"600 s\"},\"map\":{\"m\":{\"times\":1,\"url\":\"y\"}}}");
    for (size_t i = 0; i < 4; i++)
        free(texts[i]);
    json_decref(identity);
    json_decref(extend);
    json_decref(source);
    json_decref(neutral);
    done();
}

static void note(void *ctx, const char *path, const struct rn_ref *ref, const struct rn_key *row)
{
    rn_str_printf(ctx, "%s=%s(%s) ", path, ref->text, row->words[0]);
}

Test(schema, references_are_found_wherever_they_stand)
{
    struct rn_str found = {0};
    accepts("{whole: 1, ref: data.val, refs: [a, b.c]}");
    rn_filled_refs(keys, &cfg, note, &found);
    cr_assert_str_eq(found.p, "ref=data.val(files) refs[0]=a(files) refs[1]=b.c(files) ");
    rn_str_release(&found);
    done();
}

Test(schema, rows_by_path)
{
    cr_assert_str_eq(rn_schema_row(keys, "inner.steps")->name, "steps");
    cr_assert_str_eq(rn_schema_row(keys, "items[2].url")->name, "url");
    cr_assert_str_eq(rn_schema_row(keys, "map.any.times")->name, "times");
    cr_assert_null(rn_schema_row(keys, "inner.nothing"));
}

Test(schema, as_json_schema)
{
    const struct rn_key *const tables[] = {keys};
    json_t *doc = rn_json_schema(tables, 1);
    json_t *properties = json_object_get(doc, "properties");
    cr_assert_eq(json_object_size(properties), RN_COUNT(keys) - 1);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(doc, "required"), 0)),
                     "whole");
    json_t *whole = json_object_get(properties, "whole");
    cr_assert_str_eq(rn_json_str(whole, "description", ""), "a number [pieces] (identity)");
    json_t *number = json_array_get(json_object_get(whole, "anyOf"), 0);
    cr_assert_eq(rn_json_real(number, "maximum", 0), 100);
    json_decref(doc);
}
