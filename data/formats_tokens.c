#include "formats_tokens.h"

#include "file.h"
#include "token_file.h"
#include "tokens.h"

static int check_count(const char *path, const struct rn_expect *want, int64_t tokens,
                       struct rn_err *err)
{
    if (want->rows < 0 || want->rows == tokens)
        return RN_OK;
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%lld tokens, expected %lld", (long long)tokens,
                   (long long)want->rows);
}

int rn_check_runnel(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    int64_t tokens;
    RN_TRY(rn_tokens_check(path, &tokens, err));
    return check_count(path, want, tokens, err);
}

static int check_file(const char *path, const char *format, const struct rn_expect *want,
                      struct rn_err *err)
{
    struct rn_token_file f;
    RN_TRY(rn_token_file_open(&f, path, format, err));
    int64_t tokens = f.n;
    rn_token_file_close(&f);
    return check_count(path, want, tokens, err);
}

int rn_check_llmc(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    return check_file(path, "llmc", want, err);
}

int rn_check_npy(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    return check_file(path, "npy", want, err);
}

int rn_check_megatron(const char *path, const struct rn_expect *want, struct rn_err *err)
{
    int64_t tokens, size = rn_file_size(path);
    if (rn_token_file_is_index(path)) {
        RN_TRY(rn_token_file_check_index(path, &tokens, err));
        return check_count(path, want, tokens, err);
    }
    if (size > 0 && size % 2 == 0)
        return RN_OK;
    return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "%lld bytes are no tokens of Megatron's",
                   (long long)size);
}
