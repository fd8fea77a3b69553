/* exec.c - a command from outside, as a stage.
 *
 *     count:
 *       kind: exec
 *       in: {text: "data.shards[0:2]"}
 *       cmd: [python3, ./count.py, "{in.text}", "{out.counts}/words.json"]
 *       outputs: {counts: files}
 *       env: {PYTHONHASHSEED: "0"}
 *       pass: [HTTPS_PROXY]
 *
 * The command is a list, no shell looks at it. {in.NAME} is a folder with the input's files as
 * links, {out.NAME} an empty one for the output; both are absolute. An argument that begins with ./
 * or ../ is a file beside the pipeline: its content belongs to the stage's key. The command starts
 * in the stage's work directory, which survives a kill and is removed when the stage is done; it
 * sees PATH, HOME, what `env` sets and what `pass` lets through. What it prints goes into the
 * stage's log. It shares the stage's process group: whoever ends that ends all of it. What it
 * leaves running when it ends is ended. */
#define _GNU_SOURCE /* execvpe, pipe2 */
#include "file.h"
#include "nearest.h"
#include "path.h"
#include "stage.h"
#include "str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct cfg {
    struct rn_map in;      /* of struct rn_ref */
    struct rn_list cmd;    /* of const char * */
    struct rn_map outputs; /* of const char *: kinds */
    struct rn_map env;     /* of const char * */
    struct rn_list pass;   /* of const char * */
};

static const char *const artifact_kinds[] = {"files", "tokenizer", "tokens",
                                             "model", "scores",    NULL};

static const struct rn_key keys[] = {
    RN_KEY_MAP_OF(struct cfg, in, "in", RN_IDENTITY, "~", RN_T_REF, NULL,
                  "inputs by name: {in.NAME} in `cmd` and `env`"),
    RN_KEY_LIST_OF(struct cfg, cmd, "cmd", RN_IDENTITY, RN_REQUIRED, RN_T_STR,
                   "program and arguments; no shell"),
    RN_KEY_MAP_OF(struct cfg, outputs, "outputs", RN_IDENTITY, RN_REQUIRED, RN_T_STR, NULL,
                  "outputs by name, with their kind (files, ...): {out.NAME}"),
    RN_KEY_MAP_OF(struct cfg, env, "env", RN_IDENTITY, "~", RN_T_STR, NULL,
                  "environment beside PATH and HOME"),
    RN_KEY_LIST_OF(struct cfg, pass, "pass", RN_NEUTRAL, "~", RN_T_STR,
                   "variables that are handed on; their values are not recorded"),
    RN_KEYS_END};

static const char *text_at(const struct rn_list *list, size_t i)
{
    return ((const char *const *)list->items)[i];
}

static const char *value_at(const struct rn_map *map, size_t i)
{
    return ((const char *const *)map->items)[i];
}

static size_t list_outputs(const void *cfg, struct rn_arena *arena, struct rn_output **out)
{
    const struct cfg *c = cfg;
    *out = rn_arena_alloc(arena, (c->outputs.n + 1) * sizeof **out);
    for (size_t i = 0; i < c->outputs.n; i++)
        (*out)[i] = (struct rn_output){c->outputs.names[i], value_at(&c->outputs, i)};
    return c->outputs.n;
}

/* --- {in.NAME} and {out.NAME} --- */

static size_t index_of(const struct rn_map *map, const char *name, size_t n)
{
    size_t i = 0;
    while (i < map->n && (strlen(map->names[i]) != n || strncmp(map->names[i], name, n) != 0))
        i++;
    return i;
}

/* The next placeholder at or behind p: its name and which map it is of; NULL: no more. */
static const char *find_placeholder(const struct cfg *c, const char *p, const struct rn_map **map,
                                    const char **name, size_t *n)
{
    for (p = strchr(p, '{'); p; p = strchr(p + 1, '{')) {
        bool in = rn_starts_with(p, "{in."), out = rn_starts_with(p, "{out.");
        const char *end = strchr(p, '}');
        if (!end || !(in || out))
            continue;
        *map = in ? &c->in : &c->outputs;
        *name = strchr(p, '.') + 1;
        *n = (size_t)(end - *name);
        return p;
    }
    return NULL;
}

/* Folders by name, in the order of the two maps. */
struct places {
    char **in, **out; /* owned */
};

