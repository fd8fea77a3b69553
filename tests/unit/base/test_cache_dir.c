#include "cache_dir.h"

#include <criterion/criterion.h>
#include <stdlib.h>

Test(cache_dir, is_where_the_first_of_three_variables_says)
{
    static const struct {
        const char *own, *xdg, *home, *dir;
    } rows[] = {{"/own", "/xdg", "/home/a", "/own"},
                {"", "/xdg", "/home/a", "/xdg/runnel"},
                {"", "not/absolute", "/home/a", "/home/a/.cache/runnel"},
                {"", "", "/home/a", "/home/a/.cache/runnel"},
                {"", "", "", "./.cache/runnel"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        setenv("RUNNEL_CACHE", rows[i].own, 1);
        setenv("XDG_CACHE_HOME", rows[i].xdg, 1);
        setenv("HOME", rows[i].home, 1);
        char *dir = rn_cache_dir();
        cr_expect_str_eq(dir, rows[i].dir);
        free(dir);
    }
}
