/* What `runs prune` may delete, and what has become precious while a person was thinking. */
#include "prune.h"

#include "file.h"
#include "locks.h"
#include "path.h"
#include "str.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

static char runs[64] = "/tmp/runnel-prune-XXXXXX";
static struct rn_prune prune;

static char *below(const char *path)
{
    static char full[256];
    snprintf(full, sizeof full, "%s/%s", runs, path);
    return full;
}

static void write_file(const char *dir, const char *name)
{
    cr_assert_eq(rn_mkdirs(below(dir), NULL), RN_OK);
    char *path = rn_join(below(dir), name);
    cr_assert_eq(rn_file_write(path, "", 0, NULL), RN_OK);
    free(path);
}

static void setup(void)
{
    cr_assert(mkdtemp(runs));
    write_file("mine-1", "journal.jsonl");
    write_file("mine-1/stages", ".keep");
    write_file(".store/sft-0123456789abcdef", "manifest.json");
    cr_assert_eq(rn_prune_find(&prune, runs, 0, NULL), RN_OK);
    cr_assert_eq(prune.n, 1);
}
static void teardown(void)
{
    rn_prune_release(&prune);
    rn_remove_tree(runs, NULL);
}
TestSuite(prune, .init = setup, .fini = teardown, .timeout = 300);

static bool is_there(void)
{
    return rn_exists(below(".store/sft-0123456789abcdef"));
}

Test(prune, what_no_run_links_to_goes)
{
    bool removed;
    cr_assert_eq(rn_prune_remove(&prune, 0, &removed, NULL), RN_OK);
    cr_expect(removed && !is_there());
}

Test(prune, what_a_run_has_come_to_link_to_stays)
{
    bool removed;
    cr_assert_eq(symlink("../../.store/sft-0123456789abcdef", below("mine-1/stages/sft")), 0);
    cr_assert_eq(rn_prune_remove(&prune, 0, &removed, NULL), RN_OK);
    cr_expect(!removed && is_there());
}

Test(prune, nothing_goes_once_a_run_goes_on)
{
    bool removed;
    struct rn_lock lock;
    cr_assert_eq(rn_lock_take_run(&lock, runs, "mine-1", NULL), RN_OK);
    cr_expect_eq(rn_prune_remove(&prune, 0, &removed, NULL), RN_ELOCKED);
    cr_expect(!removed && is_there());
    rn_lock_release(&lock);
}
