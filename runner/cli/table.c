#include "table.h"

#include "clock.h"
#include "mem.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COLUMNS_MAX = 16 };

/* --- cells --- */

static double number(const json_t *row, const char *key)
{
    return rn_json_real(row, key, 0);
}

void rn_cell_text(struct rn_str *s, const json_t *row, const char *key)
{
    rn_str_puts(s, rn_json_str(row, key, ""));
}

void rn_cell_number(struct rn_str *s, const json_t *row, const char *key)
{
    if (json_is_number(json_object_get(row, key)))
        rn_str_printf(s, "%.5g", number(row, key));
}

void rn_cell_exact(struct rn_str *s, const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);
    char *text = json_is_string(v) ? rn_xdup(json_string_value(v))
                 : v               ? rn_json_canonical(v)
                                   : NULL;
    if (text)
        rn_str_puts(s, text);
    free(text);
}

void rn_cell_bytes(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32];
    if (number(row, key) > 0)
        rn_str_puts(s, rn_show_bytes(shown, number(row, key)));
}

void rn_cell_span(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32];
    if (number(row, key) > 0)
        rn_str_puts(s, rn_show_time(shown, number(row, key)));
}

void rn_cell_moment(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32] = "";
    struct tm tm;
    time_t t = (time_t)number(row, key);
    if (t > 0 && localtime_r(&t, &tm))
        strftime(shown, sizeof shown, "%Y-%m-%d %H:%M:%S", &tm);
    rn_str_puts(s, shown);
}

void rn_cell_age(struct rn_str *s, const json_t *row, const char *key)
{
    char shown[32];
    double age_s = rn_time_s() - number(row, key);
    if (number(row, key) > 0)
        rn_str_printf(s, "%s ago", rn_show_time(shown, age_s > 0 ? age_s : 0));
}

void rn_cell_digest(struct rn_str *s, const json_t *row, const char *key)
{
    rn_str_printf(s, "%.12s", rn_json_str(row, key, ""));
}

/* --- the table --- */

static char *cell_of(const struct rn_column *c, const json_t *row)
{
    struct rn_str s = {0};
    rn_str_puts(&s, "");
    c->cell(&s, row, c->key);
    rn_ui_clean(s.p);
    return s.p;
}

/* Characters, as a terminal counts them: bytes that do not continue one. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

/* All of them, row by row; the caller frees each and the array. */
static char **make_cells(const struct rn_column *columns, size_t n_columns, const json_t *rows)
{
    size_t n_rows = json_array_size(rows);
    char **cells = rn_xalloc((n_rows * n_columns + 1) * sizeof *cells);
    for (size_t r = 0; r < n_rows; r++)
        for (size_t c = 0; c < n_columns; c++)
            cells[r * n_columns + c] = cell_of(&columns[c], json_array_get(rows, r));
    return cells;
}

static void measure(const struct rn_column *columns, size_t n_columns, char *const *cells,
                    size_t n_cells, int *widths)
{
    for (size_t i = 0; i < n_cells; i++) {
        int *widest = &widths[i % n_columns], width = width_of(cells[i]);
        int heading = width_of(columns[i % n_columns].heading);
        width = width && width < heading ? heading : width;
        *widest = width > *widest ? width : *widest;
    }
}

/* No blanks at the end of a line: they are kept back until something follows. */
static void put_cell(const char *text, int width, int *blanks)
{
    if (*text) {
        printf("%*s%s", *blanks, "", text);
        *blanks = 0;
    }
    *blanks += width - width_of(text) + 2;
}

static void print_headings(const struct rn_column *columns, const int *widths)
{
    int blanks = 0, headed = 0;
    for (size_t c = 0; columns[c].heading; c++)
        headed += widths[c] && *columns[c].heading;
    if (!headed)
        return;
    for (size_t c = 0; columns[c].heading; c++)
        if (widths[c])
            put_cell(columns[c].heading, widths[c], &blanks);
    putchar('\n');
}

static void print_row(const int *widths, char *const *cells, size_t n_columns)
{
    int blanks = 0;
    for (size_t c = 0; c < n_columns; c++)
        if (widths[c])
            put_cell(cells[c], widths[c], &blanks);
    putchar('\n');
}

void rn_table_object(const json_t *object)
{
    char *line = rn_json_canonical(object);
    printf("%s\n", line);
    free(line);
}

void rn_table_print(const struct rn_column *columns, const json_t *rows, bool json)
{
    int widths[COLUMNS_MAX] = {0};
    if (json) {
        for (size_t r = 0; r < json_array_size(rows); r++)
            rn_table_object(json_array_get(rows, r));
        return;
    }
    size_t n_rows = json_array_size(rows), n_columns = 0;
    while (columns[n_columns].heading)
        n_columns++;
    RN_ASSERT(n_columns <= COLUMNS_MAX);
    char **cells = make_cells(columns, n_columns, rows);
    measure(columns, n_columns, cells, n_rows * n_columns, widths);
    if (n_rows)
        print_headings(columns, widths);
    for (size_t r = 0; r < n_rows; r++)
        print_row(widths, cells + r * n_columns, n_columns);
    for (size_t i = 0; i < n_rows * n_columns; i++)
        free(cells[i]);
    free(cells);
}
