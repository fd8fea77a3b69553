/* tests/unit/model/read_json.h - what a JSONL file holds. */
#ifndef READ_JSON_H
#define READ_JSON_H

#include "file.h"
#include "json.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* A list of its lines; the test ends at one that is no JSON. */
static inline json_t *json_lines(const char *path)
{
    struct rn_err err = {0};
    char *text, *line;
    size_t n;
    json_t *all = json_array();
    cr_assert_eq(rn_file_read(path, 1 << 22, &text, &n, &err), RN_OK, "%s", err.msg);
    for (char *save = text; (line = strsep(&save, "\n")) && *line;) {
        json_t *doc;
        cr_assert_eq(rn_json_parse(line, strlen(line), RN_NOWHERE, &doc, &err), RN_OK);
        json_array_append_new(all, doc);
    }
    free(text);
    return all;
}

#endif
