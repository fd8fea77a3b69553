/* journal.h - what happened in a run, one checksummed JSON line per transition.
 *
 *     struct rn_journal j;
 *     RN_TRY(rn_journal_open(&j, "runs/smoke/journal.jsonl", err));
 *     json_t *record = json_pack("{s:s, s:s}", "event", "started", "stage", "base");
 *     RN_TRY(rn_journal_add(&j, record, err));             on disk when it returns
 *     rn_journal_close(&j);
 *
 * `started` is on disk before a stage's first side effect, `done` only after its outputs have their
 * final name: a process killed anywhere leaves `started` without an end, never a false `done`.
 * Every line carries "time" and "sum", the first 16 hex digits of the sha256 of the rest. Readers
 * pass over a torn last line, which a kill leaves and the next writer cuts off, and over damaged
 * lines before it, which nothing here leaves and which are counted. Opening leaves such lines out
 * for good, and keeps the file as it was as journal.jsonl.damaged.
 *
 * Opening makes a journal short that has grown long: of records with equal event, stage and out key
 * the newest stays (and the first `run`); work of the others is kept as one `spent` record for each
 * stage and progress key. Done by rename, as is the recovery from a failed fsync: what the kernel
 * failed to write once it may forget, so all records go into a new file. */
#ifndef RN_JOURNAL_H
#define RN_JOURNAL_H

#include "json.h"

struct rn_journal {
    int fd;
    char *path;     /* owned */
    bool torn;      /* the last line has no end: cut off before the next is written */
    size_t damaged; /* lines found that were no records, a torn last one aside */
    json_t *found;  /* the records that were there when it was opened; owned */
    json_t *head;   /* waits for the next record; owned, or NULL */
};

/* For the holder of the run's lock. */
int rn_journal_open(struct rn_journal *, const char *path, struct rn_err *);
/* Takes over `record` (may be NULL: RN_ENOMEM), adds time and sum, writes and syncs. */
int rn_journal_add(struct rn_journal *, json_t *record, struct rn_err *);
/* Takes over a record that is worth nothing alone: it is written before the next one, if any comes,
 * so that a run without work leaves no trace and costs no sync. */
void rn_journal_announce(struct rn_journal *, json_t *record);
void rn_journal_close(struct rn_journal *); /* safe when not open */

/* All whole records, oldest first: a new array, empty if there is no such file. Writes nothing. */
json_t *rn_journal_read(const char *path);
/* The same, with the number of damaged lines; an error if the file is there and cannot be read. */
int rn_journal_load(json_t **records, size_t *damaged, const char *path, struct rn_err *);
/* The newest record of a stage with one of the events ("done|interrupted"); borrowed, or NULL. */
json_t *rn_journal_last(const json_t *records, const char *stage, const char *events);
/* Names of the pipeline's stages as the newest start of the run wrote them: a new array of plain
 * names, whatever the file holds. */
json_t *rn_journal_stages(const json_t *records);
/* Seconds of work recorded for a progress key. */
double rn_journal_spent(const json_t *records, const char *progress);

#endif
