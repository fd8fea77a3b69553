#include "pins.h"

#include "file.h"
#include "mem.h"
#include "path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char first_line[] = "# runnel lock 1: id, bytes, sha256, trust, host, date, etag\n";

static const char *const trust_words[] = {
#define X(trust, word, from) word,
    RN_TRUSTS(X)
#undef X
};

const char *rn_trust_word(enum rn_trust t)
{
    return trust_words[t];
}

/* --- the table --- */

/* Index of the first pin that is not before id. */
static size_t lower_bound(const struct rn_pins *l, const char *id)
{
    size_t low = 0, high = l->n;
    if (high > 0 && strcmp(l->pins[high - 1].id, id) < 0)
        return high; /* as for each line of a file */
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(l->pins[mid].id, id) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct rn_pin *rn_pins_find(const struct rn_pins *l, const char *id)
{
    size_t i = lower_bound(l, id);
    return i < l->n && strcmp(l->pins[i].id, id) == 0 ? &l->pins[i] : NULL;
}

/* What a stranger's header says, as one column. */
static const char *as_column(struct rn_pins *l, const char *text)
{
    enum { LONGEST = 128 };
    char *column = rn_arena_printf(&l->texts, "%.*s", LONGEST, text && *text ? text : "-");
    for (char *p = column; *p; p++)
        if (*p <= ' ' || *p > '~')
            *p = '?';
    return column;
}

/* Printed once: the file is written anew for every batch of pins. */
static const char *line_of(struct rn_pins *l, struct rn_pin *p)
{
    if (!p->line)
        p->line =
            rn_arena_printf(&l->texts, "%s %lld %s %s %s %s %s\n", p->id, (long long)p->size_bytes,
                            p->sha256, rn_trust_word(p->trust), p->host, p->date, p->etag);
    return p->line;
}

/* Its strings live as long as the table. */
static void set_pin(struct rn_pins *l, const struct rn_pin *pin)
{
    size_t i = lower_bound(l, pin->id);
    if (i < l->n && strcmp(l->pins[i].id, pin->id) == 0) {
        l->pins[i] = *pin;
        return;
    }
    RN_PUSH(l->pins, l->n, l->cap, *pin);
    memmove(&l->pins[i + 1], &l->pins[i], (l->n - 1 - i) * sizeof *pin);
    l->pins[i] = *pin;
}

static void clear(struct rn_pins *l)
{
    free(l->pins);
    l->pins = NULL;
    l->n = l->cap = 0;
    rn_arena_release(&l->texts);
}

void rn_pins_release(struct rn_pins *l)
{
    clear(l);
    free(l->path);
    l->path = NULL;
}

/* --- the file --- */

static bool parse_size(const char *s, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(s, &end, 10);
    *out = (int64_t)v;
    return isdigit((unsigned char)*s) && !*end && !errno;
}

static bool parse_trust(const char *s, enum rn_trust *out)
{
    for (size_t i = 0; i < RN_COUNT(trust_words); i++)
        if (strcmp(s, trust_words[i]) == 0) {
            *out = (enum rn_trust)i;
            return true;
        }
    return false;
}

/* Cuts the line into its columns, which become the pin's strings. */
static bool parse_line(char *line, struct rn_pin *pin)
{
    enum { OLD_COLUMNS = 5, COLUMNS = 7 };
    char *column[COLUMNS + 1] = {0}, *rest = line;
    size_t n = 0;
    while (n <= COLUMNS && (column[n] = strtok_r(rest, " \t\r", &rest)))
        n++;
    if ((n != COLUMNS && n != OLD_COLUMNS) || !rn_sha256_is_hex(column[2]))
        return false;
    *pin = (struct rn_pin){.id = column[0],
                           .host = column[4],
                           .date = n == COLUMNS ? column[5] : "-",
                           .etag = n == COLUMNS ? column[6] : "-"};
    memcpy(pin->sha256, column[2], RN_HEX);
    return parse_size(column[1], &pin->size_bytes) && parse_trust(column[3], &pin->trust);
}

static bool is_merge_mark(const char *line)
{
    static const char *const marks[] = {"<<<<<<<", "=======", ">>>>>>>", "|||||||"};
    for (size_t i = 0; i < RN_COUNT(marks); i++)
        if (rn_starts_with(line, marks[i]))
            return true;
    return false;
}

static int add_line(struct rn_pins *l, char *line, struct rn_place at, struct rn_err *err)
{
    struct rn_pin pin;
    if (is_merge_mark(line)) {
        rn_hint(err, "keep the lines of one side, or of both where they name different files");
        return rn_fail(err, RN_ECONFIG, at, "a merge conflict is not resolved");
    }
    if (!parse_line(line, &pin)) {
        rn_hint(err, "restore the line, or delete it to accept what the source gives now");
        return rn_fail(err, RN_ECONFIG, at, "expected 'id bytes sha256 trust host date etag'");
    }
    if (rn_pins_find(l, pin.id)) {
        rn_hint(err, "keep the line whose digest is right");
        return rn_fail(err, RN_ECONFIG, at, "'%.120s' is pinned twice", pin.id);
    }
    set_pin(l, &pin);
    return RN_OK;
}

static int parse(struct rn_pins *l, const char *path, char *text, struct rn_err *err)
{
    int number = 1;
    for (char *line = text, *end; line && *line; line = end, number++) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        line += strspn(line, " \t\r");
        if (*line != '#' && *line != '\0')
            RN_TRY(add_line(l, line, RN_LINE(path, number), err));
    }
    return RN_OK;
}

