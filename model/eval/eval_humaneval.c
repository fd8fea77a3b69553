/* HumanEval as nanochat asks it: the prompt as a user's message, one greedy answer; its code, the
 * tests and their call run in a sandbox, which is all or nothing. */
#include "eval_written.h"
#include "humaneval.h"
#include "jsonl.h"
#include "mem.h"
#include "parquet_rows.h"
#include "pcg64.h"
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>

enum { WALL_S = 5 };

struct asking {
    struct rn_sandbox *sandbox;
    json_t *rows; /* in the order of the file */
    int64_t *order;
};

static int read_parquet(json_t *rows, const char *path, struct rn_err *err)
{
    struct rn_parquet_rows *file;
    json_t *row;
    RN_TRY(rn_parquet_rows_open(&file, path, NULL, err));
    int rc;
    while ((rc = rn_parquet_rows_next(file, &row, err)) == RN_OK && row)
        json_array_append_new(rows, row);
    rn_parquet_rows_free(file);
    return rc;
}

static int read_jsonl(json_t *rows, const char *path, struct rn_err *err)
{
    struct rn_jsonl *file;
    json_t *row;
    RN_TRY(rn_jsonl_open(&file, path, err));
    int rc;
    while ((rc = rn_jsonl_next(file, &row, err)) == RN_OK && row)
        json_array_append_new(rows, row);
    rn_jsonl_free(file);
    return rc;
}

static int check_rows(const json_t *rows, const char *path, struct rn_err *err)
{
    static const char *const keys[] = {"task_id", "prompt", "test", "entry_point"};
    for (size_t i = 0; i < json_array_size(rows); i++)
        for (size_t k = 0; k < RN_COUNT(keys); k++)
            if (!rn_json_str(json_array_get(rows, i), keys[k], NULL))
                return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "row %zu has no text '%s'", i + 1,
                               keys[k]);
    if (json_array_size(rows) == 0)
        return rn_fail(err, RN_ECORRUPT, RN_PATH(path), "the file has no rows");
    return RN_OK;
}

static const json_t *row_at(const struct asking *a, int64_t i)
{
    return json_array_get(a->rows, (size_t)a->order[i]);
}

static int ask(void *ctx, int64_t i, struct rn_conversation *c, struct rn_err *err)
{
    const char *prompt = rn_json_str(row_at(ctx, i), "prompt", "");
    (void)err;
    rn_conversation_say(c, prompt, strlen(prompt));
    return RN_OK;
}

static int judge(void *ctx, int64_t i, const char *answer, json_t *item, bool *right,
                 struct rn_err *err)
{
    const struct asking *a = ctx;
    const json_t *row = row_at(a, i);
    struct rn_sandbox_result r;
    struct rn_str program = {0};
    rn_humaneval_program(rn_json_str(row, "prompt", ""), answer, rn_json_str(row, "test", ""),
                         rn_json_str(row, "entry_point", ""), &program);
    int rc = rn_sandbox_run(a->sandbox, program.p, program.n, WALL_S, &r, err);
    rn_str_release(&program);
    RN_TRY(rc);
    *right = r.verdict == RN_VERDICT_PASS;
    json_object_set_new(item, "task", json_string(rn_json_str(row, "task_id", "")));
    json_object_set_new(item, "verdict", json_string(rn_verdict_names[r.verdict]));
    return RN_OK;
}

static int read_rows(struct asking *a, const char *path, struct rn_err *err)
{
    RN_TRY(rn_ends_with(path, ".parquet") ? read_parquet(a->rows, path, err)
                                          : read_jsonl(a->rows, path, err));
    RN_TRY(check_rows(a->rows, path, err));
    a->order = rn_numpy_permutation(42, json_array_size(a->rows));
    return RN_OK;
}

static int run(struct rn_eval_run *r, struct rn_err *err)
{
    struct asking a = {.rows = json_array()};
    const char *path;
    int rc;
    RN_CHECK(rc = rn_eval_file(r, RN_EVAL_IN_humaneval, &path, err));
    RN_CHECK(rc = read_rows(&a, path, err));
    RN_CHECK(rc = rn_sandbox_new(&a.sandbox, err));
    struct rn_written w = {.id = "humaneval",
                           .items = (int64_t)json_array_size(a.rows),
                           .ask = ask,
                           .judge = judge,
                           .ctx = &a};
    rc = rn_eval_written(r, &w, err);
done:
    rn_sandbox_free(a.sandbox);
    json_decref(a.rows);
    free(a.order);
    return rc;
}

const struct rn_eval_task rn_eval_task_humaneval = {.protocol = "nanochat",
                                                    .version = 1,
                                                    .inputs = RN_EVAL_IN(humaneval),
                                                    .runs_code = true,
                                                    .run = run};
