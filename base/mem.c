#include "mem.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* As after a kill: nothing is cleaned up, and nothing needs to be. No stdio, which may want memory;
 * no abort, since a full machine has no use for a core file. */
_Noreturn void rn_no_memory(size_t size_bytes)
{
    char line[64];
    int n = snprintf(line, sizeof line, "runnel: out of memory (%zu bytes)\n", size_bytes);
    if (write(STDERR_FILENO, line, (size_t)n) != n)
        n = 0;
    _exit(rn_code_exit(RN_ENOMEM));
}

static void *json_alloc(size_t size_bytes)
{
    void *p = malloc(size_bytes);
    if (!p)
        rn_no_memory(size_bytes);
    return p;
}

void rn_mem_init(void)
{
    json_set_alloc_funcs(json_alloc, free);
}

void *rn_xalloc(size_t size_bytes)
{
    void *p = calloc(1, size_bytes ? size_bytes : 1);
    if (!p)
        rn_no_memory(size_bytes);
    return p;
}

void *rn_xrealloc(void *old, size_t count, size_t each)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, each, &size_bytes))
        rn_no_memory(SIZE_MAX);
    void *p = realloc(old, size_bytes ? size_bytes : 1);
    if (!p)
        rn_no_memory(size_bytes);
    return p;
}

char *rn_xdup(const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(rn_xalloc(n), s, n);
}

static char *vprint(void *(*alloc)(void *, size_t), void *ctx, const char *fmt, va_list ap)
{
    char small[256];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, again);
    va_end(again);
    RN_ASSERT(n >= 0);
    char *s = alloc(ctx, (size_t)n + 1);
    if ((size_t)n < sizeof small)
        memcpy(s, small, (size_t)n + 1);
    else
        vsnprintf(s, (size_t)n + 1, fmt, ap);
    return s;
}

static void *heap_alloc(void *unused, size_t size_bytes)
{
    (void)unused;
    return rn_xalloc(size_bytes);
}

char *rn_xprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = vprint(heap_alloc, NULL, fmt, ap);
    va_end(ap);
    return s;
}

int rn_try_alloc(void **out, size_t count, size_t each, const char *what, struct rn_err *err)
{
    size_t size_bytes;
    *out = NULL;
    if (__builtin_mul_overflow(count, each, &size_bytes) || size_bytes > SIZE_MAX - 64)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "%s: %zu x %zu bytes overflow", what, count,
                       each);
    size_t rounded = (size_bytes + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, rounded ? rounded : 64);
    if (!p)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "%s: no memory for %zu bytes", what, size_bytes);
    memset(p, 0, rounded ? rounded : 64);
    *out = p;
    return RN_OK;
}

int rn_try_grow(void *items, size_t *cap, size_t need, size_t each, const char *what,
                struct rn_err *err)
{
    if (need <= *cap)
        return RN_OK;
    size_t count = *cap > SIZE_MAX / 2 ? need : *cap * 2, size_bytes;
    count = count < need ? need : count < 16 ? 16 : count;
    void *old, *p = NULL;
    memcpy(&old, items, sizeof old);
    if (!__builtin_mul_overflow(count, each, &size_bytes))
        p = realloc(old, size_bytes);
    if (!p)
        return rn_fail(err, RN_ENOMEM, RN_NOWHERE, "%s: no memory for %zu x %zu bytes", what, count,
                       each);
    memcpy(items, &p, sizeof p);
    *cap = count;
    return RN_OK;
}

struct rn_arena_block {
    struct rn_arena_block *next;
    size_t used, size;
    _Alignas(16) unsigned char data[];
};

void *rn_arena_alloc(struct rn_arena *a, size_t size_bytes)
{
    size_t need = (size_bytes + 15) & ~(size_t)15;
    if (!a->head || a->head->size - a->head->used < need) {
        enum { SMALLEST = 1 << 10, LARGEST = 1 << 14 };
        size_t size = a->head ? 2 * a->head->size : SMALLEST;
        size = size > LARGEST ? LARGEST : size;
        size = need > size ? need : size;
        struct rn_arena_block *b = rn_xalloc(sizeof *b + size);
        b->size = size;
        b->next = a->head;
        a->head = b;
    }
    void *p = a->head->data + a->head->used;
    a->head->used += need;
    return p;
}

char *rn_arena_dup(struct rn_arena *a, const char *s)
{
    size_t n = strlen(s) + 1;
    return memcpy(rn_arena_alloc(a, n), s, n);
}

static void *arena_alloc(void *arena, size_t size_bytes)
{
    return rn_arena_alloc(arena, size_bytes);
}

char *rn_arena_printf(struct rn_arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = vprint(arena_alloc, a, fmt, ap);
    va_end(ap);
    return s;
}

void rn_arena_release(struct rn_arena *a)
{
    while (a->head) {
        struct rn_arena_block *next = a->head->next;
        free(a->head);
        a->head = next;
    }
}
