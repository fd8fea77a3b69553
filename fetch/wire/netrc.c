#include "netrc.h"

#include "file.h"
#include "mem.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* --- words --- */

/* A word in quotes may hold blanks; a backslash makes the next byte plain. */
static const char *quoted_word(const char *p, struct rn_str *word)
{
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        rn_str_putc(word, *p);
    }
    return *p ? p + 1 : p;
}

/* The next word into `word`; where to go on, or NULL at the end. A '#' that starts a word begins a
 * comment. */
static const char *next_word(const char *p, struct rn_str *word)
{
    static const char blanks[] = " \t\r\n";
    rn_str_clear(word);
    for (p += strspn(p, blanks); *p == '#'; p += strspn(p, blanks))
        p += strcspn(p, "\n");
    if (!*p)
        return NULL;
    if (*p == '"')
        return quoted_word(p, word);
    size_t n = strcspn(p, blanks);
    rn_str_add(word, p, n);
    return p + n;
}

/* A macro runs to the next empty line. */
static const char *skip_macro(const char *p)
{
    const char *end = strstr(p, "\n\n");
    return end ? end : p + strlen(p);
}

/* --- entries --- */

struct entry {
    bool wanted, has_login, has_password;
    struct rn_str login, password;
};

static void release_entry(struct entry *e)
{
    rn_str_release(&e->login);
    rn_str_release(&e->password);
}

static bool is_word(const struct rn_str *word, const char *text)
{
    return word->p && strcmp(word->p, text) == 0;
}

/* Reads until the entry of the host is complete; false if there is none. */
static bool find_entry(const char *text, const char *host, struct entry *e)
{
    struct rn_str word = {0}, value = {0};
    for (const char *p = text; (p = next_word(p, &word));) {
        bool starts = is_word(&word, "machine") || is_word(&word, "default");
        if (starts && e->wanted)
            break;
        if (is_word(&word, "macdef")) {
            p = skip_macro(p);
        } else if (is_word(&word, "machine") && (p = next_word(p, &value))) {
            e->wanted = strcasecmp(value.p ? value.p : "", host) == 0;
        } else if (e->wanted && is_word(&word, "login") && (p = next_word(p, &e->login))) {
            e->has_login = true;
        } else if (e->wanted && is_word(&word, "password") && (p = next_word(p, &e->password))) {
            e->has_password = true;
        }
        if (!p)
            break;
    }
    rn_str_release(&word);
    rn_str_release(&value);
    return e->wanted && e->has_login && e->has_password;
}

/* What ends up in a header must not end the header. */
static bool is_one_line(const struct rn_str *s)
{
    for (size_t i = 0; i < s->n; i++)
        if ((unsigned char)s->p[i] < ' ')
            return false;
    return true;
}

static int give_login(const char *path, const char *host, const struct entry *e, char **login,
                      struct rn_err *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot read");
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        rn_hint(err, "chmod 600 %s", path);
        return rn_fail(err, RN_ECONFIG, RN_PATH(path),
                       "holds a password for %s and others may read it (mode %04o)", host,
                       (unsigned)st.st_mode & 07777);
    }
    if (!is_one_line(&e->login) || !is_one_line(&e->password))
        return rn_fail(err, RN_ECONFIG, RN_PATH(path), "control characters in the login for %s",
                       host);
    *login = rn_xprintf("%s:%s", e->login.p ? e->login.p : "", e->password.p ? e->password.p : "");
    return RN_OK;
}

int rn_netrc_find(const char *path, const char *host, char **login, struct rn_err *err)
{
    enum { LARGEST_NETRC = 1 << 20 };
    char *text;
    size_t n;
    *login = NULL;
    if (!rn_exists(path))
        return RN_OK;
    RN_TRY(rn_file_read(path, LARGEST_NETRC, &text, &n, err));
    struct entry e = {0};
    int rc = find_entry(text, host, &e) ? give_login(path, host, &e, login, err) : RN_OK;
    release_entry(&e);
    free(text);
    return rc;
}
