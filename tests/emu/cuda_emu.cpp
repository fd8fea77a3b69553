/* The fibers behind cuda_emu.h: one block at a time, its threads as fibers that are switched by
 * hand. */
#include "cuda_emu.h"

#include <map>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <vector>
#ifndef __x86_64__
#include <ucontext.h>
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

namespace emu
{

uint3 thread_index, block_index;
dim3 block_size, grid_size;

namespace
{

enum state { READY, AT_BARRIER, IN_WARP, DONE };

/* What a fiber needs to go on. */
#ifdef __x86_64__
struct context {
    void *stack_top;
};
#else
struct context {
    ucontext_t of;
};
#endif

struct copy { /* of 16 bytes */
    void *to;
    const void *from;
    int group;
};

struct fiber {
    struct context context;
    char *stack;
    enum state state;
    uint3 index;
    int number; /* in its block */
    struct site at;
    unsigned mask; /* IN_WARP: who meets */
    void *brought;
    void *fake_stack;                /* the address sanitizer's */
    std::vector<struct copy> copies; /* not done yet */
    int group;                       /* that new ones belong to */
};

enum : size_t {
    STACK_BYTES = 256 * 1024, /* reserved; pages come as they are used */
    THREADS_MAX = 1024,
    STATIC_MAX = 48 * 1024,
    DYNAMIC_MAX = 227 * 1024, /* of sm_90; smaller cards have 99 KiB */
    FENCE = 64                /* bytes behind a block's memory that must stay as they are */
};
/* Of a grid's y and z. A GPU takes 65535; what grows with a batch is found by a small one. */
const unsigned SIDE_MAX = 256;
const unsigned char POISON = 0xff; /* as a float, a NaN */

struct memory { /* of a block */
    std::vector<unsigned char> bytes;
    size_t size_bytes;
};

std::vector<fiber> fibers;
std::vector<int> order;
fiber *now;
struct context scheduler;
void *scheduler_fake_stack;
const void *scheduler_stack;
size_t scheduler_stack_bytes;
const std::function<void()> *body;
uint64_t random_state = 1;
long launched; /* kernels */
struct memory dynamic;
std::map<const void *, struct memory> statics;

[[noreturn]] void fail(const char *what, const struct fiber *f)
{
    fprintf(stderr, "emu: %s, block (%u,%u,%u)", what, block_index.x, block_index.y, block_index.z);
    if (f)
        fprintf(stderr, ", thread %d, %s:%d", f->number, f->at.file ? f->at.file : "before any",
                f->at.line);
    fputc('\n', stderr);
    abort();
}

uint64_t random_below(uint64_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % n;
}

/* 0 .. n-1 in random order. */
void shuffle_order(std::vector<int> &to, int n)
{
    to.resize((size_t)n);
    for (int i = 0; i < n; i++) {
        int j = (int)random_below((uint64_t)i + 1);
        to[(size_t)i] = to[(size_t)j];
        to[(size_t)j] = i;
    }
}

/* --- switching --- */

#ifdef __x86_64__

extern "C" void emu_switch(void **from, void *to);
__asm__(".text\n"
        ".local emu_switch\n"
        ".type emu_switch, @function\n"
        "emu_switch:\n"
        "    push %rbp\n    push %rbx\n    push %r12\n    push %r13\n    push %r14\n    push %r15\n"
        "    mov %rsp, (%rdi)\n"
        "    mov %rsi, %rsp\n"
        "    pop %r15\n    pop %r14\n    pop %r13\n    pop %r12\n    pop %rbx\n    pop %rbp\n"
        "    ret\n"
        ".size emu_switch, . - emu_switch\n");

void switch_context(struct context *from, struct context *to)
{
    emu_switch(&from->stack_top, to->stack_top);
}

/* As if the fiber had been switched away from right before `entry`. */
void make_context(struct context *c, char *stack, void (*entry)())
{
    void **top = (void **)(stack + STACK_BYTES);
    *--top = NULL; /* entry never returns; its stack is aligned as after a call */
    *--top = (void *)entry;
    for (int i = 0; i < 6; i++)
        *--top = NULL;
    c->stack_top = top;
}

#else

void switch_context(struct context *from, struct context *to)
{
    swapcontext(&from->of, &to->of);
}

void make_context(struct context *c, char *stack, void (*entry)())
{
    getcontext(&c->of);
    c->of.uc_stack.ss_sp = stack;
    c->of.uc_stack.ss_size = STACK_BYTES;
    c->of.uc_link = NULL;
    ::makecontext(&c->of, entry, 0);
}

#endif

/* The address sanitizer must know whose stack it looks at. */
void leave_for(void **own_fake_stack, const void *stack, size_t size_bytes)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(own_fake_stack, stack, size_bytes);
#else
    (void)own_fake_stack, (void)stack, (void)size_bytes;
#endif
}

void arrive_from(void *own_fake_stack, const void **stack, size_t *size_bytes)
{
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber(own_fake_stack, stack, size_bytes);
#else
    (void)own_fake_stack, (void)stack, (void)size_bytes;
#endif
}

/* From the fiber that runs back to the scheduler. */
void pause(enum state state)
{
    now->state = state;
    leave_for(state == DONE ? NULL : &now->fake_stack, scheduler_stack, scheduler_stack_bytes);
    switch_context(&now->context, &scheduler);
    arrive_from(now->fake_stack, &scheduler_stack, &scheduler_stack_bytes);
}

void fiber_main()
{
    arrive_from(NULL, &scheduler_stack, &scheduler_stack_bytes);
    (*body)();
    pause(DONE);
    abort(); /* nobody goes on with it */
}

void resume(fiber *f)
{
    now = f;
    thread_index = f->index;
    leave_for(&scheduler_fake_stack, f->stack, STACK_BYTES);
    switch_context(&scheduler, &f->context);
    arrive_from(scheduler_fake_stack, NULL, NULL);
    now = NULL;
}

/* --- a block --- */

void start(fiber *f, int i)
{
    if (!f->stack) {
        f->stack = (char *)mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (f->stack == MAP_FAILED)
            fail("no memory for a stack", NULL);
    }
    unsigned n = (unsigned)i, x = block_size.x, y = block_size.y;
    f->number = i;
    f->index = make_uint3(n % x, n / x % y, n / (x * y));
    f->state = READY;
    f->at = {NULL, 0};
    f->fake_stack = NULL;
    f->copies.clear();
    f->group = 0;
    make_context(&f->context, f->stack, fiber_main);
}

/* Runs everybody who can; false if nobody could. */
bool run_ready(int n)
{
    bool ran = false;
    shuffle_order(order, n);
    for (int i : order)
        if (fibers[(size_t)i].state == READY) {
            resume(&fibers[(size_t)i]);
            ran = true;
        }
    return ran;
}

int count(int n, enum state state)
{
    int found = 0;
    for (int i = 0; i < n; i++)
        found += fibers[(size_t)i].state == state;
    return found;
}

bool same_site(struct site a, struct site b)
{
    return a.line == b.line && (a.file == b.file || strcmp(a.file, b.file) == 0);
}

/* Nobody can run: then all that are left wait at one barrier, which opens; false: all are done. */
bool open_barrier(int n)
{
    if (count(n, DONE) == n)
        return false;
    const fiber *first = NULL;
    for (int i = 0; i < n; i++) {
        fiber *f = &fibers[(size_t)i];
        if (f->state == IN_WARP)
            fail("a lane waits for others of its mask for ever", f);
        if (f->state != AT_BARRIER)
            continue;
        if (first && !same_site(first->at, f->at))
            fail("threads of a block wait at different barriers", f);
        first = f;
        f->state = READY;
    }
    return true;
}

/* Up to check_fence the address sanitizer sees reads of the fence, too. */
void poison(struct memory *m, size_t size_bytes)
{
    m->size_bytes = size_bytes;
    m->bytes.assign(size_bytes + FENCE, POISON);
    m->bytes.shrink_to_fit();
    ASAN_POISON_MEMORY_REGION(m->bytes.data() + size_bytes, FENCE);
}

void check_fence(const struct memory *m)
{
    ASAN_UNPOISON_MEMORY_REGION(m->bytes.data() + m->size_bytes, FENCE);
    for (size_t i = m->size_bytes; i < m->bytes.size(); i++)
        if (m->bytes[i] != POISON)
            fail("a write past the block's memory", NULL);
}

void run_block(int n, size_t shared_bytes)
{
    poison(&dynamic, shared_bytes);
    for (auto &s : statics)
        poison(&s.second, s.second.size_bytes);
    for (int i = 0; i < n; i++)
        start(&fibers[(size_t)i], i);
    do {
        while (run_ready(n))
            continue;
    } while (open_barrier(n));
    for (int i = 0; i < n; i++)
        if (!fibers[(size_t)i].copies.empty())
            fail("a copy that nobody waited for", &fibers[(size_t)i]);
    check_fence(&dynamic);
    for (auto &s : statics)
        check_fence(&s.second);
}

void check_launch(dim3 grid, dim3 block, size_t shared_bytes)
{
    if (now)
        fail("a launch from inside of a kernel", now);
    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffffu)
        fail("a grid that no GPU takes", NULL);
    if (grid.y > SIDE_MAX || grid.z > SIDE_MAX)
        fail("a grid that grows in y or z", NULL);
    size_t threads = (size_t)block.x * block.y * block.z;
    if (threads == 0 || threads > THREADS_MAX || shared_bytes > DYNAMIC_MAX)
        fail("a block that no GPU takes", NULL);
}

} /* namespace */

