/* formats.h - the formats that a fetched file can be checked for: rows of base/format.h.
 *
 *     parquet   the footer holds together, rows match, the named columns (none named: all that are
 *               not nested) decode, and strings are UTF-8
 *     jsonl     every line is JSON; `record: conversation` asks for a list of {role, content}, or
 *               an object with such a list as `messages`, whose roles alternate from user on, after
 *               at most one system message
 *     text      UTF-8 without NUL, not empty */
#ifndef RN_FORMATS_H
#define RN_FORMATS_H

#include "format.h"

extern const struct rn_format rn_data_formats[]; /* ends with name NULL */

#endif