static char *substitute(const struct cfg *c, const struct places *places, const char *text)
{
    struct rn_str s = {0};
    const struct rn_map *map;
    const char *name, *p;
    size_t n;
    while ((p = find_placeholder(c, text, &map, &name, &n))) {
        rn_str_add(&s, text, (size_t)(p - text));
        rn_str_puts(&s, (map == &c->in ? places->in : places->out)[index_of(map, name, n)]);
        text = name + n + 1;
    }
    rn_str_puts(&s, text);
    return s.p;
}

/* --- rules --- */

static int check_text(const struct cfg *c, const char *key, const char *text, struct rn_err *err)
{
    const struct rn_map *map;
    const char *name;
    size_t n;
    for (const char *p = text; (p = find_placeholder(c, p, &map, &name, &n)); p++) {
        if (index_of(map, name, n) < map->n)
            continue;
        const char *where = map == &c->in ? "in" : "outputs", *word = map == &c->in ? "in" : "out";
        char *wrong = rn_xprintf("%.*s", (int)n, name);
        struct rn_nearest near = {.to = wrong};
        for (size_t i = 0; i < map->n; i++)
            rn_nearest_try(&near, map->names[i]);
        int rc =
            rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'%s': '%s' has no '%.40s'", key, where, wrong);
        if (near.word)
            rn_hint(err, "did you mean '{%s.%s}'?", word, near.word);
        free(wrong);
        return rc;
    }
    return RN_OK;
}

static int check_outputs(const struct cfg *c, struct rn_err *err)
{
    if (c->outputs.n == 0)
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE,
                       "'outputs': a stage without outputs is never done");
    for (size_t i = 0; i < c->outputs.n; i++) {
        const char *kind = value_at(&c->outputs, i);
        size_t k = 0;
        while (artifact_kinds[k] && strcmp(artifact_kinds[k], kind) != 0)
            k++;
        if (artifact_kinds[k])
            continue;
        if (!rn_hint_near(err, rn_nearest_of(kind, artifact_kinds)))
            rn_hint(err, "files, tokenizer, tokens, model or scores");
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'outputs.%s': unknown kind '%.40s'",
                       c->outputs.names[i], kind);
    }
    return RN_OK;
}

static bool is_variable(const char *name)
{
    return rn_is_name(name) && !strchr(name, '-') && !(*name >= '0' && *name <= '9');
}

static int check_env(const struct cfg *c, struct rn_err *err)
{
    for (size_t i = 0; i < c->env.n; i++) {
        if (!is_variable(c->env.names[i]))
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'env': '%.40s' is no name of a variable",
                           c->env.names[i]);
        RN_TRY(check_text(c, "env", value_at(&c->env, i), err));
    }
    for (size_t i = 0; i < c->pass.n; i++)
        if (!is_variable(text_at(&c->pass, i)))
            return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'pass': '%.40s' is no name of a variable",
                           text_at(&c->pass, i));
    return RN_OK;
}

static int check(const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    if (c->cmd.n == 0 || !*text_at(&c->cmd, 0))
        return rn_fail(err, RN_ECONFIG, RN_NOWHERE, "'cmd': no program is named");
    RN_TRY(check_outputs(c, err));
    for (size_t i = 0; i < c->cmd.n; i++)
        RN_TRY(check_text(c, "cmd", text_at(&c->cmd, i), err));
    return check_env(c, err);
}

/* --- files beside the pipeline --- */

static bool is_local(const char *arg)
{
    return rn_starts_with(arg, "./") || rn_starts_with(arg, "../");
}

static int fingerprint(const struct rn_job *job, const void *cfg, json_t *into, struct rn_err *err)
{
    const struct cfg *c = cfg;
    for (size_t i = 0; i < c->cmd.n; i++) {
        if (!is_local(text_at(&c->cmd, i)))
            continue;
        char hex[RN_HEX] = "absent", *path = rn_join(job->pipeline_dir, text_at(&c->cmd, i));
        char *key = rn_xprintf("local %s", text_at(&c->cmd, i));
        int rc = rn_exists(path) ? rn_memo_sha256(job->memo, path, hex, NULL, err) : RN_OK;
        json_object_set_new(into, key, json_string(hex));
        free(key);
        free(path);
        RN_TRY(rc);
    }
    return RN_OK;
}

/* --- running --- */

