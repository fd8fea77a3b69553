/* How long a consumer of batches waits for them.
 *
 *     bench-loader VOCABULARY ROWS RATE SECONDS FILE...
 *
 * FILEs are parquet texts or token shards of ours; VOCABULARY is a .tiktoken file in nanochat's
 * pattern; ROWS is stream or bestfit. Steps of 524,288 tokens in rows of 2,048 are taken off the
 * loader at RATE tokens a second, as a training would. Printed: the share of the time that was
 * spent in rn_loader_next, without the first batch, how long that one took, and how many tokens a
 * second the loader makes when nobody waits. */
#include "loader.h"
#include "clock.h"
#include "corpus.h"
#include "parquet.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { T = 2048, B = 256, STEP = B * T };

static int open_corpus(struct rn_corpus **c, const char *const *paths, size_t n,
                       const struct rn_tokenizer *tok, struct rn_err *err)
{
    struct rn_tokens *t;
    if (rn_parquet_is(paths[0]))
        return rn_corpus_of_text(c, paths, n, tok, err);
    RN_TRY(rn_tokens_open(&t, paths, n, "train", NULL, err));
    *c = rn_corpus_of_tokens(t);
    return RN_OK;
}

static void work_until(double end_s)
{
    double left_s = end_s - rn_clock_s();
    struct timespec t = {(time_t)left_s, (long)((left_s - (double)(time_t)left_s) * 1e9)};
    if (left_s > 0)
        nanosleep(&t, NULL);
}

struct result {
    double first_s, waited_s, all_s;
};

/* rate 0: as fast as they come. */
static int consume(struct rn_loader *l, double rate, double seconds, struct result *r,
                   struct rn_err *err)
{
    static int32_t x[STEP], y[STEP];
    double start_s = rn_clock_s();
    RN_TRY(rn_loader_next(l, x, y, err));
    double begun_s = rn_clock_s(), now_s = begun_s;
    *r = (struct result){.first_s = begun_s - start_s};
    while (now_s - begun_s < seconds) {
        work_until(now_s + (rate > 0 ? STEP / rate : 0));
        double asked_s = rn_clock_s();
        RN_TRY(rn_loader_next(l, x, y, err));
        now_s = rn_clock_s();
        r->waited_s += now_s - asked_s;
    }
    r->all_s = now_s - begun_s;
    return RN_OK;
}

/* Batches a second of the loader without its thread, in tokens. */
static int alone(struct rn_loader *l, double seconds, double *rate, struct rn_err *err)
{
    static int32_t x[STEP], y[STEP];
    double start_s = rn_clock_s(), n = 0;
    for (; rn_clock_s() - start_s < seconds; n++)
        RN_TRY(rn_loader_next(l, x, y, err));
    *rate = n * STEP / (rn_clock_s() - start_s);
    return RN_OK;
}

static int bench(char **argv, int n_files, struct rn_err *err)
{
    struct rn_loader_cfg cfg = {.rows =
                                    strcmp(argv[2], "stream") ? RN_ROWS_BESTFIT : RN_ROWS_STREAM,
                                .B = B,
                                .T = T,
                                .streams = 1};
    double rate = atof(argv[3]), seconds = atof(argv[4]), made;
    struct rn_tokenizer *tok;
    struct rn_corpus *c;
    struct rn_loader *l, *ahead;
    struct result r;
    RN_TRY(rn_tokenizer_load_tiktoken(&tok, argv[1], "nanochat", rn_special_nanochat, err));
    RN_TRY(open_corpus(&c, (const char *const *)argv + 5, (size_t)n_files, tok, err));
    RN_TRY(rn_loader_open(&l, c, &cfg, err));
    RN_TRY(alone(l, seconds / 4, &made, err));
    RN_TRY(rn_loader_ahead(&ahead, l, STEP, err));
    RN_TRY(consume(ahead, rate, seconds, &r, err));
    printf("%s at %.1fM tokens/s: waits %.3f %% of the time, first batch %.0f ms, alone %.1fM "
           "tokens/s\n",
           argv[2], rate / 1e6, 100 * r.waited_s / r.all_s, r.first_s * 1e3, made / 1e6);
    rn_loader_free(ahead);
    rn_corpus_free(c);
    rn_tokenizer_free(tok);
    return RN_OK;
}

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    if (argc < 6) {
        fprintf(stderr, "bench-loader VOCABULARY stream|bestfit RATE SECONDS FILE...\n");
        return 2;
    }
    if (bench(argv, argc - 5, &err) == RN_OK)
        return 0;
    rn_err_print(&err, stderr);
    return 1;
}
