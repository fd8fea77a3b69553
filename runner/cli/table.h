/* table.h - rows for people in columns, for programs as they are.
 *
 *     static const struct rn_column columns[] = {
 *         {"run", "tag", rn_cell_text}, {"size", "size_bytes", rn_cell_bytes}, {0}};
 *     json_t *rows = json_array();            objects
 *     rn_table_print(columns, rows, rn_cli_json(cli));
 *
 * With json each row is printed whole, one object a line. Otherwise columns of equal width under
 * their headings; a column without any text is left out, control bytes in texts are replaced. */
#ifndef RN_TABLE_H
#define RN_TABLE_H

#include "json.h"
#include "str.h"

#include <stdbool.h>

struct rn_column {
    const char *heading; /* NULL ends the table */
    const char *key;
    void (*cell)(struct rn_str *, const json_t *row, const char *key); /* adds nothing: empty */
};
void rn_table_print(const struct rn_column *, const json_t *rows, bool json); /* to stdout */
/* One object for programs, and nothing for people. */
void rn_table_object(const json_t *object);

void rn_cell_text(struct rn_str *, const json_t *row, const char *key);
void rn_cell_number(struct rn_str *, const json_t *row, const char *key); /* short */
void rn_cell_exact(struct rn_str *, const json_t *row, const char *key);  /* all digits; any type */
void rn_cell_bytes(struct rn_str *, const json_t *row, const char *key);
void rn_cell_span(struct rn_str *, const json_t *row, const char *key);   /* seconds, not 0 */
void rn_cell_moment(struct rn_str *, const json_t *row, const char *key); /* seconds since 1970 */
void rn_cell_age(struct rn_str *, const json_t *row, const char *key);    /* the same, from now */
void rn_cell_digest(struct rn_str *, const json_t *row, const char *key); /* 12 of its digits */

#endif