struct running {
    struct rn_job *job;
    const struct cfg *cfg;
    struct places places;
    char **argv, **envp; /* NULL-ended, owned */
};

static char *absolute(const char *path, struct rn_err *err)
{
    char *real = realpath(path, NULL);
    if (!real)
        rn_fail_errno(err, RN_PATH(path), "cannot resolve");
    return real;
}

/* <folder>/<name> -> the file, wherever it lies. */
static int link_file(const char *folder, const struct rn_artifact_file *f, struct rn_err *err)
{
    char *target = absolute(f->path, err), *path = rn_join(folder, f->name);
    char *dir = rn_dirname(path);
    int rc = target ? rn_mkdirs(dir, err) : RN_EIO;
    if (rc == RN_OK && symlink(target, path) != 0)
        rc = rn_fail_errno(err, RN_PATH(path), "cannot link");
    free(dir);
    free(path);
    free(target);
    return rc;
}

/* Exactly the files that the reference names, also where they lie in several folders. */
static int lay_out_input(struct running *r, const char *work, size_t i, struct rn_err *err)
{
    const struct rn_ref *ref = (const struct rn_ref *)r->cfg->in.items + i;
    const struct rn_artifact *a = rn_job_artifact(r->job, ref);
    r->places.in[i] = rn_xprintf("%s/in/%s", work, r->cfg->in.names[i]);
    int rc = rn_mkdirs(r->places.in[i], err);
    for (size_t f = 0; f < a->n_files && rc == RN_OK; f++)
        rc = link_file(r->places.in[i], &a->files[f], err);
    return rc;
}

static int lay_out(struct running *r, const char *work, const char *out, struct rn_err *err)
{
    const struct cfg *c = r->cfg;
    char *in = rn_join(work, "in");
    int rc = rn_remove_tree(in, err);
    r->places.in = rn_xalloc((c->in.n + 1) * sizeof *r->places.in);
    r->places.out = rn_xalloc((c->outputs.n + 1) * sizeof *r->places.out);
    for (size_t i = 0; i < c->in.n && rc == RN_OK; i++)
        rc = lay_out_input(r, work, i, err);
    for (size_t i = 0; i < c->outputs.n && rc == RN_OK; i++) {
        r->places.out[i] = rn_join(out, c->outputs.names[i]);
        rc = rn_mkdirs(r->places.out[i], err);
    }
    free(in);
    return rc;
}

static int make_argv(struct running *r, struct rn_err *err)
{
    const struct cfg *c = r->cfg;
    r->argv = rn_xalloc((c->cmd.n + 1) * sizeof *r->argv);
    for (size_t i = 0; i < c->cmd.n; i++) {
        const char *arg = text_at(&c->cmd, i);
        char *path = is_local(arg) ? rn_join(r->job->pipeline_dir, arg) : NULL;
        r->argv[i] = path ? absolute(path, err) : substitute(c, &r->places, arg);
        free(path);
        if (!r->argv[i])
            return RN_EIO;
    }
    return RN_OK;
}

static void pass_on(char **envp, size_t *n, const char *name)
{
    const char *value = getenv(name);
    if (value)
        envp[(*n)++] = rn_xprintf("%s=%s", name, value);
}

/* The first of two equal names counts: what the pipeline sets comes before what is let through. */
static void make_envp(struct running *r)
{
    const struct cfg *c = r->cfg;
    size_t n = 0;
    r->envp = rn_xalloc((c->env.n + c->pass.n + 3) * sizeof *r->envp);
    for (size_t i = 0; i < c->env.n; i++) {
        char *value = substitute(c, &r->places, value_at(&c->env, i));
        r->envp[n++] = rn_xprintf("%s=%s", c->env.names[i], value);
        free(value);
    }
    for (size_t i = 0; i < c->pass.n; i++)
        pass_on(r->envp, &n, text_at(&c->pass, i));
    pass_on(r->envp, &n, "PATH");
    pass_on(r->envp, &n, "HOME");
}

/* The other end of `told` closes when the program has begun; else it brings why it could not. */
_Noreturn static void become(const struct running *r, const char *work, int told)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    if (chdir(work) == 0)
        execvpe(r->argv[0], r->argv, r->envp);
    int e = errno;
    if (write(told, &e, sizeof e) < 0)
        _exit(126);
    _exit(127);
}

