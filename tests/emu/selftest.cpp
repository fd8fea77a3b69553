/* The emulator itself: what it computes, and that it sees what it promises to see. Each row is a
 * kernel that is run in a process of its own; `complaint` is what must be said, "" if nothing may
 * be. Rows marked ANY_ORDER are wrong in some orders only: at least one of ORDERS must say so. */
#include "cuda_emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "mma.cuh"

enum { ORDERS = 8, N = 64 };

static int bad; /* in the child: results that are wrong */

static void expect(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "wrong: %s\n", what);
        bad = 1;
    }
}

/* --- sound kernels --- */

static __global__ void add_one(int *x, int n)
{
    int i = (int)(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < n)
        x[i]++;
}

static void every_thread_once()
{
    int x[77] = {0}, sum = 0;
    RN_LAUNCH(add_one, 3, 32, 0, NULL, x, 77);
    for (int i : x)
        sum += i == 1;
    expect(sum == 77, "each element by one thread");
}

static __global__ void where(uint3 *block, uint3 *thread)
{
    unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
    unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
    block[b] = blockIdx;
    thread[t] = threadIdx;
}

static void indices_in_three_dimensions()
{
    uint3 block[24], thread[24];
    RN_LAUNCH(where, dim3(2, 3, 4), dim3(4, 3, 2), 0, NULL, block, thread);
    expect(block[23].x == 1 && block[23].y == 2 && block[23].z == 3, "the last block");
    expect(thread[23].x == 3 && thread[23].y == 2 && thread[23].z == 1, "the last thread");
    expect(thread[5].x == 1 && thread[5].y == 1 && thread[5].z == 0, "the sixth thread");
}

static __global__ void reverse(float *x)
{
    RN_SHARED(float, tile, N);
    int i = (int)threadIdx.x;
    tile[i] = x[i];
    __syncthreads();
    x[i] = tile[N - 1 - i];
}

static void a_barrier_orders()
{
    float x[N];
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    RN_LAUNCH(reverse, 1, N, 0, NULL, x);
    for (int i = 0; i < N; i++)
        expect(x[i] == (float)(N - 1 - i), "reversed");
}

static __global__ void early_leavers(float *x)
{
    RN_SHARED(float, tile, N);
    if (threadIdx.x >= N / 2)
        return;
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = tile[N / 2 - 1 - threadIdx.x];
}

static void who_has_returned_is_not_waited_for()
{
    float x[N] = {1, 2};
    RN_LAUNCH(early_leavers, 1, N, 0, NULL, x);
    expect(x[N / 2 - 1] == 1 && x[N / 2 - 2] == 2, "reversed by the first half");
}

static __global__ void talk(int *out)
{
    int lane = (int)threadIdx.x;
    int *own = out + lane * 8;
    own[0] = __shfl_xor_sync(0xffffffffu, lane, 5);
    own[1] = __shfl_sync(0xffffffffu, lane, 7);
    own[2] = __shfl_down_sync(0xffffffffu, lane, 3);
    own[3] = __shfl_up_sync(0xffffffffu, lane, 3);
    own[4] = (int)__ballot_sync(0xffffffffu, lane % 2 == 0);
    own[5] = __any_sync(0xffffffffu, lane == 9);
    own[6] = __all_sync(0xffffffffu, lane < 31);
    unsigned half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
    own[7] = __shfl_xor_sync(half, lane, 8);
}

static void lanes_exchange()
{
    int out[32][8];
    RN_LAUNCH(talk, 1, 32, 0, NULL, &out[0][0]);
    for (int i = 0; i < 32; i++) {
        int *own = out[i];
        expect(own[0] == (i ^ 5) && own[1] == 7, "xor and broadcast");
        expect(own[2] == (i < 29 ? i + 3 : i) && own[3] == (i >= 3 ? i - 3 : i), "down and up");
        expect((unsigned)own[4] == 0x55555555u && own[5] == 1 && own[6] == 0, "votes");
        expect(own[7] == (i ^ 8), "halves that meet apart");
    }
}

static __global__ void poisoned(int *found)
{
    RN_SHARED(float, fixed, 3);
    RN_SHARED_DYNAMIC(float, dynamic);
    if (threadIdx.x == 0)
        found[blockIdx.x] = isnan(fixed[2]) && isnan(dynamic[4]);
    __syncthreads();
    fixed[0] = fixed[1] = fixed[2] = dynamic[4] = 1;
}

