#include "unpack.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zip.h>

enum { MAX_ENTRIES = 100000, MAX_NAME = 1024, MAX_RATIO = 200, CHUNK = 1 << 16 };
#define RATIO_GRACE_BYTES ((int64_t)1 << 20) /* tiny archives of tiny files compress as they like */

struct archive {
    zip_t *zip;
    const char *path;
    int64_t left_bytes; /* that may still be produced */
    int64_t max_bytes;  /* the limit it started from, for the message */
};

struct entry {
    zip_uint64_t index;
    const char *name; /* after strip; borrowed from libzip */
};
struct listing {
    struct entry *entries; /* files only, sorted by name without case */
    size_t n, cap;
};

#define BAD(a, ...) rn_fail(err, RN_ECORRUPT, RN_PATH((a)->path), __VA_ARGS__)

/* --- opening --- */

static int open_archive(struct archive *a, const char *path, int64_t max_bytes, struct rn_err *err)
{
    int code = 0;
    int64_t size_bytes = rn_file_size(path);
    int64_t by_ratio = size_bytes < INT64_MAX / (2 * MAX_RATIO)
                           ? size_bytes * MAX_RATIO + RATIO_GRACE_BYTES
                           : INT64_MAX;
    *a = (struct archive){.path = path};
    a->max_bytes = max_bytes < 0 ? RN_UNPACK_MAX_BYTES : max_bytes;
    a->max_bytes = by_ratio < a->max_bytes ? by_ratio : a->max_bytes;
    a->left_bytes = a->max_bytes;
    a->zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!a->zip) {
        zip_error_t e;
        zip_error_init_with_code(&e, code);
        BAD(a, "not a whole zip archive: %s", zip_error_strerror(&e));
        zip_error_fini(&e);
        return RN_ECORRUPT;
    }
    return RN_OK;
}

/* --- names --- */

static bool component_is_safe(const char *p, size_t n)
{
    return n > 0 && !(n == 1 && p[0] == '.') && !(n == 2 && p[0] == '.' && p[1] == '.');
}

/* A relative path of plain components; one '/' may end it. */
static bool name_is_safe(const char *name)
{
    size_t n = strlen(name);
    if (n == 0 || n > MAX_NAME || name[0] == '/' || (n > 1 && name[1] == ':'))
        return false;
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F || *p == '\\')
            return false;
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "/");
        if (!component_is_safe(p, len))
            return false;
        p += len + (p[len] == '/');
    }
    return rn_utf8_valid(name, n);
}

/* Name of an entry, checked; as stored, not as libzip would guess it. (A NUL inside cannot cut a
 * name short: libzip reads it as a blank.) */
static int safe_name(const struct archive *a, zip_uint64_t i, const char **name, struct rn_err *err)
{
    *name = zip_get_name(a->zip, i, ZIP_FL_ENC_RAW);
    if (!*name)
        return BAD(a, "entry %llu has no readable name", (unsigned long long)i);
    if (name_is_safe(*name))
        return RN_OK;
    char shown[80];
    snprintf(shown, sizeof shown, "%s", *name);
    for (char *p = shown; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return BAD(a, "entry '%s' has an unsafe name", shown);
}

/* Neither link nor device nor encrypted. */
static int check_kind(const struct archive *a, zip_uint64_t i, const char *name, struct rn_err *err)
{
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    zip_stat_t st;
    if (zip_file_get_external_attributes(a->zip, i, 0, &system, &attributes) != 0 ||
        zip_stat_index(a->zip, i, 0, &st) != 0)
        return BAD(a, "entry '%s' cannot be read", name);
    mode_t kind = (mode_t)(attributes >> 16) & S_IFMT;
    bool unix_like = system == ZIP_OPSYS_UNIX || system == ZIP_OPSYS_OS_X;
    if (kind != 0 && kind != S_IFREG && kind != S_IFDIR && (unix_like || kind == S_IFLNK))
        return BAD(a, "entry '%s' is a %s", name, kind == S_IFLNK ? "link" : "special file");
    if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
        return BAD(a, "entry '%s' is encrypted", name);
    return RN_OK;
}

static const char *strip_components(const char *name, int64_t strip)
{
    for (; strip > 0 && name; strip--) {
        name = strchr(name, '/');
        name += name != NULL;
    }
    return name && *name ? name : NULL;
}

static int by_folded_name(const void *x, const void *y)
{
    return strcasecmp(((const struct entry *)x)->name, ((const struct entry *)y)->name);
}

static bool has_folded(const struct listing *l, const char *name)
{
    struct entry key = {.name = name};
    return bsearch(&key, l->entries, l->n, sizeof key, by_folded_name) != NULL;
}

/* Two names for one place would let the later entry overwrite what the earlier was checked for. */
static int check_collisions(const struct archive *a, const struct listing *l, struct rn_err *err)
{
    char parent[MAX_NAME + 1];
    for (size_t i = 0; i < l->n; i++) {
        const char *name = l->entries[i].name;
        if (i > 0 && by_folded_name(&l->entries[i - 1], &l->entries[i]) == 0)
            return BAD(a, "entries '%s' and '%s' have one place", l->entries[i - 1].name, name);
        for (const char *p = strchr(name, '/'); p; p = strchr(p + 1, '/')) {
            snprintf(parent, sizeof parent, "%.*s", (int)(p - name), name);
            if (has_folded(l, parent))
                return BAD(a, "entry '%s' is both file and directory", parent);
        }
    }
    return RN_OK;
}

static int check_required(const struct archive *a, const struct listing *l,
                          const char *const *require, struct rn_err *err)
{
    for (; require && *require; require++) {
        struct entry key = {.name = *require};
        const struct entry *e =
            l->n ? bsearch(&key, l->entries, l->n, sizeof key, by_folded_name) : NULL;
        if (!e || strcmp(e->name, *require) != 0)
            return BAD(a, "required file '%s' is not in the archive", *require);
    }
    return RN_OK;
}

static int list_entries(const struct archive *a, const struct rn_unpack *u, struct listing *l,
                        struct rn_err *err)
{
    zip_int64_t n = zip_get_num_entries(a->zip, 0);
    if (n < 0 || n > MAX_ENTRIES)
        return BAD(a, "%lld entries, at most %d", (long long)n, MAX_ENTRIES);
    for (zip_uint64_t i = 0; i < (zip_uint64_t)n; i++) {
        const char *name = NULL;
        RN_TRY(safe_name(a, i, &name, err));
        RN_TRY(check_kind(a, i, name, err));
        const char *kept = strip_components(name, u->strip);
        if (kept && !rn_ends_with(kept, "/"))
            RN_PUSH(l->entries, l->n, l->cap, ((struct entry){i, kept}));
    }
    if (l->n)
        qsort(l->entries, l->n, sizeof *l->entries, by_folded_name);
    RN_TRY(check_collisions(a, l, err));
    return check_required(a, l, u->require, err);
}

/* --- content --- */

/* Reads one entry to its end, which makes libzip compare the CRC. w may be NULL: only check. */
static int pump(struct archive *a, zip_uint64_t index, const char *name, struct rn_writer *w,
                int64_t *size_bytes, struct rn_err *err)
{
    char buf[CHUNK];
    zip_file_t *f = zip_fopen_index(a->zip, index, 0);
    if (!f)
        return BAD(a, "entry '%s': %s", name, zip_strerror(a->zip));
    zip_int64_t got;
    int64_t total = 0;
    int rc = RN_OK;
    while (rc == RN_OK && (got = zip_fread(f, buf, sizeof buf)) != 0) {
        if (got < 0)
            rc = BAD(a, "entry '%s': %s", name, zip_file_strerror(f));
        else if ((a->left_bytes -= got) < 0)
            rc = BAD(a, "entry '%s' brings the archive above %lld bytes unpacked", name,
                     (long long)a->max_bytes);
        else if (w)
            rn_writer_add(w, buf, (size_t)got);
        total += got;
        if (w && w->failed)
            break; /* commit reports it */
    }
    zip_fclose(f);
    if (size_bytes)
        *size_bytes = total;
    return rc;
}

static int write_entry(struct archive *a, zip_uint64_t index, const char *name, const char *path,
                       char hex[RN_HEX], int64_t *size_bytes, struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, path, err));
    int rc = pump(a, index, name, &w, size_bytes, err);
    if (rc != RN_OK) {
        rn_writer_abort(&w);
        return rc;
    }
    return rn_writer_commit(&w, hex, err);
}

