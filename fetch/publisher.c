#include "publisher.h"

#include "mem.h"

#include <stdlib.h>
#include <string.h>

static int check_sums(const char *path, const struct rn_expect *e, struct rn_err *err)
{
    struct rn_sums sums;
    (void)e;
    RN_TRY(rn_sums_read(&sums, path, err));
    rn_sums_release(&sums);
    return RN_OK;
}

static const struct rn_format formats[] = {{"sums", "a SHA256SUMS file", check_sums}, {0}};

/* The list is never pinned: it may grow with every release, and only new files ask for it. */
static int fetch_list(const struct rn_fetcher *f, const char *url, struct rn_sums *sums,
                      struct rn_err *err)
{
    enum { LARGEST = 16 << 20 };
    struct rn_pins none = {0};
    struct rn_fetcher own = *f;
    const struct rn_source source = {.url = url};
    const struct rn_fetch_file file = {
        .id = "SHA256SUMS",
        .name = "SHA256SUMS",
        .sources = &source,
        .n_sources = 1,
        .size_bytes = -1,
        .passing = true,
        .expect = {.format = "sums", .rows = -1, .min_size = -1, .max_size = LARGEST}};
    struct rn_fetched got;
    own.formats = formats;
    own.lock = &none;
    own.mirrors = NULL;
    own.progress = NULL;
    RN_TRY(rn_fetch_file(&own, &file, &got, err));
    int rc = rn_sums_read(sums, got.path, err);
    rn_fetched_release(&got);
    return rc;
}

int rn_publisher_sums(struct rn_publisher *all, const struct rn_fetcher *f,
                      const struct rn_fetch_file *file, const struct rn_sums **sums,
                      struct rn_err *err)
{
    enum rn_trust trust;
    *sums = NULL;
    if (!file->sums || f->offline || f->locked || rn_fetch_pin(f->lock, file, &trust))
        return RN_OK;
    for (size_t i = 0; i < all->n && !*sums; i++)
        if (strcmp(all->lists[i]->url, file->sums) == 0)
            *sums = &all->lists[i]->sums;
    if (*sums)
        return RN_OK;
    struct rn_published *list = rn_new(struct rn_published);
    int rc = fetch_list(f, file->sums, &list->sums, err);
    if (rc != RN_OK) {
        free(list);
        return rc;
    }
    list->url = rn_xdup(file->sums);
    RN_PUSH(all->lists, all->n, all->cap, list);
    *sums = &list->sums;
    return RN_OK;
}

void rn_publisher_release(struct rn_publisher *all)
{
    for (size_t i = 0; i < all->n; i++) {
        rn_sums_release(&all->lists[i]->sums);
        free(all->lists[i]->url);
        free(all->lists[i]);
    }
    free(all->lists);
    *all = (struct rn_publisher){0};
}
