/* apart.h - a question that is answered by a process of its own, which ends: for what leaves
 * traces in whoever asks (a driver that was woken forbids to fork), and may not come back.
 *
 *     static void count(void *answer, void *ctx) { *(int *)answer = expensive(ctx); }
 *     int n;
 *     if (!rn_apart(count, ctx, &n, sizeof n))
 *         ...                                     it died, or could not be started
 */
#ifndef RN_APART_H
#define RN_APART_H

#include <stdbool.h>
#include <stddef.h>

/* Waits. The answer is plain bytes, at most PIPE_BUF, zero when `ask` is called; what `ask` does to
 * other memory is lost. For a process of one thread. */
bool rn_apart(void (*ask)(void *answer, void *ctx), void *ctx, void *answer, size_t size_bytes);

#endif
