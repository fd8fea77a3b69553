/* mem.h - memory, in two manners.
 *
 *     struct row *r = rn_new(struct row);                  small: cannot fail
 *     RN_PUSH(list->items, list->n, list->cap, *r);        grows by itself
 *     RN_TRY(rn_try_alloc(&out, n, 4, "logits", err));     large: can fail
 *
 * Small and bounded (names, config, tables): rn_new, rn_xdup, RN_PUSH, arenas, and after
 * rn_mem_init() what jansson takes. They never fail: a machine that has no few KiB left ends the
 * program with one line and exit 1, the disk as after a kill. Large or sized by input (files,
 * tensors, buffers): rn_try_alloc and rn_try_grow, which report RN_ENOMEM with the size asked for.
 *
 * An arena lives as long as its owner (pipeline, stage) and is freed whole. */
#ifndef RN_MEM_H
#define RN_MEM_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

void rn_mem_init(void);                                  /* first thing of a program */
_Noreturn void rn_no_memory(size_t size_bytes);          /* the one line, and the end */
void *rn_xalloc(size_t size_bytes);                      /* zeroed; never NULL; caller frees */
void *rn_xrealloc(void *old, size_t count, size_t each); /* overflow-checked; never NULL */
char *rn_xdup(const char *s);                            /* never NULL; caller frees */
char *rn_xprintf(const char *fmt, ...) RN_PRINTF(1, 2);  /* caller frees */

#define rn_new(type) ((type *)rn_xalloc(sizeof(type)))

/* *out = count * each zeroed bytes, 64-byte aligned; free with free(). RN_ENOMEM names `what`. */
int rn_try_alloc(void **out, size_t count, size_t each, const char *what, struct rn_err *err);

/* Makes room for `need` items of `each` bytes in a growable array; *cap at least doubles. New items
 * are not zeroed. RN_ENOMEM names `what` and leaves the array as it was. `items` is the address of
 * any object pointer. */
int rn_try_grow(void *items, size_t *cap, size_t need, size_t each, const char *what,
                struct rn_err *err);

/* Appends to a growable array {T *items; size_t n, cap;} held by lvalues. */
#define RN_PUSH(items, n, cap, value)                                                              \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            (cap) = (cap) ? (cap)*2 : 8;                                                           \
            (items) = rn_xrealloc((items), (size_t)(cap), sizeof *(items));                        \
        }                                                                                          \
        (items)[(n)++] = (value);                                                                  \
    } while (0)

#define RN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct rn_arena {
    struct rn_arena_block *head; /* zero-initialise to start */
};
/* Zeroed, 16-byte aligned, never NULL. */
void *rn_arena_alloc(struct rn_arena *, size_t size_bytes);
char *rn_arena_dup(struct rn_arena *, const char *s);
char *rn_arena_printf(struct rn_arena *, const char *fmt, ...) RN_PRINTF(2, 3);
void rn_arena_release(struct rn_arena *);

#endif
