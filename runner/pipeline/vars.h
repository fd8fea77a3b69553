/* vars.h - ${vars.x}, ${env.X:-default}, ${name}, ${key8}; $$ is a dollar.
 *
 *     struct rn_vars v = {.l = loading};
 *     rn_vars_apply(&v);                         everything but the tag and the profiles
 *     const char *tag = rn_vars_tag(&v, node, key8);
 *
 * A value that is exactly one ${vars.x} becomes a copy of the variable's value, of any type. */
#ifndef RN_VARS_H
#define RN_VARS_H

#include "loading.h"

struct rn_vars {
    struct rn_loading *l;
    struct rn_var *vars; /* beside the entries of `vars:`; the name comes last */
    size_t n_vars;
    const char *key8;      /* set for the tag only */
    size_t expanded_bytes; /* made so far, to stop texts that double at every step */
    int depth;             /* variables being worked out right now */
};
void rn_vars_apply(struct rn_vars *);
/* Substitutes in the tag's node; its text, or NULL after a problem. */
const char *rn_vars_tag(struct rn_vars *, struct rn_node *, const char *key8);

#endif
