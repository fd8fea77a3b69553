#include "problems.h"

#include <criterion/criterion.h>

Test(problems, sorted_by_place_and_stable)
{
    struct rn_problems p = {0};
    rn_problem_add(&p, RN_LINE("b", 1), "third");
    rn_problem_add(&p, RN_LINE("a", 7), "first");
    rn_problem_add(&p, RN_LINE("a", 7), "second");
    rn_problems_sort(&p);
    cr_assert_str_eq(p.items[0]->msg, "first");
    cr_assert_str_eq(p.items[1]->msg, "second");
    cr_assert_str_eq(p.items[2]->msg, "third");
    rn_problems_release(&p);
}

Test(problems, the_rest_is_counted)
{
    struct rn_problems p = {0};
    for (int i = 0; i < 250; i++)
        rn_hint(rn_problem_add(&p, RN_LINE("a", i + 1), "number %d", i), "hint");
    cr_assert_eq(rn_problems_count(&p), 250);
    cr_assert(p.n <= 101);
    rn_problems_release(&p);
}

Test(problems, a_raised_problem_owns_its_path)
{
    struct rn_problems p = {0};
    struct rn_err err = {0};
    char path[] = "t.yaml";
    rn_problem_add(&p, (struct rn_place){path, 3, 4}, "wrong");
    path[0] = 'X';
    cr_assert_eq(rn_fail_as(&err, p.items[0]), RN_ECONFIG);
    rn_problems_release(&p);
    cr_assert_str_eq(err.path, "t.yaml");
    cr_assert_str_eq(err.msg, "wrong");
}
