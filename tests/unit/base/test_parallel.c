/* Every piece once, whatever the number of threads. */
#include "parallel.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <string.h>

enum { N = 1000, WORKERS = 8 };

struct seen {
    unsigned char times[N];
    atomic_int busy[WORKERS], clashes, longest;
};

static void look(void *ctx, int64_t first, int64_t end, int worker)
{
    struct seen *s = ctx;
    if (atomic_fetch_add(&s->busy[worker], 1) != 0)
        atomic_fetch_add(&s->clashes, 1);
    if (end - first > atomic_load(&s->longest))
        atomic_store(&s->longest, (int)(end - first));
    for (int64_t i = first; i < end; i++)
        s->times[i]++;
    atomic_fetch_sub(&s->busy[worker], 1);
}

Test(parallel, each_item_is_done_once)
{
    static const int threads[] = {1, 2, 3, WORKERS};
    static const int pieces[] = {1, 7, 64, N, 2 * N};
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t p = 0; p < sizeof pieces / sizeof *pieces; p++) {
            struct seen s;
            memset(&s, 0, sizeof s);
            rn_parallel(threads[t], N, pieces[p], look, &s);
            for (int i = 0; i < N; i++)
                cr_assert_eq(s.times[i], 1, "item %d, %d threads", i, threads[t]);
            cr_expect_eq(s.clashes, 0);
            cr_expect(s.longest <= pieces[p]);
        }
}

Test(parallel, nothing_to_do_is_done)
{
    struct seen s;
    memset(&s, 0, sizeof s);
    rn_parallel(4, 0, 1, look, &s);
    cr_expect_eq(s.longest, 0);
}