static int write_below(struct archive *a, const struct entry *e, const char *dir,
                       struct rn_err *err)
{
    char *path = rn_join(dir, e->name), *parent = rn_dirname(path);
    int rc = rn_mkdirs(parent, err);
    if (rc == RN_OK)
        rc = write_entry(a, e->index, e->name, path, NULL, NULL, err);
    free(parent);
    free(path);
    return rc;
}

/* dir NULL: check only. */
static int walk_archive(const char *zip, const char *dir, const struct rn_unpack *u,
                        struct rn_err *err)
{
    static const struct rn_unpack plain = {.max_bytes = -1};
    struct archive a;
    struct listing l = {0};
    u = u ? u : &plain;
    RN_TRY(open_archive(&a, zip, u->max_bytes, err));
    int rc = list_entries(&a, u, &l, err);
    for (size_t i = 0; i < l.n && rc == RN_OK; i++)
        rc = dir ? write_below(&a, &l.entries[i], dir, err)
                 : pump(&a, l.entries[i].index, l.entries[i].name, NULL, NULL, err);
    free(l.entries);
    zip_discard(a.zip);
    return rc;
}

int rn_zip_check(const char *zip, const struct rn_unpack *u, struct rn_err *err)
{
    return walk_archive(zip, NULL, u, err);
}

int rn_zip_unpack(const char *zip, const char *dir, const struct rn_unpack *u, struct rn_err *err)
{
    char *tmp = rn_xprintf("%s.%ld.tmp", dir, (long)getpid());
    int rc = rn_remove_tree(tmp, err);
    RN_CHECK(rc);
    RN_CHECK(rc = rn_mkdirs(tmp, err));
    RN_CHECK(rc = walk_archive(zip, tmp, u, err));
    RN_CHECK(rc = rn_fsync_tree(tmp, err));
    RN_CHECK(rc = rn_rename(tmp, dir, err));
done:
    if (rc != RN_OK)
        rn_remove_tree(tmp, NULL);
    free(tmp);
    return rc;
}

int rn_zip_member(const char *zip, const char *member, const char *path, int64_t max_bytes,
                  char hex[RN_HEX], int64_t *size_bytes, struct rn_err *err)
{
    struct archive a;
    RN_TRY(open_archive(&a, zip, max_bytes, err));
    zip_int64_t i = zip_name_locate(a.zip, member, ZIP_FL_ENC_RAW);
    int rc = i >= 0 ? check_kind(&a, (zip_uint64_t)i, member, err)
                    : BAD(&a, "no member '%s' in the archive", member);
    if (rc == RN_OK)
        rc = write_entry(&a, (zip_uint64_t)i, member, path, hex, size_bytes, err);
    zip_discard(a.zip);
    return rc;
}
