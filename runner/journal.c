#include "journal.h"

#include "file.h"
#include "mem.h"
#include "schema.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUM = 16, JOURNAL_CAP = 256 << 20 };

static bool ends_torn(int fd)
{
    char last = '\n';
    off_t size = lseek(fd, 0, SEEK_END);
    return size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

int rn_journal_open(struct rn_journal *j, const char *path, struct rn_err *err)
{
    *j = (struct rn_journal){.fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)};
    if (j->fd < 0)
        return rn_fail_errno(err, RN_PATH(path), "cannot open the journal");
    j->path = rn_xdup(path);
    j->torn = ends_torn(j->fd);
    return RN_OK;
}

void rn_journal_close(struct rn_journal *j)
{
    if (!j->path)
        return;
    close(j->fd);
    free(j->path);
    *j = (struct rn_journal){.fd = -1};
}

static void sum_of(const json_t *record, char sum[SUM + 1])
{
    char hex[RN_HEX];
    rn_json_digest(record, hex);
    memcpy(sum, hex, SUM);
    sum[SUM] = '\0';
}

static int put(struct rn_journal *j, const char *line, size_t n, struct rn_err *err)
{
    j->torn = rn_write_all(j->fd, line, n) < n;
    if (j->torn)
        return rn_fail_errno(err, RN_PATH(j->path), "cannot write the journal");
    if (rn_io.fsync(j->fd) != 0)
        return rn_fail_errno(err, RN_PATH(j->path), "cannot sync the journal");
    return RN_OK;
}

int rn_journal_add(struct rn_journal *j, json_t *record, struct rn_err *err)
{
    if (!record)
        return rn_fail(err, RN_ENOMEM, RN_PATH(j->path), "no memory for a record");
    char sum[SUM + 1];
    json_object_set_new(record, "time", json_real(rn_time_s()));
    sum_of(record, sum);
    json_object_set_new(record, "sum", json_string(sum));
    char *text = rn_json_canonical(record);
    char *line = rn_xprintf("%s%s\n", j->torn ? "\n" : "", text);
    int rc = put(j, line, strlen(line), err);
    free(line);
    free(text);
    json_decref(record);
    return rc;
}

/* A record whose sum fits, without its sum; or NULL. */
static json_t *parse_record(const char *line, size_t n)
{
    json_t *record = NULL;
    if (rn_json_parse(line, n, RN_NOWHERE, &record, NULL) != RN_OK || !json_is_object(record)) {
        json_decref(record);
        return NULL;
    }
    char sum[SUM + 1], claimed[SUM + 1];
    snprintf(claimed, sizeof claimed, "%s", rn_json_str(record, "sum", ""));
    json_object_del(record, "sum");
    sum_of(record, sum);
    if (strcmp(sum, claimed) == 0)
        return record;
    json_decref(record);
    return NULL;
}

json_t *rn_journal_read(const char *path)
{
    json_t *records = json_array();
    char *text;
    size_t n;
    if (rn_file_read(path, JOURNAL_CAP, &text, &n, NULL) != RN_OK)
        return records;
    for (char *line = text, *end; (end = memchr(line, '\n', n - (size_t)(line - text)));
         line = end + 1) {
        json_t *record = parse_record(line, (size_t)(end - line));
        if (record)
            json_array_append_new(records, record);
    }
    free(text);
    return records;
}

static bool one_of(const char *word, const char *words)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p += n)
        if ((p == words || p[-1] == '|') && (p[n] == '|' || p[n] == '\0'))
            return n > 0;
    return false;
}

json_t *rn_journal_last(const json_t *records, const char *stage, const char *events)
{
    for (size_t i = json_array_size(records); i-- > 0;) {
        json_t *r = json_array_get(records, i);
        if (strcmp(rn_json_str(r, "stage", ""), stage) == 0 &&
            one_of(rn_json_str(r, "event", ""), events))
            return r;
    }
    return NULL;
}

json_t *rn_journal_stages(const json_t *records)
{
    const json_t *named = NULL;
    json_t *stages = json_array();
    for (size_t i = json_array_size(records); i-- > 0 && !named;)
        named = json_object_get(json_array_get(records, i), "stages");
    for (size_t i = 0; i < json_array_size(named); i++) {
        json_t *name = json_array_get(named, i);
        if (json_is_string(name) && rn_is_name(json_string_value(name)))
            json_array_append(stages, name);
    }
    return stages;
}

double rn_journal_spent(const json_t *records, const char *progress)
{
    double spent_s = 0;
    for (size_t i = 0; i < json_array_size(records); i++) {
        const json_t *r = json_array_get(records, i);
        if (strcmp(rn_json_str(r, "progress", ""), progress) == 0)
            spent_s += rn_json_real(r, "wall_s", 0);
    }
    return spent_s;
}
