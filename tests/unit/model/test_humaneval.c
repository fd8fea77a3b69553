/* Code out of answers (tests/golden/humaneval_extract.json), programs made of it, and what becomes
 * of right and wrong ones. */
#include "../data/shared.h"
#include "humaneval.h"
#include "json.h"
#include "mem.h"
#include "parquet_rows.h"
#include "sandbox.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(humaneval, code_is_cut_out_as_nanochat_does)
{
    struct rn_err err = {0};
    json_t *doc, *row;
    size_t i;
    const char *path = RUNNEL_SOURCE_DIR "/tests/golden/humaneval_extract.json";
    cr_assert_eq(rn_json_read(path, 1 << 16, &doc, &err), RN_OK, "%s", err.msg);
    cr_assert_eq(json_array_size(doc), 6);
    json_array_foreach(doc, i, row)
    {
        struct rn_str s = {0};
        rn_humaneval_extract(rn_json_str(row, "completion", ""), &s);
        cr_expect_str_eq(s.p, rn_json_str(row, "program", ""), "row %zu", i);
        rn_str_release(&s);
    }
    json_decref(doc);
}

Test(humaneval, fences_that_do_not_fit_are_text)
{
    static const char *const rows[][2] = {{"```\n\n```", ""},
                                          {"``` python\nx\n```", "``` python\nx\n```"},
                                          {"```python", "```python"},
                                          {"```\nopen", "```\nopen"},
                                          {"", ""}};
    for (size_t i = 0; i < RN_COUNT(rows); i++) {
        struct rn_str s = {0};
        rn_humaneval_extract(rows[i][0], &s);
        cr_expect_str_eq(s.p ? s.p : "", rows[i][1], "%s", rows[i][0]);
        rn_str_release(&s);
    }
}

Test(humaneval, a_program_is_imports_answer_tests_and_their_call)
{
    struct rn_str s = {0};
    rn_humaneval_program(
        "# about\nfrom typing import List\n\nimport math\n\ndef f():\n  import os\n",
        "```python\ndef f(): return 1\n```", "def check(c): assert c() == 1", "f", &s);
    cr_expect_str_eq(s.p, "from typing import List\nimport math\n\n\ndef f(): return 1\n\n"
                          "def check(c): assert c() == 1\ncheck(f)");
    rn_str_release(&s);
}

/* What the data set calls right passes, and half of it does not. */
Test(humaneval, the_own_solutions_pass, .timeout = 300)
{
    const char *path = shared_file("data/tasks/humaneval.parquet");
    struct rn_err err = {0};
    struct rn_parquet_rows *rows;
    struct rn_sandbox *box;
    json_t *row;
    if (!path)
        return;
    if (rn_sandbox_new(&box, &err) != RN_OK) {
        cr_assert_eq(err.code, RN_ECONFIG, "%s", err.msg);
        fprintf(stderr, "SKIP: %s\n", err.msg);
        return;
    }
    cr_assert_eq(rn_parquet_rows_open(&rows, path, NULL, &err), RN_OK, "%s", err.msg);
    for (int i = 0; i < 12 && rn_parquet_rows_next(rows, &row, &err) == RN_OK && row; i++) {
        const char *prompt = rn_json_str(row, "prompt", "");
        for (int wrong = 0; wrong < 2; wrong++) {
            struct rn_str program = {0};
            struct rn_sandbox_result r;
            char *answer = rn_xprintf("%s%s", prompt,
                                      wrong ? "    return None\n"
                                            : rn_json_str(row, "canonical_solution", ""));
            rn_humaneval_program(prompt, answer, rn_json_str(row, "test", ""),
                                 rn_json_str(row, "entry_point", ""), &program);
            cr_assert_eq(rn_sandbox_run(box, program.p, program.n, 60, &r, &err), RN_OK);
            cr_expect_eq(r.verdict, wrong ? RN_VERDICT_FAIL : RN_VERDICT_PASS, "%s: %s",
                         rn_json_str(row, "task_id", ""), r.output);
            rn_str_release(&program);
            free(answer);
        }
        json_decref(row);
    }
    rn_parquet_rows_free(rows);
    rn_sandbox_free(box);
}
