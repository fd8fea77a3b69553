/* Whatever bytes claim to be JSONL, the check ends in yes or in a reason, twice the same; a file of
 * conversations is also one of records, and has the rows that it is said to have. */
#include "formats.h"
#include "scratch.h"

static const struct rn_format *jsonl(void)
{
    const struct rn_format *f = rn_data_formats;
    while (strcmp(f->name, "jsonl") != 0)
        f++;
    return f;
}

static int check(const char *path, const char *record, int64_t rows)
{
    struct rn_err err = {0};
    struct rn_expect want = {.format = "jsonl", .record = record, .rows = rows};
    int rc = jsonl()->check(path, &want, &err);
    RN_ASSERT(rc == RN_OK || (rc == RN_ECORRUPT && err.msg[0]));
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *path = scratch_put(bytes, n);
    int any = check(path, NULL, -1), conversation = check(path, "conversation", -1);
    RN_ASSERT(conversation != RN_OK || any == RN_OK);
    RN_ASSERT(check(path, NULL, -1) == any);
    int matches = 0;
    for (int64_t rows = 0; rows < 4; rows++)
        matches += check(path, NULL, rows) == RN_OK;
    RN_ASSERT(matches <= 1 && (matches == 0 || any == RN_OK));
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
