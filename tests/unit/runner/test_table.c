/* Tables for people: columns as wide as their texts, nothing that is not needed. */
#include "table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct rn_column columns[] = {{"run", "tag", rn_cell_text},
                                           {"", "note", rn_cell_text},
                                           {"size", "bytes", rn_cell_bytes},
                                           {"key", "key", rn_cell_digest},
                                           {0}};

static void print(bool json, const char *expected)
{
    json_t *rows = json_pack("[{s:s, s:f}, {s:s, s:f, s:s}]", "tag", "a", "bytes", 2048.0, "tag",
                             "gr\xc3\xbc\xc3\x9f\x1b[31m", "bytes", 0.0, "key",
                             "0123456789abcdef0123456789abcdef");
    char got[1024] = "";
    FILE *f = tmpfile();
    cr_assert(f && dup2(fileno(f), STDOUT_FILENO) >= 0);
    rn_table_print(columns, rows, json);
    json_decref(rows);
    fflush(stdout);
    rewind(f);
    cr_expect_gt(fread(got, 1, sizeof got - 1, f), 0);
    cr_expect_str_eq(got, expected);
    fclose(f);
}

/* An empty column is left out, a byte that steers the terminal is replaced, no line ends in blanks,
 * a letter of two bytes is one wide. */
Test(table, is_as_wide_as_its_texts)
{
    print(false, "run        size     key\n"
                 "a          2.0 KiB\n"
                 "gr\xc3\xbc\xc3\x9f?[31m           0123456789ab\n");
}

Test(table, gives_programs_whole_objects_one_a_line)
{
    print(true, "{\"bytes\":2048.0,\"tag\":\"a\"}\n"
                "{\"bytes\":0.0,\"key\":\"0123456789abcdef0123456789abcdef\",\"tag\":"
                "\"gr\xc3\xbc\xc3\x9f\\u001B[31m\"}\n");
}