static void memory_of_a_block_is_no_number()
{
    int found[3];
    RN_LAUNCH(poisoned, 3, 2, 5 * sizeof(float), NULL, found);
    expect(found[0] && found[1] && found[2], "NaN before each block");
}

static __global__ void multiply(float *c, const uint16_t *a, const uint16_t *b)
{
    alignas(16) static uint16_t A[16][16], B[16][8];
    uint32_t fa[4], fb[4];
    float fc[4] = {1, 1, 1, 1};
    int lane = (int)threadIdx.x;
    memcpy(A, a, sizeof A);
    memcpy(B, b, sizeof B);
    rn_ldmatrix(fa, &A[lane % 16][lane / 16 * 8]);
    rn_ldmatrix_t(fb, &B[lane % 16][0]);
    rn_mma(fc, fa, fb);
    for (int i = 0; i < 4; i++)
        c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = fc[i];
}

static void matrices_multiply()
{
    uint16_t a[16][16], b[16][8];
    float c[16][8];
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 16; k++) {
            a[i][k] = rn_to_bf16((float)(i - k));
            b[k][i % 8] = rn_to_bf16((float)(k * 3 + i % 8));
        }
    RN_LAUNCH(multiply, 1, 32, 0, NULL, &c[0][0], &a[0][0], &b[0][0]);
    for (int i = 0; i < 16; i++)
        for (int n = 0; n < 8; n++) {
            float want = 1;
            for (int k = 0; k < 16; k++)
                want += (float)(i - k) * (float)(k * 3 + n);
            expect(c[i][n] == want, "a product of matrices");
        }
}

/* --- faults --- */

static __global__ void no_barrier(float *x)
{
    RN_SHARED(float, tile, N);
    int i = (int)threadIdx.x;
    tile[i] = x[i];
    x[i] = tile[N - 1 - i];
}

static void a_missing_barrier()
{
    float x[N] = {0};
    RN_LAUNCH(no_barrier, 1, N, 0, NULL, x);
    for (float v : x)
        expect(v == 0, "a value of the block's memory");
}

static __global__ void two_blocks(int *x)
{
    if (blockIdx.x == 0)
        *x = 1;
    else if (*x == 1)
        *x = 2;
}

static void an_order_of_blocks()
{
    int x = 0;
    RN_LAUNCH(two_blocks, 2, 1, 0, NULL, &x);
    expect(x == 2, "the second block after the first");
}

static __global__ void two_barriers()
{
    if (threadIdx.x == 0)
        __syncthreads();
    else
        __syncthreads();
}

static void divergent_barriers()
{
    RN_LAUNCH(two_barriers, 1, 2, 0, NULL);
}

static __global__ void one_at_a_barrier(int *out)
{
    if (threadIdx.x == 0)
        __syncthreads();
    else
        *out = __shfl_sync(3u, 1, 0);
}

static void a_lane_that_never_comes()
{
    int out;
    RN_LAUNCH(one_at_a_barrier, 1, 2, 0, NULL, &out);
}

static __global__ void shuffle_after_return(int *out)
{
    if (threadIdx.x >= 20)
        return;
    __syncthreads();
    *out = __shfl_xor_sync(0xffffffffu, 1, 1);
}

static void a_lane_that_is_gone()
{
    int out;
    RN_LAUNCH(shuffle_after_return, 1, 32, 0, NULL, &out);
}

static __global__ void not_in_the_mask(int *out)
{
    *out = __shfl_sync(1u, 1, 0);
}

static void a_lane_outside_of_its_mask()
{
    int out;
    RN_LAUNCH(not_in_the_mask, 1, 2, 0, NULL, &out);
}

static __global__ void past_the_end()
{
    RN_SHARED_DYNAMIC(float, x);
    x[threadIdx.x] = 0;
}

static void a_write_past_the_blocks_memory()
{
    RN_LAUNCH(past_the_end, 1, 9, 8 * sizeof(float), NULL);
}

#ifdef __SANITIZE_ADDRESS__
static const char past_the_memory[] = "AddressSanitizer: use-after-poison";

static __global__ void one_further(float *y, const float *x)
{
    RN_SHARED(float, own, 32);
    own[threadIdx.x] = x ? x[threadIdx.x + 1] : 0;
    __syncthreads();
    y[threadIdx.x] = own[threadIdx.x + 1];
}

static void a_read_past_the_blocks_memory()
{
    float y[32];
    RN_LAUNCH(one_further, 1, 32, 0, NULL, y, (const float *)NULL);
}

