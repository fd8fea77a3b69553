/* loading.h - one loading of a pipeline file: what the steps behind pipeline.h share.
 *
 *     profile.c     lays the profile over the tree
 *     matrix.c      lays a cell over it
 *     overrides.c   lays the command line over it
 *     vars.c        substitutes
 *     top_keys.c    checks and fills what is of the whole file
 *     stage_table.c what is of a stage
 *     graph.c       resolves references
 *     gates.c       reads gates
 *     compose.c     takes one step after the other
 *
 * Each adds its problems and goes on, so that one pass tells them all. */
#ifndef RN_LOADING_H
#define RN_LOADING_H

#include "pipeline.h"

#define RN_COMMAND_LINE "command line"

/* Keys that every stage has beside those of its kind. */
struct rn_common {
    const char *kind;
    struct rn_map watch_in; /* of struct rn_ref */
    struct rn_list gate;    /* of const char * */
    struct rn_watch watch;
    bool background;
};
extern const struct rn_key rn_common_keys[];
/* Keys of the whole file that are settings of the run, filled into struct rn_pipeline. */
extern const struct rn_key rn_whole_keys[];
/* Keys of the file that are no values of its own; ends with name NULL. */
struct rn_top_key {
    const char *name, *doc;
};
extern const struct rn_top_key rn_top_keys[];
bool rn_is_whole_key(const char *name);

struct rn_draft { /* a stage on its way to an rn_pstage */
    const struct rn_entry *entry;
    struct rn_common common;
    bool bad; /* its own keys have problems: hooks of the kind are not asked */
};

struct rn_loading {
    struct rn_pipeline *p;
    const struct rn_stage *const *kinds;
    struct rn_tree tree;
    struct rn_problems problems;
    struct rn_node *root;
    const char *device;      /* that `auto` is settled for */
    struct rn_draft *drafts; /* beside p->stages, in written order until rn_graph_sort */
    bool lenient_env;        /* an unset ${env.X} is no problem (the file behind a profile) */
};

/* The file has no key that it cannot have; the names of its profiles. */
void rn_loading_check_keys(struct rn_loading *);
/* What rn_whole_keys say. */
void rn_loading_fill_whole(struct rn_loading *);
/* p->stages and the drafts, from the tree: kinds found, keys checked, outputs listed. */
void rn_loading_fill_stages(struct rn_loading *);
/* What needs resolved references: gates, watch rules, and what the kinds say of their own keys. */
void rn_loading_check_stages(struct rn_loading *);

#endif
