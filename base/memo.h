/* memo.h - digests of files that have not changed since they were hashed.
 *
 *     struct rn_memo *memo = rn_memo_open("runs/.memo");
 *     RN_TRY(rn_memo_sha256(memo, path, hex, &size_bytes, err));
 *     rn_memo_save(memo);
 *     rn_memo_free(memo);
 *
 * A file is the same if device, inode, size, mtime and ctime are; anything else means 'hash it',
 * never 'changed'. A file that was modified less than two seconds before it was hashed is not
 * remembered: a later change could hide within the clock's tick. The memo is disposable: a missing,
 * damaged or foreign file is an empty memo.
 *
 *     OFFSET  SIZE  WHAT (numbers in the machine's byte order)
 *     0       8     "RNMEMO1\n"
 *     8       8     number of records n
 *     16      32    sha256 of the records
 *     48      72 n  records: device, inode, size, mtime_ns, ctime_ns (8 each), sha256 (32)
 */
#ifndef RN_MEMO_H
#define RN_MEMO_H

#include "hash.h"

#include <stdint.h>
#include <sys/stat.h>

struct rn_memo;

struct rn_memo *rn_memo_open(const char *path); /* reads at most 1,000,000 records */
/* Forgets everything that was read: from now on every file is hashed, and remembered anew. */
void rn_memo_distrust(struct rn_memo *);
/* As rn_sha256_file. memo NULL: hashes. Any thread. */
int rn_memo_sha256(struct rn_memo *, const char *path, char hex[RN_HEX], size_t *size_bytes,
                   struct rn_err *);
/* Remembers what is certain already: the caller wrote the file, and nobody else can have. */
void rn_memo_learn(struct rn_memo *, const char *path, const char *hex);

/* What a file is known by: one look at it serves several memos. */
struct rn_seen {
    uint64_t device, inode, size_bytes;
    int64_t mtime_ns, ctime_ns;
};
bool rn_seen_look(struct rn_seen *, const char *path); /* false: no plain file */
struct rn_seen rn_seen_of(const struct stat *);        /* of a plain file */
bool rn_seen_same(const struct rn_seen *, const struct rn_seen *);
/* True if nothing but the ctime may differ, which a second name changes, too. */
bool rn_seen_same_bytes(const struct rn_seen *, const struct rn_seen *);
/* False: the file is not the one that was remembered. Any thread. */
bool rn_memo_recall_seen(struct rn_memo *, const struct rn_seen *, char hex[RN_HEX]);
void rn_memo_learn_seen(struct rn_memo *, const struct rn_seen *, const char *hex);
/* Adds what was learnt to what the file holds by now: atomic, best effort; nothing learnt, nothing
 * written. */
void rn_memo_save(struct rn_memo *);
/* Adds what another process saved since, unless the memo is distrusted. */
void rn_memo_refresh(struct rn_memo *);
void rn_memo_free(struct rn_memo *); /* takes NULL; does not save */

#endif
