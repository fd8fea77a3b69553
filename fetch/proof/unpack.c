#define _GNU_SOURCE
#include "unpack.h"

#include "archive_kind.h"
#include "archive_names.h"
#include "file.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_RATIO = 200, CHUNK = 1 << 16 };
#define RATIO_GRACE_BYTES ((int64_t)1 << 20) /* tiny archives of tiny files compress as they like */

static const struct rn_archive_kind *const archive_kinds[] = {&rn_archive_zip, &rn_archive_tar};

struct walk {
    const struct rn_archive_kind *kind;
    void *self;
    const char *path;
    const struct rn_unpack *u;
    bool reads;         /* also what is not wanted, to its end: a bomb may lie there */
    int64_t left_bytes; /* that may still be produced */
    int64_t max_bytes;  /* the limit it started from, for the message */
    struct rn_names names;
};

#define BAD(w, ...) rn_fail(err, RN_ECORRUPT, RN_PATH((w)->path), __VA_ARGS__)

/* --- opening --- */

bool rn_archive_known(const char *format)
{
    for (size_t i = 0; i < RN_COUNT(archive_kinds); i++)
        if (strcmp(archive_kinds[i]->format, format) == 0)
            return true;
    return false;
}

static const struct rn_archive_kind *kind_of(const char *path, const char *format)
{
    unsigned char head[512];
    size_t n = rn_file_head(path, head, sizeof head);
    for (size_t i = 0; i < RN_COUNT(archive_kinds); i++)
        if (format ? strcmp(archive_kinds[i]->format, format) == 0
                   : archive_kinds[i]->claims(head, n))
            return archive_kinds[i];
    return NULL;
}

static bool ends_like(const struct rn_archive_kind *kind, const char *name)
{
    size_t n = strcspn(name, "?#"); /* of an url */
    for (const char *const *e = kind->endings; *e; e++) {
        size_t k = strlen(*e);
        if (n > k && strncmp(name + n - k, *e, k) == 0)
            return true;
    }
    return false;
}

int rn_archive_need(const char *format, const char *name, struct rn_err *err)
{
    for (size_t i = 0; i < RN_COUNT(archive_kinds); i++) {
        const struct rn_archive_kind *kind = archive_kinds[i];
        bool meant = format ? strcmp(kind->format, format) == 0 : ends_like(kind, name);
        if (meant && kind->need)
            return kind->need(RN_PATH(name), err);
    }
    return RN_OK;
}

static int64_t limit_of(const char *path, int64_t max_bytes)
{
    int64_t size_bytes = rn_file_size(path);
    int64_t by_ratio = size_bytes < INT64_MAX / (2 * MAX_RATIO)
                           ? size_bytes * MAX_RATIO + RATIO_GRACE_BYTES
                           : INT64_MAX;
    max_bytes = max_bytes < 0 ? RN_UNPACK_MAX_BYTES : max_bytes;
    return by_ratio < max_bytes ? by_ratio : max_bytes;
}

static int walk_open(struct walk *w, const char *path, const char *format,
                     const struct rn_unpack *u, struct rn_err *err)
{
    static const struct rn_unpack plain = {.max_bytes = -1};
    *w = (struct walk){.path = path, .u = u ? u : &plain, .kind = kind_of(path, format)};
    w->left_bytes = w->max_bytes = limit_of(path, w->u->max_bytes);
    if (!w->kind)
        return BAD(w, "neither a zip nor a tar archive");
    return w->kind->open(path, &w->self, err);
}

static void walk_close(struct walk *w)
{
    if (w->self)
        w->kind->close(w->self);
    rn_names_release(&w->names);
}

/* --- entries --- */

