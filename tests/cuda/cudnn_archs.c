/* Whether cuDNN has engines for our attention graphs on cards that are only described, for `make
 * cuda-all`: forward and backward, whole and windowed, deterministic, grouped heads, odd lengths.
 *
 *     cudnn-archs FILE.json ...
 *
 * A plan is compiled as far as a machine without a GPU goes: up to loading it, where the toolkit's
 * stub of libcuda says error 34. One line for each graph; leaves with 0 if all are accepted. */
#include "sdpa_graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cudnnBackendDescriptor_t describe(const struct rn_cudnn *api, const char *path)
{
    char json[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(json, 1, sizeof json, f) : 0;
    if (f)
        fclose(f);
    while (n > 0 && json[n - 1] == '\n')
        n--;
    cudnnBackendDescriptor_t d;
    if (n == 0 || api->cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d) != 0 ||
        api->cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                                      (int64_t)n, json) != 0 ||
        api->cudnnBackendFinalize(d) != 0) {
        fprintf(stderr, "%s: no description of a card\n", path);
        exit(2);
    }
    return d;
}

/* A plan that is whole, or lacks the GPU alone. */
static bool accepted(const struct rn_cudnn *api, const char *card, cudnnBackendDescriptor_t device,
                     const struct rn_sdpa_shape *s, bool backward)
{
    struct rn_graph *g = calloc(1, sizeof *g);
    struct rn_graph_where where = {.described = device};
    struct rn_graph_plan plan = {NULL, 0};
    g->api = api;
    (backward ? rn_sdpa_backward : rn_sdpa_forward)(g, s);
    bool built = rn_graph_plan(g, &where, INT64_MAX, &plan);
    bool fine = built || strstr(g->failed, "cuLibraryLoadData");
    printf("%-5s %s  heads %d/%d of %d, T %d, window %d%s%s: %s\n", fine ? "ok" : "FAIL", card,
           (int)s->H, (int)s->K, (int)s->D, (int)s->T, (int)s->window, backward ? ", backward" : "",
           s->deterministic ? ", deterministic" : "", built ? "built" : g->failed);
    if (plan.plan)
        api->cudnnBackendDestroyDescriptor(plan.plan);
    rn_graph_release(g);
    free(g);
    return fine;
}

int main(int argc, char **argv)
{
    static const struct rn_sdpa_shape shapes[] = {
        {4, 1024, 12, 12, 64, -1, 0.125f, false}, {2, 2048, 6, 6, 128, -1, 0.1f, false},
        {2, 2048, 6, 6, 128, 512, 0.1f, false},   {2, 2048, 12, 4, 128, 512, 0.1f, true},
        {1, 777, 12, 12, 64, -1, 0.125f, true},
    };
    const char *missing = NULL;
    const struct rn_cudnn *api = rn_cudnn_load(&missing);
    int bad = 0;
    if (!api) {
        printf("SKIP: %s\n", missing);
        return 77;
    }
    for (int i = 1; i < argc; i++) {
        cudnnBackendDescriptor_t device = describe(api, argv[i]);
        const char *slash = strrchr(argv[i], '/');
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            bad += !accepted(api, slash ? slash + 1 : argv[i], device, &shapes[s], false);
            bad += !accepted(api, slash ? slash + 1 : argv[i], device, &shapes[s], true);
        }
        api->cudnnBackendDestroyDescriptor(device);
    }
    return bad ? 1 : 0;
}