/* --- what kernels call --- */

void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &of)
{
    check_launch(grid, block, shared_bytes);
    launched++;
    body = &of;
    grid_size = grid;
    block_size = block;
    statics.clear();
    int threads = (int)(block.x * block.y * block.z);
    if (fibers.size() < (size_t)threads)
        fibers.resize((size_t)threads);
    std::vector<int> blocks;
    shuffle_order(blocks, (int)(grid.x * grid.y * grid.z));
    for (int b : blocks) {
        unsigned i = (unsigned)b;
        block_index = make_uint3(i % grid.x, i / grid.x % grid.y, i / (grid.x * grid.y));
        run_block(threads, shared_bytes);
    }
}

int lane()
{
    return now->number % 32;
}

void broken(const char *promise, struct site at)
{
    now->at = at;
    fprintf(stderr, "emu: not true: %s\n", promise);
    fail("a broken promise", now);
}

void barrier(struct site at)
{
    now->at = at;
    pause(AT_BARRIER);
}

/* Whether lane f takes part in the meeting that `own` has come to. */
static bool has_come(const fiber *f, const fiber *own)
{
    return f == own || (f->state == IN_WARP && f->mask == own->mask && same_site(f->at, own->at));
}

void collective(unsigned mask, struct site at, void *own, void (*meet)(void *of[32]))
{
    now->at = at;
    now->mask = mask;
    now->brought = own;
    if (!(mask >> lane() & 1))
        fail("a lane meets others but is not in its own mask", now);
    fiber *warp = now - lane();
    int lanes = (int)(block_size.x * block_size.y * block_size.z) - warp->number;
    void *of[32] = {0};
    for (int i = 0; i < 32; i++) {
        if (!(mask >> i & 1))
            continue;
        if (i >= lanes || warp[i].state == DONE)
            fail("a mask names a lane that is gone", now);
        if (!has_come(&warp[i], now)) {
            pause(IN_WARP);
            return;
        }
        of[i] = warp[i].brought;
    }
    meet(of);
    for (int i = 0; i < 32; i++)
        if (mask >> i & 1)
            warp[i].state = READY;
}

