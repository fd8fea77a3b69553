/* spec.h - what the texts of the option tables mean: "csv|json", "STAGE", "RUN [STAGE]".
 *
 *     struct rn_slot slots[RN_SLOTS];
 *     size_t n = rn_slots_read("FILE [key=value ...]", slots);    {"FILE"}, {"key=value", optional,
 *     rn_spec_takes("csv|json", "xml")   false                     repeats}
 *     rn_spec_part("csv|json", 1, part)  part is "json"
 *
 * The parser checks with it, help and pages show it, the shells complete by it. */
#ifndef RN_SPEC_H
#define RN_SPEC_H

#include <stdbool.h>
#include <stddef.h>

enum { RN_SLOTS = 8, RN_SPEC_BYTES = 96 };

enum rn_completion {
    RN_COMPLETE_none,
    RN_COMPLETE_files,
    RN_COMPLETE_directories,
    RN_COMPLETE_stages,
    RN_COMPLETE_profiles,
    RN_COMPLETE_runs
};
/* A row of values.def. */
struct rn_value {
    const char *name;
    enum rn_completion completion;
    const char *doc;
};
extern const struct rn_value rn_values[]; /* ends with name NULL */

/* The row of that name, or NULL. */
const struct rn_value *rn_value_find(const char *name);

/* One place of a command's positional arguments. */
struct rn_slot {
    char spec[RN_SPEC_BYTES];
    bool optional, repeats;
};
/* Takes the `args` of a command apart; the number of slots. */
size_t rn_slots_read(const char *args, struct rn_slot slots[RN_SLOTS]);
/* The slot that argument i falls into, NULL if there is none. */
const struct rn_slot *rn_slot_of(const struct rn_slot *slots, size_t n, size_t i);

/* The i-th of the alternatives between bars; false past the end. */
bool rn_spec_part(const char *spec, size_t i, char part[RN_SPEC_BYTES]);
/* A word that stands for itself: "csv", not "STAGE" and not "key=value". */
bool rn_spec_is_word(const char *part);
/* Whether text may stand there: always, unless the alternatives are all words. */
bool rn_spec_takes(const char *spec, const char *text);

#endif