/* A name that is not yet known to be harmless, for a message. */
static const char *show_name(char buf[80], const char *name)
{
    rn_copy_text(buf, 80, name);
    for (char *p = buf; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return buf;
}

static int check_entry(const struct walk *w, const struct rn_entry *e, struct rn_err *err)
{
    static const char *const refused[] = {[RN_ENTRY_LINK] = "a link",
                                          [RN_ENTRY_SPECIAL] = "a special file",
                                          [RN_ENTRY_ENCRYPTED] = "encrypted",
                                          [RN_ENTRY_SPARSE] = "sparse",
                                          [RN_ENTRY_SETUID] = "a program with other rights"};
    char shown[80];
    if (!rn_entry_name_is_safe(e->name))
        return BAD(w, "entry '%s' has an unsafe name", show_name(shown, e->name));
    if (refused[e->kind])
        return BAD(w, "entry '%s' is %s", show_name(shown, e->name), refused[e->kind]);
    return RN_OK;
}

/* Takes n bytes off the limits, or says which one they break. */
static int charge(struct walk *w, const char *name, int64_t total, size_t n, struct rn_err *err)
{
    w->left_bytes -= (int64_t)n;
    if (w->left_bytes < 0)
        return BAD(w, "entry '%s' brings the archive above %lld bytes unpacked", name,
                   (long long)w->max_bytes);
    if (total > RN_UNPACK_ENTRY_MAX_BYTES)
        return BAD(w, "entry '%s' is larger than %lld bytes", name,
                   (long long)RN_UNPACK_ENTRY_MAX_BYTES);
    return RN_OK;
}

/* Where the content of an entry goes. */
struct sink {
    int (*add)(struct sink *, const void *bytes, size_t n, struct rn_err *);
    struct rn_writer *writer;
    int fd;
    const char *path;
};

static int pump(struct walk *w, const char *name, struct sink *sink, int64_t *size_bytes,
                struct rn_err *err)
{
    char buf[CHUNK];
    size_t n;
    for (*size_bytes = 0;; *size_bytes += (int64_t)n) {
        int rc = w->kind->read(w->self, buf, sizeof buf, &n, err);
        if (rc != RN_OK) {
            rn_while(err, "entry '%s'", name);
            return rc;
        }
        if (n == 0)
            return RN_OK;
        RN_TRY(charge(w, name, *size_bytes + (int64_t)n, n, err));
        RN_TRY(sink->add(sink, buf, n, err));
    }
}

static int add_to_nothing(struct sink *s, const void *bytes, size_t n, struct rn_err *err)
{
    (void)s;
    (void)bytes;
    (void)n;
    (void)err;
    return RN_OK;
}

static int add_to_writer(struct sink *s, const void *bytes, size_t n, struct rn_err *err)
{
    (void)err; /* a failure sticks, and commit reports it */
    rn_writer_add(s->writer, bytes, n);
    return RN_OK;
}

static int add_to_fd(struct sink *s, const void *bytes, size_t n, struct rn_err *err)
{
    if (rn_write_all(s->fd, bytes, n) == n)
        return RN_OK;
    return rn_fail_errno(err, RN_PATH(s->path), "cannot write");
}

/* --- the whole archive --- */

/* The next entry that is a file after strip; *name NULL: there is none. */
static int next_file(struct walk *w, size_t *seen, const char **name, struct rn_err *err)
{
    struct sink nothing = {.add = add_to_nothing};
    struct rn_entry e;
    int64_t size_bytes;
    do {
        RN_TRY(w->kind->next(w->self, &e, err));
        *name = NULL;
        if (!e.name)
            return RN_OK;
        if (++*seen > RN_ARCHIVE_MAX_ENTRIES)
            return BAD(w, "more than %d entries", RN_ARCHIVE_MAX_ENTRIES);
        RN_TRY(check_entry(w, &e, err));
        *name = e.kind == RN_ENTRY_FILE ? rn_entry_name_strip(e.name, w->u->strip) : NULL;
        if (!*name && w->reads)
            RN_TRY(pump(w, e.name, &nothing, &size_bytes, err));
    } while (!*name);
    return RN_OK;
}

static int check_required(struct walk *w, struct rn_err *err)
{
    for (const char *const *r = w->u->require; r && *r; r++)
        if (!rn_names_has(&w->names, *r))
            return BAD(w, "required file '%s' is not in the archive", *r);
    return RN_OK;
}

/* All names; with `content` all bytes too. */
static int survey(const char *path, const char *format, const struct rn_unpack *u, bool content,
                  struct rn_err *err)
{
    struct walk w;
    struct sink nothing = {.add = add_to_nothing};
    const char *name;
    size_t seen = 0;
    int64_t size_bytes;
    int rc = walk_open(&w, path, format, u, err);
    w.reads = content;
    while (rc == RN_OK && (rc = next_file(&w, &seen, &name, err)) == RN_OK && name) {
        rn_names_add(&w.names, name);
        if (content)
            rc = pump(&w, name, &nothing, &size_bytes, err);
    }
    if (rc == RN_OK)
        rc = rn_names_check(&w.names, path, err);
    if (rc == RN_OK)
        rc = check_required(&w, err);
    walk_close(&w);
    return rc;
}

int rn_archive_check(const char *path, const char *format, const struct rn_unpack *u,
                     struct rn_err *err)
{
    return survey(path, format, u, true, err);
}

/* --- writing --- */

/* Opens `name` below `root` for writing and makes the folders on the way. No component may be a
 * link, whoever made it: each is opened from the one before. -1 with errno. */
static int create_below(int root, const char *name)
{
    char part[256];
    int at = dup(root);
    for (const char *slash; at >= 0 && (slash = strchr(name, '/')); name = slash + 1) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - name), name);
        int below = -1;
        if (mkdirat(at, part, 0777) == 0 || errno == EEXIST)
            below = openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        close(at);
        errno = why;
        at = below;
    }
    if (at < 0)
        return -1;
    int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    int why = errno;
    close(at);
    errno = why;
    return fd;
}

