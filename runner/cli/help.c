#include "help.h"

#include <string.h>

#define GROUP(title)
#define COMMAND(name) extern const struct rn_command rn_command_##name;
#include "commands.def"
#undef COMMAND

const struct rn_command *const rn_commands[] = {
#define COMMAND(name) &rn_command_##name,
#include "commands.def"
#undef COMMAND
#undef GROUP
    NULL};

const struct rn_shelf rn_shelves[] = {
#define GROUP(title)  {title, NULL},
#define COMMAND(name) {NULL, &rn_command_##name},
#include "commands.def"
#undef COMMAND
#undef GROUP
    {0}};

const struct rn_opt rn_opts_everywhere[] = {
    {"json", 0, NULL, "one JSON object a line on stdout"},
    {"runs", 0, "DIR", "where runs lie (default: $RUNNEL_RUNS or ./runs)"},
    {"help", 'h', NULL, "this text"},
    {"version", 0, NULL, "version of the program"},
    {0}};

enum { COLUMN = 26 };

const struct rn_command *rn_help_find(const char *name)
{
    for (const struct rn_command *const *c = rn_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static const struct rn_opt *find_in(const struct rn_opt *opts, const char *name, size_t n)
{
    for (; opts && opts->name; opts++)
        if ((strncmp(opts->name, name, n) == 0 && opts->name[n] == '\0') ||
            (n == 1 && opts->letter == *name))
            return opts;
    return NULL;
}

const struct rn_opt *rn_help_option(const struct rn_command *c, const char *name, size_t n)
{
    const struct rn_opt *own = c ? find_in(c->opts, name, n) : NULL;
    return own ? own : find_in(rn_opts_everywhere, name, n);
}

static void print_options(const struct rn_opt *opts, FILE *out)
{
    for (; opts && opts->name; opts++) {
        char left[128], letter[8] = "    ";
        if (opts->letter)
            snprintf(letter, sizeof letter, "-%c, ", opts->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, opts->name, opts->arg ? " " : "",
                 opts->arg ? opts->arg : "");
        fprintf(out, "  %-*s  %s\n", COLUMN, left, opts->doc);
    }
}

void rn_help(FILE *out)
{
    fputs("runnel - language-model training pipelines from one YAML file\n\n"
          "usage: runnel COMMAND [ARGUMENTS] [OPTIONS]\n",
          out);
    for (const struct rn_shelf *s = rn_shelves; s->title || s->command; s++)
        if (s->title)
            fprintf(out, "\n%s:\n", s->title);
        else
            fprintf(out, "  %-*s  %s\n", COLUMN, s->command->name, s->command->doc);
    fputs("\noptions of every command:\n", out);
    print_options(rn_opts_everywhere, out);
    fputs("\n'runnel COMMAND --help' says more.\n", out);
}

static void print_examples(const struct rn_example *e, FILE *out)
{
    if (!e)
        return;
    fputs("\nexamples:\n", out);
    for (; e->line; e++)
        fprintf(out, "  # %s\n  runnel %s\n", e->doc, e->line);
}

void rn_help_command(const struct rn_command *c, FILE *out)
{
    fprintf(out, "runnel %s - %s\n\nusage: runnel %s%s%s [OPTIONS]\n", c->name, c->doc, c->name,
            *c->args ? " " : "", c->args);
    if (c->details)
        fprintf(out, "\n%s\n", c->details);
    if (c->opts) {
        fputs("\noptions:\n", out);
        print_options(c->opts, out);
    }
    fputs("\noptions of every command:\n", out);
    print_options(rn_opts_everywhere, out);
    print_examples(c->examples, out);
}
