/* Documents from real files: the shards are the ones every tokenizer and loader test stands on. */
#include "../scratch.h"
#include "docs.h"
#include "hash.h"
#include "shared.h"
#include "str.h"

TestSuite(docs, .init = scratch_up, .fini = scratch_down);

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

Test(docs, lines_are_in_groups_of_1024_as_well)
{
    struct rn_err err = {0};
    struct rn_str text = {0};
    struct rn_docs *d;
    struct rn_doc doc;
    for (int i = 0; i < 2500; i++)
        rn_str_printf(&text, "\"%d\"\n", i);
    const char *path = scratch_write("a.jsonl", text.p, text.n);
    cr_assert_eq(rn_docs_open(&d, &path, 1, "text", &err), RN_OK, "%s", err.msg);
    for (int n = 1; n <= 2500; n++) {
        cr_assert_eq(rn_docs_next(d, &doc, &err), RN_OK, "%s", err.msg);
        cr_assert_eq(doc.group_end, n % 1024 == 0 || n == 2500, "%d", n);
    }
    rn_docs_free(d);
    rn_str_release(&text);
}