static int write_file(struct walk *w, int root, const char *name, struct rn_err *err)
{
    int64_t size_bytes;
    struct sink file = {.add = add_to_fd, .path = name, .fd = create_below(root, name)};
    if (file.fd < 0)
        return rn_fail_errno(err, RN_PATH(w->path), "cannot make '%s'", name);
    int rc = pump(w, name, &file, &size_bytes, err);
    if (close(file.fd) != 0 && rc == RN_OK)
        rc = rn_fail_errno(err, RN_PATH(w->path), "cannot write '%s'", name);
    return rc;
}

static int write_all(const char *path, const char *dir, const struct rn_unpack *u,
                     struct rn_err *err)
{
    struct walk w;
    const char *name;
    size_t seen = 0;
    int root = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return rn_fail_errno(err, RN_PATH(dir), "cannot open");
    int rc = walk_open(&w, path, NULL, u, err);
    w.reads = true; /* what is left out must be as sound as what is kept, as the check has it */
    while (rc == RN_OK && (rc = next_file(&w, &seen, &name, err)) == RN_OK && name)
        rc = write_file(&w, root, name, err);
    walk_close(&w);
    close(root);
    return rc;
}

int rn_archive_unpack(const char *path, const char *dir, const struct rn_unpack *u,
                      struct rn_err *err)
{
    RN_TRY(survey(path, NULL, u, false, err));
    char *tmp = rn_xprintf("%s.%ld.tmp", dir, (long)getpid());
    int rc = rn_remove_tree(tmp, err);
    RN_CHECK(rc);
    RN_CHECK(rc = rn_mkdirs(tmp, err));
    RN_CHECK(rc = write_all(path, tmp, u, err));
    RN_CHECK(rc = rn_fsync_tree(tmp, err));
    RN_CHECK(rc = rn_rename(tmp, dir, err));
done:
    if (rc != RN_OK)
        rn_remove_tree(tmp, NULL);
    free(tmp);
    return rc;
}

/* --- one member --- */

static int find_member(struct walk *w, const char *member, struct rn_err *err)
{
    struct rn_entry e;
    do {
        RN_TRY(w->kind->next(w->self, &e, err));
        if (!e.name)
            return BAD(w, "no member '%s' in the archive", member);
    } while (strcmp(e.name, member) != 0);
    return check_entry(w, &e, err);
}

int rn_zip_member(const char *zip, const char *member, const char *path, int64_t max_bytes,
                  char hex[RN_HEX], int64_t *size_bytes, struct rn_err *err)
{
    struct rn_unpack u = {.max_bytes = max_bytes};
    struct walk w;
    struct rn_writer writer;
    struct sink file = {.add = add_to_writer, .writer = &writer};
    int rc = walk_open(&w, zip, "zip", &u, err);
    if (rc == RN_OK)
        rc = find_member(&w, member, err);
    if (rc == RN_OK && (rc = rn_writer_open(&writer, path, err)) == RN_OK) {
        rc = pump(&w, member, &file, size_bytes, err);
        if (rc == RN_OK)
            rc = rn_writer_commit(&writer, hex, err);
        else
            rn_writer_abort(&writer);
    }
    walk_close(&w);
    return rc;
}
