#include "path.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(path, a_name_goes_behind_one_slash)
{
    char *plain = rn_join("a", "b"), *ended = rn_join("a/", "b"), *here = rn_join("", "b");
    cr_expect_str_eq(plain, "a/b");
    cr_expect_str_eq(ended, "a/b");
    cr_expect_str_eq(here, "/b");
    free(plain);
    free(ended);
    free(here);
}

Test(path, is_taken_apart_at_its_last_slash)
{
    static const struct {
        const char *path, *dir, *base;
    } rows[] = {{"a/b/c", "a/b", "c"}, {"c", ".", "c"}, {"/c", "/", "c"}, {"a/", "a", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *dir = rn_dirname(rows[i].path);
        cr_expect_str_eq(dir, rows[i].dir, "%s", rows[i].path);
        cr_expect_str_eq(rn_basename(rows[i].path), rows[i].base, "%s", rows[i].path);
        free(dir);
    }
}
