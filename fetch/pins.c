#include "pins.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char first_line[] = "# runnel lock 1: id, bytes, sha256, trust, host\n";
static const char *const trust_words[] = {"yaml", "lock", "first-use"};

const char *rn_trust_word(enum rn_trust t)
{
    return trust_words[t];
}

/* --- the table --- */

/* Index of the first pin that is not before id. */
static size_t lower_bound(const struct rn_pins *l, const char *id)
{
    size_t low = 0, high = l->n;
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

static void release_pin(struct rn_pin *p)
{
    free((char *)p->id);
    free((char *)p->host);
}

static void set_pin(struct rn_pins *l, const struct rn_pin *pin)
{
    struct rn_pin own = *pin;
    own.id = rn_xdup(pin->id);
    own.host = rn_xdup(pin->host);
    size_t i = lower_bound(l, own.id);
    if (i < l->n && strcmp(l->pins[i].id, own.id) == 0) {
        release_pin(&l->pins[i]);
        l->pins[i] = own;
        return;
    }
    RN_PUSH(l->pins, l->n, l->cap, own);
    memmove(&l->pins[i + 1], &l->pins[i], (l->n - 1 - i) * sizeof own);
    l->pins[i] = own;
}

static void clear(struct rn_pins *l)
{
    for (size_t i = 0; i < l->n; i++)
        release_pin(&l->pins[i]);
    free(l->pins);
    l->pins = NULL;
    l->n = l->cap = 0;
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

/* Cuts the line into five columns and fills pin with borrowed strings. */
static bool parse_line(char *line, struct rn_pin *pin)
{
    char *column[5], *rest = line;
    for (size_t i = 0; i < RN_COUNT(column); i++)
        if (!(column[i] = strtok_r(rest, " \t\r", &rest)))
            return false;
    if (strtok_r(rest, " \t\r", &rest))
        return false;
    pin->id = column[0];
    pin->host = column[4];
    if (!rn_sha256_is_hex(column[2]))
        return false;
    memcpy(pin->sha256, column[2], RN_HEX);
    return parse_size(column[1], &pin->size_bytes) && parse_trust(column[3], &pin->trust);
}

static int parse(struct rn_pins *l, const char *path, char *text, struct rn_err *err)
{
    int number = 1;
    for (char *line = text, *end; line && *line; line = end, number++) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        struct rn_pin pin;
        if (*line == '#' || line[strspn(line, " \t\r")] == '\0')
            continue;
        if (!parse_line(line, &pin)) {
            rn_hint(err, "restore the line, or delete it to accept what the source gives now");
            return rn_fail(err, RN_ECONFIG, RN_LINE(path, number),
                           "expected 'id bytes sha256 trust host'");
        }
        set_pin(l, &pin);
    }
    return RN_OK;
}

static int read_file(struct rn_pins *l, const char *path, struct rn_err *err)
{
    enum { LARGEST_LOCK = 64 << 20 };
    char *text;
    size_t n;
    if (!rn_exists(path))
        return RN_OK;
    RN_TRY(rn_file_read(path, LARGEST_LOCK, &text, &n, err));
    int rc = strlen(text) == n ? parse(l, path, text, err)
                               : rn_fail(err, RN_ECONFIG, RN_PATH(path), "holds a NUL byte");
    free(text);
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

int rn_pins_add(struct rn_pins *l, const struct rn_pin *pin, struct rn_err *err)
{
    return rn_pins_add_all(l, pin, 1, err);
}

int rn_pins_add_all(struct rn_pins *l, const struct rn_pin *pins, size_t n, struct rn_err *err)
{
    RN_TRY(read_file(l, l->path, err));
    for (size_t i = 0; i < n; i++) {
        RN_ASSERT(*pins[i].id && *pins[i].host && !strpbrk(pins[i].id, " \t\r\n") &&
                  !strpbrk(pins[i].host, " \t\r\n"));
        set_pin(l, &pins[i]);
    }
    struct rn_str s = {0};
    rn_str_puts(&s, first_line);
    for (size_t i = 0; i < l->n; i++)
        rn_str_printf(&s, "%s %lld %s %s %s\n", l->pins[i].id, (long long)l->pins[i].size_bytes,
                      l->pins[i].sha256, rn_trust_word(l->pins[i].trust), l->pins[i].host);
    int rc = rn_file_write(l->path, s.p, s.n, err);
    rn_str_release(&s);
    return rc;
}
