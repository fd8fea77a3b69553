/* The first step of llm.c's own train_gpt2.c, which lies in the include path: GPT-2 124M in fp32.
 *
 *     llmc-step T ROWS
 *
 * Its model is made of random numbers instead of read from a file. Prints lines as bench-step does;
 * taking the memory is part of the step. */
#define TESTING /* its main is left out */
#include "train_gpt2.c"

#include <sys/resource.h>

enum {
    VOCAB = 50257,
    VOCAB_PADDED = 50304,
    LAYERS = 12,
    HEADS = 12,
    WIDTH = 768,
    POSITIONS = 1024
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

static void make_model(GPT2 *m)
{
    memset(m, 0, sizeof *m);
    m->config = (GPT2Config){POSITIONS, VOCAB, VOCAB_PADDED, LAYERS, HEADS, WIDTH};
    fill_in_parameter_sizes(m->param_sizes, m->config);
    for (int i = 0; i < NUM_PARAMETER_TENSORS; i++)
        m->num_parameters += m->param_sizes[i];
    m->params_memory = malloc_and_point_parameters(&m->params, m->param_sizes);
    for (size_t i = 0; i < m->num_parameters; i++)
        m->params_memory[i] = (float)(0.07 * rand() / RAND_MAX - 0.035);
}

int main(int argc, char **argv)
{
    int T = argc == 3 ? atoi(argv[1]) : 0, B = argc == 3 ? atoi(argv[2]) : 0;
    if (T < 1 || T > POSITIONS || B < 1) {
        fprintf(stderr, "usage: llmc-step T ROWS\n");
        return 2;
    }
    int *ids = mallocCheck((size_t)(B * T) * sizeof *ids);
    GPT2 model;
    make_model(&model);
    for (int i = 0; i < B * T; i++)
        ids[i] = rand() % VOCAB;
    double start_ms = now_ms();
    gpt2_forward(&model, ids, ids, (size_t)B, (size_t)T);
    gpt2_zero_grad(&model);
    gpt2_backward(&model);
    double update_ms = now_ms();
    gpt2_update(&model, 1e-6f, 0.9f, 0.999f, 1e-8f, 0.0f, 1);
    double end_ms = now_ms();
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    printf("step %.2f ms\noptimizer %.2f ms\nrss %ld MiB\n", update_ms - start_ms,
           end_ms - update_ms, used.ru_maxrss / 1024);
    gpt2_free(&model);
    free(ids);
    return 0;
}