void copy_16(void *to, const void *from, struct site at)
{
    if (((uintptr_t)to | (uintptr_t)from) % 16 != 0)
        broken("both ends of a copy lie at multiples of 16 bytes", at);
    now->at = at;
    now->copies.push_back({to, from, now->group});
}

void copies_end()
{
    now->group++;
}

void copies_wait(int newer)
{
    auto &all = now->copies;
    size_t done = 0;
    for (; done < all.size() && all[done].group < now->group - newer; done++)
        memcpy(all[done].to, all[done].from, 16);
    all.erase(all.begin(), all.begin() + (ptrdiff_t)done);
}

void *dynamic_shared()
{
    return dynamic.bytes.data();
}

void *shared(const void *key, size_t size_bytes, struct site at)
{
    auto found = statics.find(key);
    if (found != statics.end())
        return found->second.bytes.data();
    now->at = at;
    size_t all = size_bytes;
    for (auto &s : statics)
        all += s.second.size_bytes;
    if (all > STATIC_MAX)
        fail("more static memory of a block than a GPU has", now);
    poison(&statics[key], size_bytes);
    return statics[key].bytes.data();
}

} /* namespace emu */

long emu_launches(void)
{
    return emu::launched;
}

void emu_seed(uint64_t seed)
{
    emu::random_state = seed * 0x9e3779b97f4a7c15u | 1;
}

/* Dynamic shared memory has no limit here. */
cudaError_t cudaFuncSetAttribute(const void *, cudaFuncAttribute, int)
{
    return cudaSuccess;
}
