#include "sums.h"

#include "file.h"
#include "mem.h"
#include "path.h"
#include "str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* 64 hex digits in any case; to lower case. */
static bool take_hex(const char *p, char hex[RN_HEX])
{
    for (size_t i = 0; i < RN_HEX - 1; i++) {
        if (!isxdigit((unsigned char)p[i]))
            return false;
        hex[i] = (char)tolower((unsigned char)p[i]);
    }
    hex[RN_HEX - 1] = '\0';
    return !isxdigit((unsigned char)p[RN_HEX - 1]);
}

/* "DIGEST  name", "DIGEST *name" */
static char *parse_gnu(char *line, char hex[RN_HEX])
{
    if (!take_hex(line, hex) || line[RN_HEX - 1] != ' ')
        return NULL;
    char *name = line + RN_HEX;
    return *name == ' ' || *name == '*' ? name + 1 : NULL;
}

/* "SHA256 (name) = DIGEST" */
static char *parse_bsd(char *line, char hex[RN_HEX])
{
    static const char start[] = "SHA256 (", middle[] = ") = ";
    char *end = rn_starts_with(line, start) ? strstr(line, middle) : NULL;
    if (!end || !take_hex(end + strlen(middle), hex))
        return NULL;
    *end = '\0';
    return line + strlen(start);
}

static void parse_line(struct rn_sums *s, char *line)
{
    struct rn_sum sum;
    line[strcspn(line, "\r")] = '\0';
    char *name = parse_gnu(line, sum.sha256);
    if (!name)
        name = parse_bsd(line, sum.sha256);
    if (!name)
        return;
    sum.name = rn_basename(name);
    RN_PUSH(s->sums, s->n, s->cap, sum);
}

int rn_sums_read(struct rn_sums *s, const char *path, struct rn_err *err)
{
    enum { LARGEST = 16 << 20 };
    size_t n;
    *s = (struct rn_sums){0};
    RN_TRY(rn_file_read(path, LARGEST, &s->text, &n, err));
    for (char *line = s->text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        parse_line(s, line);
    }
    if (s->n > 0)
        return RN_OK;
    rn_sums_release(s);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "no line of it is a sha256 and a name");
}

const char *rn_sums_find(const struct rn_sums *s, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < s->n; i++) {
        if (strcmp(s->sums[i].name, name) != 0)
            continue;
        if (found && strcmp(found, s->sums[i].sha256) != 0)
            return NULL;
        found = s->sums[i].sha256;
    }
    return found;
}

void rn_sums_release(struct rn_sums *s)
{
    free(s->sums);
    free(s->text);
    *s = (struct rn_sums){0};
}
