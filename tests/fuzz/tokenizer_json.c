/* Whatever bytes claim to be a tokenizer.json, they are read or refused with a reason; what was
 * read and can be written is the same when it is read again. */
#include "vocabulary.h"

static void check_written(const struct rn_tokenizer *t)
{
    struct rn_err err = {0};
    struct rn_tokenizer *again;
    char path[128];
    snprintf(path, sizeof path, "%s/written", scratch_folder());
    if (vocabulary_read(rn_tokenizer_save_hf(t, path, &err), &err)) {
        RN_ASSERT(rn_tokenizer_load_hf(&again, path, &err) == RN_OK);
        RN_ASSERT(strcmp(rn_tokenizer_digest(again), rn_tokenizer_digest(t)) == 0);
        rn_tokenizer_free(again);
    }
    unlink(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    if (vocabulary_read(rn_tokenizer_load_hf(&t, scratch_put(bytes, n), &err), &err)) {
        vocabulary_check(t, (const char *)bytes, n);
        check_written(t);
    }
    rn_tokenizer_free(t);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