static void a_read_past_an_array()
{
    float y[32];
    std::vector<float> x(32);
    RN_LAUNCH(one_further, 1, 32, 0, NULL, y, (const float *)x.data());
}
#else
static const char past_the_memory[] = "a write past the block's memory";
#endif

static __global__ void promise(int n)
{
    RN_KERNEL_ASSERT(n < 3);
}

static void a_promise()
{
    RN_LAUNCH(promise, 1, 1, 0, NULL, 3);
}

static void a_grid_too_high()
{
    RN_LAUNCH(promise, dim3(1, 257), 1, 0, NULL, 1);
}

static void an_empty_grid()
{
    RN_LAUNCH(promise, 0, 1, 0, NULL, 1);
}

static void a_block_too_large()
{
    RN_LAUNCH(promise, 1, 1025, 0, NULL, 1);
}

static __global__ void crooked(const uint16_t *x)
{
    uint32_t r[4];
    rn_ldmatrix(r, x + 1);
}

static void a_crooked_matrix()
{
    alignas(16) static uint16_t x[16];
    RN_LAUNCH(crooked, 1, 32, 0, NULL, x);
}

/* --- the table --- */

struct row {
    const char *name;
    void (*run)();
    const char *complaint;
    bool any_order;
};
#define SOUND(f)                                                                                   \
    {                                                                                              \
#f, f, "", false                                                                           \
    }
#define FAULT(f, complaint)                                                                        \
    {                                                                                              \
#f, f, complaint, false                                                                    \
    }
#define IN_SOME(f, complaint)                                                                      \
    {                                                                                              \
#f, f, complaint, true                                                                     \
    }

static const struct row rows[] = {
    SOUND(every_thread_once),
    SOUND(indices_in_three_dimensions),
    SOUND(a_barrier_orders),
    SOUND(who_has_returned_is_not_waited_for),
    SOUND(lanes_exchange),
    SOUND(memory_of_a_block_is_no_number),
    SOUND(matrices_multiply),
    FAULT(a_missing_barrier, "wrong"),
    IN_SOME(an_order_of_blocks, "wrong"),
    FAULT(divergent_barriers, "wait at different barriers"),
    FAULT(a_lane_that_never_comes, "waits for others of its mask for ever"),
    FAULT(a_lane_that_is_gone, "a mask names a lane that is gone"),
    FAULT(a_lane_outside_of_its_mask, "not in its own mask"),
    FAULT(a_write_past_the_blocks_memory, past_the_memory),
#ifdef __SANITIZE_ADDRESS__
    FAULT(a_read_past_the_blocks_memory, past_the_memory),
    FAULT(a_read_past_an_array, "AddressSanitizer: heap-buffer-overflow"),
#endif
    FAULT(a_promise, "not true: n < 3"),
    FAULT(a_grid_too_high, "a grid that grows in y or z"),
    FAULT(an_empty_grid, "a grid that no GPU takes"),
    FAULT(a_block_too_large, "a block that no GPU takes"),
    FAULT(a_crooked_matrix, "a multiple of 16 bytes"),
};

/* What the row says in this order of threads, "" if nothing. */
static void run_row(const struct row *r, int order, char *said, size_t size_bytes)
{
    int ends[2];
    if (pipe(ends) != 0)
        abort();
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        emu_seed((uint64_t)order);
        r->run();
        _exit(bad);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], said + n, size_bytes - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(ends[0]);
    int status;
    waitpid(child, &status, 0);
    if (status != 0 && n == 0)
        snprintf(said, size_bytes, "ended with status %d", status);
}

static bool holds(const struct row *r)
{
    char said[4096];
    int as_told = 0;
    for (int order = 0; order < ORDERS; order++) {
        run_row(r, order, said, sizeof said);
        bool right = *r->complaint ? strstr(said, r->complaint) != NULL : !*said;
        as_told += right;
        if (!right && !r->any_order)
            fprintf(stderr, "%s, order %d: said '%s', not '%s'\n", r->name, order, said,
                    r->complaint);
    }
    if (r->any_order && (as_told == 0 || as_told == ORDERS))
        fprintf(stderr, "%s: the same in all of %d orders\n", r->name, ORDERS);
    return r->any_order ? as_told > 0 && as_told < ORDERS : as_told == ORDERS;
}

int main()
{
    int failed = 0, n = (int)(sizeof rows / sizeof *rows);
    for (const struct row &r : rows)
        failed += !holds(&r);
    printf("%d of %d rows hold\n", n - failed, n);
    return failed != 0;
}
