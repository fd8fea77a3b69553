#include "model_use.h"

#include "model_ref.h"
#include "tokenizer.h"

#include <stdlib.h>

int rn_model_use_open(struct rn_model_use *m, const struct rn_cli *cli, const char *text,
                      struct rn_err *err)
{
    const char *device = rn_cli_opt(cli, "device");
    struct rn_model_ref ref = {0};
    int64_t threads;
    int rc;
    *m = (struct rn_model_use){0};
    RN_TRY(rn_cli_int(cli, "threads", 0, 0, 1 << 16, &threads, err));
    RN_TRY(rn_model_ref_find(&ref, rn_cli_runs(cli), text, rn_cli_opt(cli, "tokenizer"), err));
    RN_CHECK(rc = rn_tokenizer_open(&m->tokenizer, ref.tokenizer_dir, "nanochat",
                                    rn_special_nanochat, err));
    RN_CHECK(rc = rn_device_open(&m->device, device ? device : "cpu", (int)threads, NULL, err));
    RN_CHECK(rc = rn_model_load(&m->model, ref.model_dir, m->device, false, err));
done:
    rn_model_ref_release(&ref);
    if (rc != RN_OK)
        rn_model_use_close(m);
    return rc;
}

void rn_model_use_close(struct rn_model_use *m)
{
    rn_model_free(m->model);
    rn_tokenizer_free(m->tokenizer);
    rn_device_close(m->device);
    *m = (struct rn_model_use){0};
}

static int real(const struct rn_cli *cli, const char *name, double most, double *out,
                struct rn_err *err)
{
    const char *text = rn_cli_opt(cli, name);
    char *end;
    if (!text)
        return RN_OK;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= 0 && *out <= most))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--%s is '%s', expected a number from 0 to %g",
                       name, text, most);
    return RN_OK;
}

int rn_sampling_options(const struct rn_cli *cli, struct rn_sampling *how, struct rn_err *err)
{
    int64_t seed;
    how->top_p = 1;
    RN_TRY(rn_cli_int(cli, "max-tokens", how->max_tokens, 0, 1 << 20, &how->max_tokens, err));
    RN_TRY(rn_cli_int(cli, "top-k", 50, 0, 1 << 30, &how->top_k, err));
    RN_TRY(rn_cli_int(cli, "seed", 42, 0, INT64_MAX, &seed, err));
    RN_TRY(real(cli, "temperature", 100, &how->temperature, err));
    RN_TRY(real(cli, "top-p", 1, &how->top_p, err));
    how->seed = (uint64_t)seed;
    return RN_OK;
}
