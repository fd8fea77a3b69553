/* Encodes documents that lie in memory and says how long it took.
 *
 *     bench-encode VOCABULARY PATTERN DOCUMENTS THREADS [IDS]
 *
 * VOCABULARY is a .tiktoken file or GPT-2's vocab.bpe; DOCUMENTS are each four bytes of length and
 * the text. Wall and processor seconds go to standard output; to the file IDS, if given, goes for
 * each document the number of its ids and the ids, four bytes each. Reading, writing and loading
 * are not timed. */
#include "clock.h"
#include "encoder.h"
#include "file.h"
#include "mem.h"
#include "parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 256, DOCS_AT_A_TIME = 4 };

struct doc {
    const char *text;
    size_t n;
    struct rn_ids ids;
};
struct bench {
    struct doc *docs;
    size_t n, cap;
    struct rn_encoder *encoders[THREADS_MAX];
};

static void find_docs(struct bench *b, const char *p, const char *end)
{
    for (uint32_t n; p < end; p += n) {
        memcpy(&n, p, sizeof n);
        p += sizeof n;
        RN_PUSH(b->docs, b->n, b->cap, ((struct doc){.text = p, .n = n}));
    }
}

static void encode_docs(void *ctx, int64_t first, int64_t end, int worker)
{
    struct bench *b = ctx;
    for (int64_t i = first; i < end; i++)
        rn_encoder_encode(b->encoders[worker], b->docs[i].text, b->docs[i].n, &b->docs[i].ids);
}

static void dump(const struct bench *b, const char *path)
{
    FILE *f = fopen(path, "wb");
    for (size_t i = 0; f && i < b->n; i++) {
        uint32_t n = (uint32_t)b->docs[i].ids.n;
        fwrite(&n, sizeof n, 1, f);
        fwrite(b->docs[i].ids.p, sizeof n, n, f);
    }
    if (!f || fclose(f) != 0)
        perror(path);
}

static int load(struct rn_tokenizer **t, const char *path, const char *pattern, struct rn_err *err)
{
    if (rn_ends_with(path, ".bpe"))
        return rn_tokenizer_load_gpt2(t, path, NULL, err);
    return rn_tokenizer_load_tiktoken(t, path, pattern, NULL, err);
}

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int bench(char **argv, struct bench *b, struct rn_err *err)
{
    struct rn_tokenizer *t = NULL;
    int threads = (int)strtol(argv[4], NULL, 10);
    char *bytes;
    size_t n;
    RN_TRY(load(&t, argv[1], argv[2], err));
    RN_TRY(rn_file_read(argv[3], (size_t)1 << 34, &bytes, &n, err));
    find_docs(b, bytes, bytes + n);
    for (int i = 0; i < threads && i < THREADS_MAX; i++)
        RN_TRY(rn_encoder_new(&b->encoders[i], t, err));
    double wall = rn_clock_s(), cpu = cpu_s();
    rn_parallel(threads, (int64_t)b->n, DOCS_AT_A_TIME, encode_docs, b);
    printf("%.6f %.6f\n", rn_clock_s() - wall, cpu_s() - cpu);
    if (argv[5])
        dump(b, argv[5]);
    return RN_OK;
}

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    struct bench b = {0};
    if (argc < 5 || argc > 6) {
        fputs("usage: bench-encode VOCABULARY PATTERN DOCUMENTS THREADS [IDS]\n", stderr);
        return 2;
    }
    if (bench(argv, &b, &err) != RN_OK) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    return 0;
}
