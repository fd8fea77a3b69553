#include "feed.h"

#include "bisect.h"
#include "mem.h"
#include "rng.h"

#include <inttypes.h>
#include <stdlib.h>

const char *const rn_shuffle_words[] = {"none", "shards", "rows", NULL};

/* The stream's groups of one file, end to end: where each begins among them. */
struct share {
    int64_t n_groups, n_docs;
    int64_t *starts, *docs; /* starts: n_groups + 1; docs: the first document of each */
    int64_t *order;         /* RN_SHUFFLE_ROWS: a permutation of n_docs places; else NULL */
};

struct rn_feed {
    const struct rn_corpus *corpus;
    struct rn_feed_cfg cfg;
    int64_t *files;         /* in the order of this pass */
    int64_t pass, file, at; /* the next document: place `at` of the share of files[file] */
    struct share share;
};

/* --- orders --- */

/* Fisher-Yates with numbers that are a function of (stream, round, index). */
static void permute(int64_t *items, int64_t n, uint64_t stream, uint64_t round)
{
    uint64_t key = rn_rand_u64(stream, round);
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)(rn_rand_u64(key, (uint64_t)i) % (uint64_t)(i + 1));
        int64_t t = items[i];
        items[i] = items[j];
        items[j] = t;
    }
}

static void order_files(struct rn_feed *f)
{
    int64_t n = rn_corpus_files(f->corpus);
    for (int64_t i = 0; i < n; i++)
        f->files[i] = i;
    if (f->cfg.shuffle != RN_SHUFFLE_NONE)
        permute(f->files, n, rn_stream(f->cfg.seed, "loader/shards"), (uint64_t)f->pass);
}

static int order_rows(struct rn_feed *f, int64_t file, struct rn_err *err)
{
    struct share *s = &f->share;
    RN_TRY(rn_try_alloc((void **)&s->order, (size_t)s->n_docs, sizeof *s->order,
                        "the order of a shard's rows", err));
    for (int64_t i = 0; i < s->n_docs; i++)
        s->order[i] = i;
    uint64_t shard = rn_rand_u64(rn_stream(f->cfg.seed, "loader/rows"), (uint64_t)file);
    permute(s->order, s->n_docs, shard + (uint64_t)f->cfg.stream, (uint64_t)f->pass);
    return RN_OK;
}

/* --- the share of a file --- */

static void release_share(struct share *s)
{
    free(s->starts);
    free(s->docs);
    free(s->order);
    *s = (struct share){0};
}

static int64_t groups_of(const struct rn_feed *f, int64_t file, int64_t *first)
{
    int64_t from = rn_corpus_first_group(f->corpus, file) + f->cfg.stream;
    int64_t end = rn_corpus_first_group(f->corpus, file + 1), P = f->cfg.streams;
    *first = from;
    return end > from ? (end - from + P - 1) / P : 0;
}

/* Loads the share of files[f->file], from its beginning. */
static int take_share(struct rn_feed *f, struct rn_err *err)
{
    struct share *s = &f->share;
    int64_t file = f->files[f->file], first, n = groups_of(f, file, &first);
    release_share(s);
    RN_TRY(rn_try_alloc((void **)&s->starts, (size_t)n + 1, sizeof *s->starts, "a shard", err));
    RN_TRY(rn_try_alloc((void **)&s->docs, (size_t)n + 1, sizeof *s->docs, "a shard", err));
    s->n_groups = n;
    for (int64_t g = 0; g < n; g++) {
        int64_t group = first + g * f->cfg.streams;
        s->docs[g] = rn_corpus_first_doc(f->corpus, group);
        s->starts[g] = s->n_docs;
        s->n_docs += rn_corpus_first_doc(f->corpus, group + 1) - s->docs[g];
    }
    s->starts[n] = s->n_docs;
    f->at = 0;
    return f->cfg.shuffle == RN_SHUFFLE_ROWS ? order_rows(f, file, err) : RN_OK;
}

/* Moves on to the next file that has something for this stream. */
static int next_file(struct rn_feed *f, struct rn_err *err)
{
    do {
        if (++f->file == rn_corpus_files(f->corpus)) {
            f->file = 0;
            f->pass++;
            order_files(f);
        }
        RN_TRY(take_share(f, err));
    } while (f->share.n_docs == 0);
    return RN_OK;
}

