/* Whatever bytes claim to be nanochat's tokenizer.pkl, they are read or refused with a reason, and
 * what was read is a tokenizer. */
#include "pickle.h"
#include "vocabulary.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    if (vocabulary_read(rn_tokenizer_load_pickle(&t, scratch_put(bytes, n), &err), &err))
        vocabulary_check(t, (const char *)bytes, n);
    rn_tokenizer_free(t);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return atexit(scratch_remove);
}
