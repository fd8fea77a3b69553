/* runnel cache - the verified downloads: where they are, whether they still are what they were,
 * which nobody needs, and for other machines. */
#include "clock.h"
#include "command.h"
#include "json.h"
#include "mem.h"
#include "serve.h"
#include "str.h"
#include "units.h"
#include "upkeep.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct rn_opt opts[] = {
    {"dry-run", 'n', NULL, "gc: say what would go, remove nothing"},
    {"keep", 0, "TIME", "gc: whatever is younger stays (default: 24 h)"},
    {"all", 'a', NULL, "gc, verify: a line for every content, not only for what went"},
    {"address", 0, "ADDRESS:PORT", "serve: where to listen (default: 127.0.0.1:8377)"},
    {0}};

static const char details[] =
    "`path` prints the folder: $RUNNEL_CACHE, $XDG_CACHE_HOME/runnel or ~/.cache/runnel.\n\n"
    "`verify` reads everything again; what is damaged is moved aside, to be fetched again, and the "
    "exit code is 5.\n\n"
    "`gc` removes what no lock file of the working directory or of the command line and no run "
    "below --runs names, once it is older than --keep, and what dead downloads left. What is still "
    "linked to an "
    "output stays: removing it would free nothing.\n\n"
    "`serve` answers GET /sha256/DIGEST for other machines until it is interrupted.";

static const struct rn_example examples[] = {
    {"cache verify", "is everything still what it was?"},
    {"cache gc --dry-run", "what would go, and how much that is"},
    {"cache gc speedrun.lock --keep 1h", "keeps what that lock file names, too"},
    {"cache serve --address 0.0.0.0:8377", "for the other machines of the lab"},
    {0}};

struct telling {
    const struct rn_cli *cli;
    bool all;
};

static void print_json(json_t *doc)
{
    char *line = rn_json_canonical(doc);
    printf("%s\n", line);
    free(line);
    json_decref(doc);
}

static void tell_content(void *ctx, const struct rn_content *c)
{
    const struct telling *t = ctx;
    char size[32];
    bool gone = c->fate == RN_REMOVED || c->fate == RN_DAMAGED;
    if (!gone && !t->all)
        return;
    if (rn_cli_json(t->cli))
        print_json(json_pack("{s:s, s:I, s:s}", "sha256", c->sha256, "size_bytes",
                             (json_int_t)c->size_bytes, "fate", rn_fate_word(c->fate)));
    else
        printf("%-8s %s  %s\n", rn_fate_word(c->fate), c->sha256,
               rn_show_bytes(size, (double)c->size_bytes));
}

static int only_word(const struct rn_cli *cli, struct rn_err *err)
{
    if (rn_cli_n(cli) == 1)
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "cache %s takes no '%.60s'", rn_cli_arg(cli, 0),
                   rn_cli_arg(cli, 1));
}

/* --- path --- */

static int show_path(const struct rn_cli *cli, const struct rn_cache *cache, struct rn_err *err)
{
    RN_TRY(only_word(cli, err));
    if (rn_cli_json(cli))
        print_json(json_pack("{s:s}", "path", cache->dir));
    else
        printf("%s\n", cache->dir);
    return RN_OK;
}

/* --- verify --- */

static int verify(const struct rn_cli *cli, const struct rn_cache *cache, struct rn_err *err)
{
    struct telling t = {cli, rn_cli_opt(cli, "all") != NULL};
    struct rn_upkeep sums;
    char good[32];
    RN_TRY(only_word(cli, err));
    RN_TRY(rn_cache_verify(cache, tell_content, &t, &sums, err));
    rn_show_bytes(good, (double)sums.bytes[RN_GOOD]);
    if (rn_cli_json(cli))
        print_json(json_pack("{s:I, s:I, s:I}", "good", (json_int_t)sums.files[RN_GOOD],
                             "good_bytes", (json_int_t)sums.bytes[RN_GOOD], "damaged",
                             (json_int_t)sums.files[RN_DAMAGED]));
    else
        printf("%zu good (%s), %zu damaged\n", sums.files[RN_GOOD], good, sums.files[RN_DAMAGED]);
    if (sums.files[RN_DAMAGED] == 0)
        return RN_OK;
    rn_hint(err, "they lie in %s/damaged now, and will be fetched again", cache->dir);
    return rn_fail(err, RN_ECORRUPT, RN_PATH(cache->dir), "%zu contents were damaged",
                   sums.files[RN_DAMAGED]);
}

/* --- gc --- */

/* Lock files of the working directory. */
static int read_locks_here(struct rn_digests *named, struct rn_err *err)
{
    DIR *d = opendir(".");
    int rc = RN_OK;
    for (struct dirent *e; d && rc == RN_OK && (e = readdir(d));)
        if (rn_ends_with(e->d_name, ".lock"))
            rc = rn_digests_read(named, e->d_name, err);
    if (d)
        closedir(d);
    return rc;
}