int rn_feed_next(struct rn_feed *f, int64_t *doc, bool *pause, struct rn_err *err)
{
    const struct share *s = &f->share;
    int64_t place = s->order ? s->order[f->at] : f->at;
    int64_t group = rn_bisect(s->starts, s->n_groups, place);
    *doc = s->docs[group] + place - s->starts[group];
    f->at++;
    *pause = f->at == (s->order ? s->n_docs : s->starts[group + 1]);
    return f->at == s->n_docs ? next_file(f, err) : RN_OK;
}

/* --- the feed --- */

static int check_share(const struct rn_feed *f, struct rn_err *err)
{
    int64_t first, n = 0;
    for (int64_t file = 0; file < rn_corpus_files(f->corpus) && n == 0; file++)
        n = groups_of(f, file, &first);
    if (n > 0)
        return RN_OK;
    return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                   "'loader.streams' is %" PRId64
                   ", but no file has so many row groups: stream %" PRId64 " would be empty",
                   f->cfg.streams, f->cfg.stream);
}

static int begin(struct rn_feed *f, struct rn_err *err)
{
    void *files;
    RN_TRY(check_share(f, err));
    RN_TRY(rn_try_alloc(&files, (size_t)rn_corpus_files(f->corpus), sizeof *f->files,
                        "the order of shards", err));
    f->files = files;
    order_files(f);
    f->file = -1;
    return next_file(f, err);
}

int rn_feed_new(struct rn_feed **out, const struct rn_corpus *c, const struct rn_feed_cfg *cfg,
                struct rn_err *err)
{
    RN_ASSERT(cfg->stream >= 0 && cfg->stream < cfg->streams);
    struct rn_feed *f = rn_new(struct rn_feed);
    f->corpus = c;
    f->cfg = *cfg;
    int rc = begin(f, err);
    if (rc != RN_OK) {
        rn_feed_free(f);
        f = NULL;
    }
    *out = f;
    return rc;
}

void rn_feed_free(struct rn_feed *f)
{
    if (!f)
        return;
    release_share(&f->share);
    free(f->files);
    free(f);
}

int64_t rn_feed_pass(const struct rn_feed *f)
{
    return f->pass;
}

/* --- its position --- */

json_t *rn_feed_state(const struct rn_feed *f)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "shuffle",
                     rn_shuffle_words[f->cfg.shuffle], "seed", (json_int_t)f->cfg.seed, "stream",
                     (json_int_t)f->cfg.stream, "streams", (json_int_t)f->cfg.streams, "pass",
                     (json_int_t)f->pass, "file", (json_int_t)f->file, "at", (json_int_t)f->at);
}

static int match(const struct rn_feed *f, const json_t *state, struct rn_err *err)
{
    static const char *const keys[] = {"shuffle", "seed", "stream", "streams"};
    json_t *own = rn_feed_state(f);
    int rc = RN_OK;
    for (size_t i = 0; i < RN_COUNT(keys) && rc == RN_OK; i++)
        if (!json_equal(json_object_get(own, keys[i]), json_object_get(state, keys[i])))
            rc = rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                         "the loader's state is of another order: its '%s' differs", keys[i]);
    json_decref(own);
    return rc;
}

int rn_feed_restore(struct rn_feed *f, const json_t *state, struct rn_err *err)
{
    int64_t pass = rn_json_int(state, "pass", -1), file = rn_json_int(state, "file", -1);
    int64_t at = rn_json_int(state, "at", -1);
    RN_TRY(match(f, state, err));
    if (pass < 0 || file < 0 || file >= rn_corpus_files(f->corpus))
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE, "the loader's state has no such pass or file");
    f->pass = pass;
    f->file = file;
    order_files(f);
    RN_TRY(take_share(f, err));
    if (at < 0 || at >= f->share.n_docs)
        return rn_fail(err, RN_ECORRUPT, RN_NOWHERE,
                       "the loader's state is at place %" PRId64 " of %" PRId64, at,
                       f->share.n_docs);
    f->at = at;
    return RN_OK;
}
