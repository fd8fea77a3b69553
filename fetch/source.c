#include "source.h"

#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `builtin:access-denied` answers, with status 403: S3's own words. */
static const char access_denied[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<Error><Code>AccessDenied</Code><Message>Access Denied</Message>"
    "<RequestId>4A6F1C09B7E25D38</RequestId>"
    "<HostId>kX0r6iT1u9mQe2ZbWn5vYd8sLc3pJf7hGa4oRt6yUi1xVw9zEq2nBm5kDl8jHs3fPg7cAo0T4rM=</HostId>"
    "</Error>";

/* --- local files --- */

char *rn_source_path(const char *dir, const char *url)
{
    const struct rn_source_kind *kind = rn_source_kind(url);
    if (!kind || kind->remote || rn_starts_with(url, "builtin:"))
        return NULL;
    const char *path = url + strlen(kind->prefix);
    return path[0] == '/' ? rn_xdup(path) : rn_join(dir, path);
}

/* Copies fd to get->path within the cap. */
static int copy_in(int fd, const struct rn_get *get, struct rn_response *r, struct rn_err *err)
{
    enum { CHUNK = 1 << 18 };
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, get->path, err));
    char *buf = rn_xalloc(CHUNK);
    ssize_t got = 0;
    bool stop = false;
    while (!stop && !w.failed && (int64_t)w.size_bytes <= get->cap_bytes &&
           (got = read(fd, buf, CHUNK)) > 0) {
        rn_writer_add(&w, buf, (size_t)got);
        stop = get->stopping && get->stopping(get->ctx);
    }
    free(buf);
    r->size_bytes = (int64_t)w.size_bytes;
    if (stop || got < 0) {
        int rc = stop ? rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "asked to stop while copying")
                      : rn_fail_errno(err, RN_PATH(get->url), "cannot read");
        rn_writer_abort(&w);
        return rc;
    }
    RN_TRY(rn_writer_commit(&w, r->sha256, err));
    r->has_body = true;
    if (r->size_bytes > get->cap_bytes)
        rn_find(&r->finding, RN_OVERSIZE, "more than %lld bytes", (long long)get->cap_bytes);
    return RN_OK;
}

static int from_file(const struct rn_from *from, const struct rn_get *get, struct rn_response *r,
                     struct rn_err *err)
{
    *r = (struct rn_response){.declared_bytes = -1};
    rn_copy_word(r->host, sizeof r->host, rn_basename(get->url), " ");
    char *path = rn_source_path(from->dir, get->url);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo must not block us */
    struct stat st;
    int rc = RN_OK;
    if (fd < 0)
        rn_find(&r->finding, RN_REFUSED, "%s: %s", path, strerror(errno));
    else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        rn_find(&r->finding, RN_REFUSED, "%s: not a regular file", path);
    else
        rc = copy_in(fd, get, r, err);
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

/* --- builtin: --- */

static int deny(const struct rn_get *get, struct rn_response *r, struct rn_err *err)
{
    size_t n = strlen(access_denied);
    RN_TRY(rn_file_write(get->path, access_denied, n, err));
    rn_sha256_hex(access_denied, n, r->sha256);
    snprintf(r->content_type, sizeof r->content_type, "application/xml");
    r->status = 403;
    r->size_bytes = r->declared_bytes = (int64_t)n;
    r->has_body = true;
    rn_judge_status(r->status, access_denied, n, &r->finding);
    return RN_OK;
}

static const struct rn_builtin *builtin_named(const struct rn_builtin *table, const char *name)
{
    for (; table && table->name; table++) {
        size_t n = strlen(table->name);
        if (strncmp(name, table->name, n) == 0 && name[n] == '/')
            return table;
    }
    return NULL;
}

static int from_builtin(const struct rn_from *from, const struct rn_get *get, struct rn_response *r,
                        struct rn_err *err)
{
    *r = (struct rn_response){.declared_bytes = -1};
    const char *name = get->url + strlen("builtin:");
    snprintf(r->host, sizeof r->host, "builtin:%.*s", (int)strcspn(name, "/"), name);
    if (strcmp(name, "access-denied") == 0)
        return deny(get, r, err);
    const struct rn_builtin *b = builtin_named(from->builtins, name);
    if (!b) {
        rn_find(&r->finding, RN_REFUSED, "no builtin source '%s'", name);
        return RN_OK;
    }
    RN_TRY(b->make(name + strlen(b->name) + 1, get->path, err));
    size_t n;
    RN_TRY(rn_sha256_file(get->path, r->sha256, &n, err));
    r->size_bytes = (int64_t)n;
    r->has_body = true;
    return RN_OK;
}

static const struct rn_source_kind kinds[] = {
    {"https://", true, NULL}, {"http://", true, NULL},       {"hf://", true, NULL},
    {"s3://", true, NULL},    {"file://", false, from_file}, {"builtin:", false, from_builtin},
    {"", false, from_file}, /* a plain path */
};

const struct rn_source_kind *rn_source_kind(const char *url)
{
    for (size_t i = 0; i < RN_COUNT(kinds); i++)
        if (rn_starts_with(url, kinds[i].prefix))
            return *kinds[i].prefix || !strstr(url, "://") ? &kinds[i] : NULL;
    return NULL;
}

bool rn_source_is_remote(const char *url)
{
    const struct rn_source_kind *kind = rn_source_kind(url);
    return kind && kind->remote;
}
