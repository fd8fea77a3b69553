/* tokenizer.pkl: an Encoding is read, anything else refused by name, and nothing ever run. */
#include "../scratch.h"
#include "file.h"
#include "pickle.h"
#include "str.h"

#define GOLDEN RUNNEL_SOURCE_DIR "/tests/golden/"

TestSuite(pickle, .init = scratch_up, .fini = scratch_down, .timeout = 300);

Test(pickle, a_pickled_encoding_is_the_tokenizer_it_was_made_of)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t, *same;
    cr_assert_eq(rn_tokenizer_load_pickle(&t, GOLDEN "tiktoken-small.pkl", &err), RN_OK, "%s",
                 err.msg);
    cr_assert_eq(rn_tokenizer_load_hf(&same, GOLDEN "hf-small.json", &err), RN_OK);
    cr_expect_str_eq(rn_tokenizer_digest(t), rn_tokenizer_digest(same));
    rn_tokenizer_free(same);
    rn_tokenizer_free(t);
}

static void refused(const char *path, const char *says)
{
    struct rn_err err = {0};
    struct rn_tokenizer *t;
    cr_expect_eq(rn_tokenizer_load_pickle(&t, path, &err), RN_ECORRUPT, "%s", path);
    cr_expect(strstr(err.msg, says), "%s: %s", says, err.msg);
    cr_expect_null(t);
}

Test(pickle, other_classes_and_opcodes_are_refused_by_name)
{
    refused(GOLDEN "hostile.pkl", "it pickles 'posix.system'");
    refused(GOLDEN "a-set.pkl", "opcode 0x8F");
    refused(scratch_text("a.pkl", "cos\nsystem\n"), "opcode 0x63");
    refused(scratch_text("a.pkl", "I1\n."), "opcode 0x49");
    refused(scratch_text("a.pkl", "."), "before an object");
    refused(scratch_text("a.pkl", "))b."), "another value");
    refused(scratch_text("a.pkl", "}))u."), "without a mark");
    refused(scratch_text("a.pkl", "()u."), "no dict");
    refused(scratch_text("a.pkl", "h\1"), "no such entry");
    refused(scratch_text("a.pkl", "X\xff\xff\xff\xff"), "too early");
    refused(scratch_text("a.pkl", "}}}}}}}}}}}}}}}}}"), "too many dicts");
    refused(scratch_text("a.pkl", ""), "without its last opcode");
}

Test(pickle, a_file_cut_anywhere_is_refused_and_no_flipped_bit_breaks_the_reader)
{
    char *bytes;
    size_t n;
    cr_assert_eq(rn_file_read(GOLDEN "tiktoken-small.pkl", 1 << 20, &bytes, &n, NULL), RN_OK);
    for (size_t cut = 0; cut < n; cut++)
        refused(scratch_write("a.pkl", bytes, cut), "");
    for (size_t at = 0; at < n; at++) {
        struct rn_err err = {0};
        struct rn_tokenizer *t;
        bytes[at] ^= 1 << at % 8;
        rn_tokenizer_load_pickle(&t, scratch_write("a.pkl", bytes, n), &err);
        rn_tokenizer_free(t);
        bytes[at] ^= 1 << at % 8;
    }
    free(bytes);
}
