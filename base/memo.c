#include "memo.h"

#include "file.h"
#include "mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { RECORDS_MAX = 1000000, DIGEST = 32, RACY_S = 2 };

struct record {
    struct rn_seen seen;
    unsigned char sha256[DIGEST];
};
struct header {
    char magic[8];
    uint64_t n;
    unsigned char sha256[DIGEST];
};
_Static_assert(sizeof(struct record) == 72 && sizeof(struct header) == 48, "as memo.h draws them");
static const char magic[8] = "RNMEMO1\n";

struct rn_memo {
    char *path;
    pthread_mutex_t lock;
    struct record *slots; /* open addressing; size_bytes is UINT64_MAX in an empty one */
    size_t n, n_slots;    /* n_slots: a power of two */
    struct rn_seen file;  /* that is in the table; zeroes: none, or one of our own */
    struct record *learnt;
    size_t n_learnt, cap_learnt;
    bool distrusted;
};

/* --- digests as bytes --- */

static unsigned nibble(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void to_bytes(const char hex[RN_HEX], unsigned char out[DIGEST])
{
    for (int i = 0; i < DIGEST; i++)
        out[i] = (unsigned char)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

/* --- the table --- */

static void make_slots(struct rn_memo *m, size_t n)
{
    m->n_slots = n;
    m->n = 0;
    m->slots = rn_xalloc(n * sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        m->slots[i].seen.size_bytes = UINT64_MAX;
}

/* The record of the inode, or the empty slot where it would stand. */
static struct record *slot_of(const struct rn_memo *m, uint64_t device, uint64_t inode)
{
    uint64_t hash = (inode * 0x9e3779b97f4a7c15u) ^ (device * 0xc2b2ae3d27d4eb4fu);
    for (size_t i = (size_t)(hash >> 17);; i++) {
        struct record *r = &m->slots[i & (m->n_slots - 1)];
        if (r->seen.size_bytes == UINT64_MAX ||
            (r->seen.device == device && r->seen.inode == inode))
            return r;
    }
}

static void put(struct rn_memo *m, const struct record *r)
{
    if (m->n >= m->n_slots / 2) {
        struct record *old = m->slots;
        size_t n = m->n_slots;
        make_slots(m, 2 * n);
        for (size_t i = 0; i < n; i++)
            if (old[i].seen.size_bytes != UINT64_MAX)
                put(m, &old[i]);
        free(old);
    }
    struct record *slot = slot_of(m, r->seen.device, r->seen.inode);
    m->n += slot->seen.size_bytes == UINT64_MAX;
    *slot = *r;
}

/* --- the file --- */

static void digest_of(const void *bytes, size_t n, unsigned char out[DIGEST])
{
    char hex[RN_HEX];
    rn_sha256_hex(bytes, n, hex);
    to_bytes(hex, out);
}

static void make_room(struct rn_memo *m, size_t n_records)
{
    enum { FIRST_SLOTS = 256 };
    size_t n = FIRST_SLOTS;
    while (n / 2 <= n_records)
        n *= 2;
    free(m->slots);
    make_slots(m, n);
}

static void parse(struct rn_memo *m, const char *text, size_t n)
{
    struct header h;
    unsigned char have[DIGEST];
    if (n < sizeof h)
        return;
    memcpy(&h, text, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.n > RECORDS_MAX ||
        n != sizeof h + h.n * sizeof(struct record))
        return;
    digest_of(text + sizeof h, n - sizeof h, have);
    if (memcmp(have, h.sha256, DIGEST) != 0)
        return;
    make_room(m, (size_t)h.n);
    for (size_t i = 0; i < h.n; i++) {
        struct record r;
        memcpy(&r, text + sizeof h + i * sizeof r, sizeof r);
        if (r.seen.size_bytes != UINT64_MAX)
            put(m, &r);
    }
}

static struct rn_seen look_at_file(const struct rn_memo *m)
{
    struct rn_seen now = {0};
    rn_seen_look(&now, m->path);
    return now;
}

static void read_records(struct rn_memo *m)
{
    char *text = NULL;
    size_t n, cap = sizeof(struct header) + (size_t)RECORDS_MAX * sizeof(struct record);
    m->file = look_at_file(m); /* before: what another process writes meanwhile is read again */
    make_room(m, 0);
    if (rn_exists(m->path) && rn_file_read(m->path, cap, &text, &n, NULL) == RN_OK)
        parse(m, text, n);
    free(text);
}

/* Nobody has written it since: what it holds is in the table. */
static bool is_read(const struct rn_memo *m)
{
    struct rn_seen now = look_at_file(m);
    return !m->distrusted && rn_seen_same(&now, &m->file);
}

struct rn_memo *rn_memo_open(const char *path)
{
    struct rn_memo *m = rn_new(struct rn_memo);
    m->path = rn_xdup(path);
    pthread_mutex_init(&m->lock, NULL);
    read_records(m);
    return m;
}

void rn_memo_distrust(struct rn_memo *m)
{
    free(m->slots);
    make_slots(m, m->n_slots);
    m->distrusted = true;
}

static void write_records(const struct rn_memo *m)
{
    struct header h = {.n = 0};
    struct record *out = rn_xalloc((m->n + 1) * sizeof *out);
    for (size_t i = 0; i < m->n_slots && h.n < RECORDS_MAX; i++)
        if (m->slots[i].seen.size_bytes != UINT64_MAX)
            out[h.n++] = m->slots[i];
    memcpy(h.magic, magic, sizeof magic);
    digest_of(out, h.n * sizeof *out, h.sha256);
    struct rn_writer w;
    if (rn_writer_open(&w, m->path, NULL) == RN_OK) {
        rn_writer_add(&w, &h, sizeof h);
        rn_writer_add(&w, out, h.n * sizeof *out);
        rn_writer_replace(&w, NULL);
    }
    free(out);
}

/* What other processes have saved in the meantime stays. */
static void save_over(const struct rn_memo *m)
{
    struct rn_memo all = {.path = m->path};
    read_records(&all);
    for (size_t i = 0; i < m->n_learnt; i++)
        put(&all, &m->learnt[i]);
    write_records(&all);
    free(all.slots);
}

void rn_memo_save(struct rn_memo *m)
{
    pthread_mutex_lock(&m->lock);
    if (m->n_learnt && is_read(m)) {
        write_records(m);
        m->file = (struct rn_seen){0};
    } else if (m->n_learnt) {
        save_over(m);
    }
    m->n_learnt = 0;
    pthread_mutex_unlock(&m->lock);
}

void rn_memo_refresh(struct rn_memo *m)
{
    pthread_mutex_lock(&m->lock);
    if (!m->distrusted && !is_read(m)) {
        read_records(m);
        for (size_t i = 0; i < m->n_learnt; i++)
            put(m, &m->learnt[i]);
    }
    pthread_mutex_unlock(&m->lock);
}

void rn_memo_free(struct rn_memo *m)
{
    if (!m)
        return;
    pthread_mutex_destroy(&m->lock);
    free(m->learnt);
    free(m->slots);
    free(m->path);
    free(m);
}

/* --- hashing --- */

struct rn_seen rn_seen_of(const struct stat *st)
{
    return (struct rn_seen){.device = st->st_dev,
                            .inode = st->st_ino,
                            .size_bytes = (uint64_t)st->st_size,
                            .mtime_ns = st->st_mtim.tv_sec * 1000000000LL + st->st_mtim.tv_nsec,
                            .ctime_ns = st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec};
}

bool rn_seen_look(struct rn_seen *seen, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    *seen = rn_seen_of(&st);
    return true;
}

bool rn_seen_same_bytes(const struct rn_seen *a, const struct rn_seen *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->mtime_ns == b->mtime_ns;
}

bool rn_seen_same(const struct rn_seen *a, const struct rn_seen *b)
{
    return rn_seen_same_bytes(a, b) && a->ctime_ns == b->ctime_ns;
}

bool rn_memo_recall_seen(struct rn_memo *m, const struct rn_seen *now, char hex[RN_HEX])
{
    pthread_mutex_lock(&m->lock);
    const struct record *r = slot_of(m, now->device, now->inode);
    bool known = rn_seen_same(&r->seen, now);
    if (known)
        rn_hex(hex, r->sha256, DIGEST);
    pthread_mutex_unlock(&m->lock);
    return known;
}

void rn_memo_learn_seen(struct rn_memo *m, const struct rn_seen *now, const char *hex)
{
    struct record r = {.seen = *now};
    to_bytes(hex, r.sha256);
    pthread_mutex_lock(&m->lock);
    put(m, &r);
    RN_PUSH(m->learnt, m->n_learnt, m->cap_learnt, r);
    pthread_mutex_unlock(&m->lock);
}

/* `before` is what the file was when hashing began at `start_ns`. */
static void remember(struct rn_memo *m, const char *path, const struct rn_seen *before,
                     int64_t start_ns, const char hex[RN_HEX])
{
    struct rn_seen after;
    bool racy = start_ns - before->mtime_ns < RACY_S * 1000000000LL;
    if (!racy && rn_seen_look(&after, path) && rn_seen_same(before, &after))
        rn_memo_learn_seen(m, &after, hex);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int rn_memo_sha256(struct rn_memo *m, const char *path, char hex[RN_HEX], size_t *size_bytes,
                   struct rn_err *err)
{
    struct rn_seen before;
    int64_t start_ns = now_ns();
    bool plain = m && rn_seen_look(&before, path);
    if (plain && rn_memo_recall_seen(m, &before, hex)) {
        if (size_bytes)
            *size_bytes = (size_t)before.size_bytes;
        return RN_OK;
    }
    RN_TRY(rn_sha256_file(path, hex, size_bytes, err));
    if (plain)
        remember(m, path, &before, start_ns, hex);
    return RN_OK;
}

void rn_memo_learn(struct rn_memo *m, const char *path, const char *hex)
{
    struct rn_seen now;
    if (m && rn_seen_look(&now, path))
        rn_memo_learn_seen(m, &now, hex);
}