static struct rn_pin with_own_strings(struct rn_pins *l, const struct rn_pin *pin)
{
    struct rn_pin own = *pin;
    own.id = rn_arena_dup(&l->texts, pin->id);
    own.host = rn_arena_dup(&l->texts, pin->host);
    own.date = rn_arena_dup(&l->texts, pin->date);
    own.etag = as_column(l, pin->etag);
    own.line = NULL;
    return own;
}

static bool same_pin(const struct rn_pin *a, const struct rn_pin *b)
{
    return a && strcmp(a->sha256, b->sha256) == 0 && a->size_bytes == b->size_bytes &&
           a->trust == b->trust && strcmp(a->host, b->host) == 0 && strcmp(a->date, b->date) == 0 &&
           strcmp(a->etag, b->etag) == 0;
}

static void lay_over(struct rn_pins *l, const struct rn_pins *file)
{
    for (size_t i = 0; i < file->n; i++) {
        if (same_pin(rn_pins_find(l, file->pins[i].id), &file->pins[i]))
            continue;
        struct rn_pin own = with_own_strings(l, &file->pins[i]);
        set_pin(l, &own);
    }
}

/* Lays the pins of a file over those of l. */
static int read_file(struct rn_pins *l, const char *path, struct rn_err *err)
{
    enum { LARGEST_LOCK = 64 << 20 };
    char *text;
    size_t n;
    if (!rn_exists(path))
        return RN_OK;
    RN_TRY(rn_file_read(path, LARGEST_LOCK, &text, &n, err));
    struct rn_pins file = {0};
    char *own = memcpy(rn_arena_alloc(&file.texts, n + 1), text, n);
    free(text);
    int rc = strlen(own) == n ? parse(&file, path, own, err)
                              : rn_fail(err, RN_ECONFIG, RN_PATH(path), "holds a NUL byte");
    if (rc == RN_OK && l->n == 0) {
        clear(l);
        l->pins = file.pins;
        l->n = file.n;
        l->cap = file.cap;
        l->texts = file.texts;
        return RN_OK;
    }
    if (rc == RN_OK)
        lay_over(l, &file);
    clear(&file);
    return rc;
}

static bool can_replace(const char *path)
{
    char *dir = rn_dirname(path);
    bool can = access(dir, W_OK) == 0;
    free(dir);
    return can;
}

int rn_pins_open(struct rn_pins *l, const char *path, const char *fallback_dir, struct rn_err *err)
{
    bool own = can_replace(path);
    *l = (struct rn_pins){.path = own ? rn_xdup(path) : rn_join(fallback_dir, rn_basename(path))};
    int rc = read_file(l, path, err);
    if (rc == RN_OK && !own)
        rc = read_file(l, l->path, err);
    if (rc != RN_OK)
        rn_pins_release(l);
    return rc;
}

/* Waits until no other process replaces files of this folder. Where such locks are not to be had, a
 * pin may be lost to another writer and is made again next time. */
