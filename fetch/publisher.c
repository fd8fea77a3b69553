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
static int fetch_list(const struct rn_publisher *all, const struct rn_fetcher *f, const char *url,
                      struct rn_sums *sums, struct rn_err *err)
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
    RN_TRY(all->fetch(&own, &file, &got, err));
    int rc = rn_sums_read(sums, got.path, err);
    rn_fetched_release(&got);
    return rc;
}

/* The list of that url, fetched if it is the first time that somebody asks. */
static const struct rn_published *published(struct rn_publisher *all, const struct rn_fetcher *f,
                                            const char *url)
{
    for (size_t i = 0; i < all->n; i++)
        if (strcmp(all->lists[i]->url, url) == 0)
            return all->lists[i];
    struct rn_published *list = rn_new(struct rn_published);
    list->url = rn_xdup(url);
    list->rc = fetch_list(all, f, url, &list->sums, &list->err);
    RN_PUSH(all->lists, all->n, all->cap, list);
    return list;
}

int rn_publisher_sums(struct rn_publisher *all, const struct rn_fetcher *f,
                      const struct rn_fetch_file *file, const struct rn_sums **sums,
                      struct rn_err *err)
{
    enum rn_trust trust;
    *sums = NULL;
    if (!file->sums || f->offline || f->locked || rn_fetch_pin(f->lock, file, &trust))
        return RN_OK;
    const struct rn_published *list = published(all, f, file->sums);
    if (list->rc == RN_OK)
        *sums = &list->sums;
    else if (err)
        *err = list->err;
    return list->rc;
}

void rn_publisher_release(struct rn_publisher *all)
{
    for (size_t i = 0; i < all->n; i++) {
        rn_sums_release(&all->lists[i]->sums);
        free(all->lists[i]->url);
        free(all->lists[i]);
    }
    free(all->lists);
    *all = (struct rn_publisher){.fetch = all->fetch};
}
