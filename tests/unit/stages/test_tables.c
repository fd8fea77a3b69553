/* Every row of every kind's key table, by the harness of rows.h. */
#include "../rows.h"
#include "stage.h"

Test(tables, every_row_of_every_kind)
{
    for (const struct rn_stage *const *s = rn_stages; *s; s++)
        rows_check((*s)->keys, (*s)->cfg_bytes, (*s)->kind);
}

Test(tables, every_kind_is_documented_and_makes_something)
{
    for (const struct rn_stage *const *s = rn_stages; *s; s++) {
        cr_assert((*s)->doc && *(*s)->doc, "%s", (*s)->kind);
        cr_assert((*s)->outputs || (*s)->list_outputs, "%s has no outputs", (*s)->kind);
        cr_assert((*s)->version > 0, "%s: the version counts from 1", (*s)->kind);
    }
}