static int lock_folder(const char *path)
{
    char *dir = rn_dirname(path);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(dir);
    if (fd >= 0)
        while (flock(fd, LOCK_EX) != 0 && errno == EINTR)
            ;
    return fd;
}

/* The lock was just read again: what it says by now was compared with these bytes by nobody, unless
 * it is the very pin that they are to replace. */
static int check_undisputed(const struct rn_pins *l, const struct rn_pin *pin, struct rn_err *err)
{
    const struct rn_pin *is = rn_pins_find(l, pin->id);
    if (!is || pin->trust == RN_TRUST_YAML || strcmp(is->sha256, pin->sha256) == 0 ||
        strcmp(is->sha256, pin->replaces) == 0)
        return RN_OK;
    rn_hint(err, "the source does not give the same bytes to everybody: run again, against the "
                 "other pin, or write the sha256 that is right into the pipeline file");
    return rn_fail(err, RN_EFETCH, RN_PATH(l->path),
                   "%s was pinned to sha256 %.12s.. meanwhile, and here it is %.12s..", pin->id,
                   is->sha256, pin->sha256);
}

static void set_dated(struct rn_pins *l, const struct rn_pin *pin, const char *date)
{
    struct rn_pin dated = *pin;
    RN_ASSERT(*pin->id && *pin->host && !strpbrk(pin->id, " \t\r\n") &&
              !strpbrk(pin->host, " \t\r\n"));
    if (!dated.date)
        dated.date = date;
    dated = with_own_strings(l, &dated);
    set_pin(l, &dated);
}

/* The file as it is now becomes what the table holds. */
static void note_seen(struct rn_pins *l)
{
    if (stat(l->path, &l->seen) != 0)
        l->seen = (struct stat){0};
}

static bool same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* What others added since the file was written here; most often nobody did. */
static int read_again(struct rn_pins *l, struct rn_err *err)
{
    struct stat now;
    const struct stat *was = &l->seen;
    if (stat(l->path, &now) == 0 && now.st_ino == was->st_ino && now.st_dev == was->st_dev &&
        now.st_size == was->st_size && same_time(now.st_mtim, was->st_mtim) &&
        same_time(now.st_ctim, was->st_ctim))
        return RN_OK;
    return read_file(l, l->path, err);
}

static int add(struct rn_pins *l, const struct rn_pin *pins, size_t n, struct rn_err *err)
{
    char date[sizeof "2026-11-21T11:24:05Z"];
    struct tm tm;
    time_t now = time(NULL);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
    RN_TRY(l->path ? read_again(l, err) : RN_OK);
    for (size_t i = 0; i < n; i++)
        RN_TRY(check_undisputed(l, &pins[i], err));
    for (size_t i = 0; i < n; i++)
        set_dated(l, &pins[i], date);
    return RN_OK;
}

int rn_pins_begin(struct rn_pins *l, const struct rn_pin *pins, size_t n, struct rn_pins_text *text,
                  struct rn_err *err)
{
    *text = (struct rn_pins_text){.path = l->path, .folder = -1};
    if (l->path)
        text->folder = lock_folder(l->path);
    int rc = add(l, pins, n, err);
    if (rc == RN_OK && l->path) {
        rn_str_puts(&text->lines, first_line);
        for (size_t i = 0; i < l->n; i++)
            rn_str_puts(&text->lines, line_of(l, &l->pins[i]));
    }
    if (rc != RN_OK)
        rn_pins_end(l, text);
    return rc;
}

int rn_pins_write(const struct rn_pins_text *text, struct rn_err *err)
{
    return text->path ? rn_file_write(text->path, text->lines.p, text->lines.n, err) : RN_OK;
}

void rn_pins_end(struct rn_pins *l, struct rn_pins_text *text)
{
    if (text->lines.p)
        note_seen(l);
    if (text->folder >= 0)
        close(text->folder);
    rn_str_release(&text->lines);
    *text = (struct rn_pins_text){.folder = -1};
}

int rn_pins_add(struct rn_pins *l, const struct rn_pin *pins, size_t n, struct rn_err *err)
{
    struct rn_pins_text text;
    RN_TRY(rn_pins_begin(l, pins, n, &text, err));
    int rc = rn_pins_write(&text, err);
    rn_pins_end(l, &text);
    return rc;
}
