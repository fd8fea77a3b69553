/* Documents from real files: the shards are the ones every tokenizer and loader test stands on. */
#include "docs.h"
#include "hash.h"
#include "shared.h"

#include <criterion/criterion.h>
#include <string.h>

Test(docs, shard_gives_its_rows_in_groups_of_1024)
{
    const char *path = shared_file("data/base_data/shard_00003.parquet");
    if (!path)
        return;
    struct rn_err err = {0};
    struct rn_docs *d;
    struct rn_doc doc;
    int64_t n = 0, groups = 0, bytes = 0;
    cr_assert_eq(rn_docs_open(&d, &path, 1, "text", &err), RN_OK, "%s", err.msg);
    cr_assert_eq(rn_docs_rows(d), 7168);
    while (rn_docs_next(d, &doc, &err) == RN_OK && doc.text) {
        n++;
        bytes += (int64_t)doc.n;
        groups += doc.group_end;
        cr_assert(!doc.group_end || n % 1024 == 0);
    }
    cr_assert_eq(err.code, RN_OK, "%s", err.msg);
    cr_assert_eq(n, 7168);
    cr_assert_eq(groups, 7);
    cr_assert_gt(bytes, 20 << 20);
    rn_docs_free(d);
}
