#include "journal.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "schema.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SUM = 16, JOURNAL_CAP = 256 << 20, LONG_BYTES = 256 << 10 };

/* --- lines --- */

static void sum_of(const json_t *record, char sum[SUM + 1])
{
    char hex[RN_HEX];
    rn_json_digest(record, hex);
    memcpy(sum, hex, SUM);
    sum[SUM] = '\0';
}

/* The line of a record, with its sum and end; caller frees. */
static char *print_record(json_t *record)
{
    char sum[SUM + 1];
    sum_of(record, sum);
    json_object_set_new(record, "sum", json_string(sum));
    char *text = rn_json_canonical(record), *line = rn_xprintf("%s\n", text);
    free(text);
    json_object_del(record, "sum");
    return line;
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

/* --- reading --- */

static void parse_lines(json_t *records, size_t *damaged, const char *text, size_t n)
{
    for (const char *line = text, *end; (end = memchr(line, '\n', n - (size_t)(line - text)));
         line = end + 1) {
        json_t *record = parse_record(line, (size_t)(end - line));
        if (record)
            json_array_append_new(records, record);
        else
            ++*damaged;
    }
}

int rn_journal_load(json_t **records, size_t *damaged, const char *path, struct rn_err *err)
{
    char *text = NULL;
    size_t n;
    *records = json_array();
    *damaged = 0;
    if (rn_absent(path))
        return RN_OK;
    int rc = rn_file_read(path, JOURNAL_CAP, &text, &n, err);
    if (rc == RN_OK)
        parse_lines(*records, damaged, text, n);
    free(text);
    return rc;
}

json_t *rn_journal_read(const char *path)
{
    json_t *records;
    size_t damaged;
    rn_journal_load(&records, &damaged, path, NULL);
    return records;
}

/* --- making it short --- */

/* What a record is about, as a key: its values of these fields. Caller frees. */
static char *subject(const json_t *r, const char *field, const char *second, const char *third)
{
    json_t *values = json_pack("[s, s, s]", rn_json_str(r, field, ""), rn_json_str(r, second, ""),
                               third ? rn_json_str(r, third, "") : "");
    char *key = rn_json_canonical(values);
    json_decref(values);
    return key;
}

/* Work of a record that goes is added to the `spent` record of its stage and key. */
static void keep_work(json_t *spent, const json_t *r)
{
    double wall_s = rn_json_real(r, "wall_s", 0);
    const char *progress = rn_json_str(r, "progress", "");
    if (wall_s <= 0 || !*progress)
        return;
    char *key = subject(r, "stage", "progress", NULL);
    json_t *sum = json_object_get(spent, key);
    json_object_set_new(spent, key,
                        json_pack("{s:s, s:s, s:s, s:f, s:f}", "event", "spent", "stage",
                                  rn_json_str(r, "stage", ""), "progress", progress, "wall_s",
                                  wall_s + rn_json_real(sum, "wall_s", 0), "time",
                                  rn_json_real(r, "time", 0)));
    free(key);
}

/* A flag for each record: true where no later one says the same of the same. */
static bool *find_newest(const json_t *records)
{
    size_t n = json_array_size(records);
    bool *newest = rn_xalloc((n + 1) * sizeof *newest);
    json_t *seen = json_object();
    for (size_t i = n; i-- > 0;) {
        char *key = subject(json_array_get(records, i), "event", "stage", "out");
        newest[i] = !json_object_get(seen, key);
        json_object_set_new(seen, key, json_true());
        free(key);
    }
    json_decref(seen);
    return newest;
}

/* The records that stay, `spent` behind the first: a new array. */
static json_t *shortened(const json_t *records)
{
    json_t *kept = json_array(), *rest = json_array(), *spent = json_object(), *sum;
    bool *newest = find_newest(records);
    const char *key;
    for (size_t i = 0; i < json_array_size(records); i++) {
        json_t *r = json_array_get(records, i);
        bool is_spent = strcmp(rn_json_str(r, "event", ""), "spent") == 0;
        if (!is_spent && (i == 0 || newest[i]))
            json_array_append(json_array_size(kept) ? rest : kept, r);
        else
            keep_work(spent, r);
    }
    json_object_foreach(spent, key, sum) json_array_append(kept, sum);
    json_array_extend(kept, rest);
    free(newest);
    json_decref(spent);
    json_decref(rest);
    return kept;
}

/* --- writing --- */

/* Cuts off what stands behind the last newline. */
static int cut_torn(struct rn_journal *j, struct rn_err *err)
{
    char c = '\0';
    off_t end = lseek(j->fd, 0, SEEK_END);
    while (end > 0 && pread(j->fd, &c, 1, end - 1) == 1 && c != '\n')
        end--;
    if (ftruncate(j->fd, end) != 0)
        return rn_fail_errno(err, RN_PATH(j->path), "cannot cut off a torn line");
    j->torn = false;
    return RN_OK;
}

static int open_file(struct rn_journal *j, struct rn_err *err)
{
    j->fd = open(j->path, O_RDWR | O_APPEND | O_CLOEXEC);
    if (j->fd < 0)
        return rn_fail_errno(err, RN_PATH(j->path), "cannot open the journal");
    char last = '\n';
    off_t size = lseek(j->fd, 0, SEEK_END);
    j->torn = size > 0 && pread(j->fd, &last, 1, size - 1) == 1 && last != '\n';
    return RN_OK;
}

/* These records in a new file under the journal's name. */
static int rewrite(struct rn_journal *j, const json_t *records, struct rn_err *err)
{
    struct rn_writer w;
    RN_TRY(rn_writer_open(&w, j->path, err));
    for (size_t i = 0; i < json_array_size(records); i++) {
        char *line = print_record(json_array_get(records, i));
        rn_writer_add(&w, line, strlen(line));
        free(line);
    }
    RN_TRY(rn_writer_commit(&w, NULL, err));
    if (j->fd >= 0)
        close(j->fd);
    return open_file(j, err);
}

/* What cannot be read is kept for whoever wants to know, and told once. */
static int put_aside(struct rn_journal *j, struct rn_err *err)
{
    char *aside = rn_xprintf("%s.damaged", j->path);
    int rc = rn_copy_file(j->path, aside, err);
    if (rc == RN_OK)
        rc = rewrite(j, j->found, err);
    free(aside);
    return rc;
}

static int shorten(struct rn_journal *j, const json_t *records, struct rn_err *err)
{
    if (rn_file_size(j->path) <= LONG_BYTES)
        return RN_OK;
    json_t *kept = shortened(records);
    int rc = RN_OK;
    if (json_array_size(kept) <= json_array_size(records) / 2)
        rc = rewrite(j, kept, err);
    json_decref(kept);
    return rc;
}

int rn_journal_open(struct rn_journal *j, const char *path, struct rn_err *err)
{
    *j = (struct rn_journal){.fd = -1, .path = rn_xdup(path)};
    int rc = rn_journal_load(&j->found, &j->damaged, path, err);
    if (rc == RN_OK && !rn_exists(path))
        rc = rn_file_write(path, "", 0, err); /* its name is on disk too */
    if (rc == RN_OK)
        rc = open_file(j, err);
    if (rc == RN_OK)
        rc = j->damaged ? put_aside(j, err) : shorten(j, j->found, err);
    if (rc != RN_OK)
        rn_journal_close(j);
    return rc;
}

void rn_journal_close(struct rn_journal *j)
{
    if (!j->path)
        return;
    if (j->fd >= 0)
        close(j->fd);
    json_decref(j->found);
    json_decref(j->head);
    free(j->path);
    *j = (struct rn_journal){.fd = -1};
}

/* After a failed fsync a second one may succeed without the bytes: they go into a new file. */
static int start_anew(struct rn_journal *j, const char *line, struct rn_err *err)
{
    json_t *records, *last = parse_record(line, strlen(line));
    size_t damaged;
    int rc = rn_journal_load(&records, &damaged, j->path, err);
    size_t n = json_array_size(records);
    if (rc == RN_OK && !(n && json_equal(json_array_get(records, n - 1), last)))
        json_array_append(records, last);
    if (rc == RN_OK)
        rc = rewrite(j, records, err);
    json_decref(last);
    json_decref(records);
    return rc;
}

static int put(struct rn_journal *j, const char *line, struct rn_err *err)
{
    size_t n = strlen(line);
    if (j->torn)
        RN_TRY(cut_torn(j, err));
    j->torn = rn_write_all(j->fd, line, n) < n;
    if (j->torn)
        return rn_fail_errno(err, RN_PATH(j->path), "cannot write the journal");
    return rn_io.fsync(j->fd) == 0 ? RN_OK : start_anew(j, line, err);
}

void rn_journal_announce(struct rn_journal *j, json_t *record)
{
    json_decref(j->head);
    j->head = record;
    json_object_set_new(record, "time", json_real(rn_time_s()));
}

/* Takes over the record, which has its time. */
static int add(struct rn_journal *j, json_t *record, struct rn_err *err)
{
    char *line = print_record(record);
    int rc = put(j, line, err);
    free(line);
    json_decref(record);
    return rc;
}

int rn_journal_add(struct rn_journal *j, json_t *record, struct rn_err *err)
{
    json_t *head = j->head;
    int rc = RN_OK;
    j->head = NULL;
    if (!record)
        return rn_fail(err, RN_ENOMEM, RN_PATH(j->path), "no memory for a record");
    if (head)
        rc = add(j, head, err);
    json_object_set_new(record, "time", json_real(rn_time_s()));
    if (rc == RN_OK)
        return add(j, record, err);
    json_decref(record);
    return rc;
}

/* --- asking --- */

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