static int spawn(const struct running *r, const char *work, pid_t *pid, struct rn_err *err)
{
    int told[2], why = 0;
    if (pipe2(told, O_CLOEXEC) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot make a pipe");
    *pid = fork();
    if (*pid == 0)
        become(r, work, told[1]);
    close(told[1]);
    ssize_t n = *pid > 0 ? read(told[0], &why, sizeof why) : -1;
    close(told[0]);
    if (*pid < 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot start a process");
    if (n == 0)
        return RN_OK;
    waitpid(*pid, NULL, 0);
    return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "cannot run '%s': %s", r->argv[0], strerror(why));
}

/* How much it has said is all that is known of how far it is. */
static void tell_progress(const struct rn_job *job)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode))
        rn_job_progress(job, (double)st.st_size, 0, "bytes", "in its log");
}

/* Asked to stop, the command is asked too, once, and may end in its own time. */
static int wait_for(const struct rn_job *job, pid_t pid)
{
    enum { LONGEST_MS = 20 };
    int status = -1;
    bool asked = false;
    for (int ms = 1; waitpid(pid, &status, WNOHANG) == 0; ms = ms < LONGEST_MS ? ms + 1 : ms) {
        if (!asked && rn_job_stopping(job)) {
            kill(pid, SIGTERM);
            asked = true;
        }
        tell_progress(job);
        nanosleep(&(struct timespec){.tv_nsec = ms * 1000000L}, NULL);
    }
    return status;
}

/* A child of this process, one that lost its parent too; 0: there is none. */
static pid_t any_child(void)
{
    char text[32];
    size_t n = rn_file_head("/proc/thread-self/children", text, sizeof text - 1);
    text[n] = '\0';
    return (pid_t)strtol(text, NULL, 10);
}

/* What goes on behind the command's back could write into outputs that have their digests. */
static void end_leftovers(const struct rn_job *job)
{
    int n = 0;
    for (pid_t pid; (pid = any_child()) > 0; n++) {
        kill(pid, SIGKILL);
        if (waitpid(pid, NULL, 0) < 0)
            break;
    }
    if (n > 0)
        rn_log(job->log, RN_WARN, "the command left %d process%s behind, ended now", n,
               n == 1 ? "" : "es");
}

static int judge(const struct running *r, int status, struct rn_err *err)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return RN_OK;
    if (rn_job_stopping(r->job))
        return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "the command was stopped");
    if (WIFSIGNALED(status))
        return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "'%s' was ended by signal %d (%s)", r->argv[0],
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    return rn_fail(err, RN_ESTAGE, RN_NOWHERE, "'%s' ended with status %d", r->argv[0],
                   WEXITSTATUS(status));
}

static int run_command(struct running *r, const char *work, struct rn_err *err)
{
    pid_t pid = 0;
    RN_TRY(make_argv(r, err));
    make_envp(r);
    rn_log(r->job->log, RN_INFO, "runs %s (%zu arguments)", r->argv[0], r->cfg->cmd.n - 1);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    RN_TRY(spawn(r, work, &pid, err));
    int status = wait_for(r->job, pid);
    end_leftovers(r->job);
    return judge(r, status, err);
}

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        free(texts[i]);
    free(texts);
}

static int run(struct rn_job *job, const void *cfg, struct rn_err *err)
{
    const struct cfg *c = cfg;
    struct running r = {.job = job, .cfg = c};
    char *work = absolute(job->work_dir, err), *out = absolute(job->out_dir, err);
    int rc = work && out ? lay_out(&r, work, out, err) : RN_EIO;
    if (rc == RN_OK)
        rc = run_command(&r, work, err);
    free_texts(r.places.in, c->in.n);
    free_texts(r.places.out, c->outputs.n);
    free_texts(r.argv, c->cmd.n);
    free_texts(r.envp, c->env.n + c->pass.n + 2);
    free(out);
    free(work);
    return rc;
}

const struct rn_stage rn_stage_exec = {.kind = "exec",
                                       .doc = "a command from outside (needs --allow-exec)",
                                       .version = 1,
                                       .executes = true,
                                       .keys = keys,
                                       .cfg_bytes = sizeof(struct cfg),
                                       .list_outputs = list_outputs,
                                       .check = check,
                                       .fingerprint = fingerprint,
                                       .run = run};