static int read_names(const struct rn_cli *cli, struct rn_digests *named, struct rn_err *err)
{
    RN_TRY(rn_digests_collect(named, rn_cli_runs(cli), err));
    RN_TRY(read_locks_here(named, err));
    for (size_t i = 1; i < rn_cli_n(cli); i++)
        RN_TRY(rn_digests_read(named, rn_cli_arg(cli, i), err));
    return RN_OK;
}

static void tell_gc(const struct rn_cli *cli, const struct rn_upkeep *sums, bool dry_run)
{
    char gone[32], kept[32];
    size_t n_kept = 0;
    int64_t kept_bytes = 0;
    for (enum rn_fate f = RN_KEPT_NAMED; f < RN_REMOVED; f++) {
        n_kept += sums->files[f];
        kept_bytes += sums->bytes[f];
    }
    if (rn_cli_json(cli))
        print_json(json_pack("{s:I, s:I, s:I, s:I, s:I, s:b}", "removed",
                             (json_int_t)sums->files[RN_REMOVED], "removed_bytes",
                             (json_int_t)sums->bytes[RN_REMOVED], "kept", (json_int_t)n_kept,
                             "kept_bytes", (json_int_t)kept_bytes, "partials",
                             (json_int_t)sums->partials, "dry_run", dry_run));
    else
        printf("%s %zu (%s), kept %zu (%s): %zu named, %zu linked, %zu young; %zu files of dead "
               "downloads\n",
               dry_run ? "would remove" : "removed", sums->files[RN_REMOVED],
               rn_show_bytes(gone, (double)sums->bytes[RN_REMOVED]), n_kept,
               rn_show_bytes(kept, (double)kept_bytes), sums->files[RN_KEPT_NAMED],
               sums->files[RN_KEPT_LINKED], sums->files[RN_KEPT_YOUNG], sums->partials);
}

static int gc(const struct rn_cli *cli, const struct rn_cache *cache, struct rn_err *err)
{
    struct telling t = {cli, rn_cli_opt(cli, "all") != NULL};
    struct rn_digests named = {0};
    struct rn_upkeep sums;
    const char *keep = rn_cli_opt(cli, "keep");
    char why[RN_WHY];
    struct rn_gc how = {
        .named = &named, .now_s = rn_time_s(), .dry_run = rn_cli_opt(cli, "dry-run") != NULL};
    if (!rn_units_real(keep ? keep : "24 h", RN_U_TIME, &how.keep_s, why))
        return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "--keep: %s", why);
    int rc = read_names(cli, &named, err);
    if (rc == RN_OK)
        rc = rn_cache_gc(cache, &how, tell_content, &t, &sums, err);
    if (rc == RN_OK)
        tell_gc(cli, &sums, how.dry_run);
    rn_digests_release(&named);
    return rc;
}

/* --- serve --- */

static int serve(const struct rn_cli *cli, const struct rn_cache *cache, struct rn_err *err)
{
    const char *address = rn_cli_opt(cli, "address");
    struct rn_serve *s = NULL;
    sigset_t ends;
    int which;
    RN_TRY(only_word(cli, err));
    sigemptyset(&ends); /* blocked before threads start, so that they are waited for here */
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    RN_TRY(rn_serve_start(&s, cache, address ? address : "127.0.0.1:8377", err));
    if (rn_cli_json(cli))
        print_json(json_pack("{s:s}", "url", rn_serve_url(s)));
    else
        printf("%s/sha256/\n", rn_serve_url(s));
    fflush(stdout);
    sigwait(&ends, &which);
    rn_serve_stop(s);
    return RN_OK;
}

/* --- the command --- */

static const struct {
    const char *word;
    int (*run)(const struct rn_cli *, const struct rn_cache *, struct rn_err *);
} words[] = {{"path", show_path}, {"verify", verify}, {"gc", gc}, {"serve", serve}};

static int run(const struct rn_cli *cli, struct rn_err *err)
{
    const char *word = rn_cli_arg(cli, 0);
    struct rn_cache cache;
    for (size_t i = 0; word && i < RN_COUNT(words); i++) {
        if (strcmp(words[i].word, word) != 0)
            continue;
        rn_cache_init(&cache, NULL);
        int rc = words[i].run(cli, &cache, err);
        rn_cache_release(&cache);
        return rc;
    }
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE, "cache path, verify, gc or serve, not '%.40s'",
                   word ? word : "");
}

const struct rn_command rn_command_cache = {"cache",
                                            "path|verify|gc|serve [LOCK ...]",
                                            "the verified downloads: check, tidy up, share",
                                            opts,
                                            run,
                                            .details = details,
                                            .examples = examples};
