#include "manual.h"

#include "help.h"
#include "mem.h"
#include "spec.h"

#include <string.h>

static const struct {
    const char *name, *doc;
} environment[] = {
#define VARIABLE(name, doc) {#name, doc},
#include "environment.def"
#undef VARIABLE
};

static const struct {
    int exit;
    const char *word, *action;
} codes[] = {
#define X(code, exit_status, word, action) {exit_status, word, action},
    RN_CODES(X)
#undef X
};

/* The two forms of the pages. Texts are escaped; a heading of level 1 is a command's group. */
struct page {
    FILE *out;
    void (*text)(FILE *, const char *);
    void (*heading)(FILE *, int level, const char *);
    void (*begin_list)(FILE *, const char *term, const char *meaning);
    void (*item)(const struct page *, const char *term, const char *meaning);
    void (*code)(const struct page *, const char *comment, const char *line);
};

/* --- man(7) --- */

static void man_text(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool at_start = p == text || p[-1] == '\n';
        if (at_start && (*p == '.' || *p == '\''))
            fputs("\\&", out);
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else if (*p == '\n' && p[1] == '\n')
            fputs("\n.PP", out);
        else
            fputc(*p, out);
    }
}

static void man_heading(FILE *out, int level, const char *text)
{
    fputs(level == 1 ? ".SH \"" : ".SS \"", out);
    man_text(out, text);
    fputs("\"\n", out);
}

static void man_begin_list(FILE *out, const char *term, const char *meaning)
{
    (void)out, (void)term, (void)meaning;
}

static void man_item(const struct page *p, const char *term, const char *meaning)
{
    fputs(".TP\n\\fB", p->out);
    man_text(p->out, term);
    fputs("\\fR\n", p->out);
    man_text(p->out, meaning);
    fputs("\n", p->out);
}

static void man_code(const struct page *p, const char *comment, const char *line)
{
    fputs(".PP\n", p->out);
    man_text(p->out, comment);
    fputs(":\n.PP\n.RS 4\n.nf\n", p->out);
    man_text(p->out, line);
    fputs("\n.fi\n.RE\n", p->out);
}

/* --- Markdown --- */

static void markdown_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("|<*_", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

static void markdown_heading(FILE *out, int level, const char *text)
{
    fputs(level == 1 ? "\n## " : "\n### ", out);
    markdown_text(out, text);
    fputs("\n\n", out);
}

static void markdown_begin_list(FILE *out, const char *term, const char *meaning)
{
    fprintf(out, "| %s | %s |\n| --- | --- |\n", term, meaning);
}

static void markdown_item(const struct page *p, const char *term, const char *meaning)
{
    fputs("| `", p->out);
    for (; *term; term++) {
        if (*term == '|')
            fputc('\\', p->out);
        fputc(*term, p->out);
    }
    fputs("` | ", p->out);
    markdown_text(p->out, meaning);
    fputs(" |\n", p->out);
}

static void markdown_code(const struct page *p, const char *comment, const char *line)
{
    fprintf(p->out, "\n```sh\n# %s\n%s\n```\n", comment, line);
}

/* --- what both say --- */

static void write_options(const struct page *p, const struct rn_opt *opts)
{
    if (!opts || !opts->name)
        return;
    p->begin_list(p->out, "option", "meaning");
    for (; opts->name; opts++) {
        char term[160], letter[8] = "";
        if (opts->letter)
            snprintf(letter, sizeof letter, "-%c, ", opts->letter);
        snprintf(term, sizeof term, "%s--%s%s%s", letter, opts->name, opts->arg ? " " : "",
                 opts->arg ? opts->arg : "");
        p->item(p, term, opts->doc);
    }
}

static void write_command(const struct page *p, const struct rn_command *c)
{
    char usage[256];
    snprintf(usage, sizeof usage, "runnel %s%s%s", c->name, *c->args ? " " : "", c->args);
    p->heading(p->out, 2, usage);
    p->text(p->out, c->doc);
    p->text(p->out, ".\n");
    if (c->details) {
        p->text(p->out, "\n\n");
        p->text(p->out, c->details);
        p->text(p->out, "\n");
    }
    p->text(p->out, "\n");
    write_options(p, c->opts);
    for (const struct rn_example *e = c->examples; e && e->line; e++) {
        char line[256];
        snprintf(line, sizeof line, "runnel %s", e->line);
        p->code(p, e->doc, line);
    }
}

static void write_codes(const struct page *p)
{
    p->heading(p->out, 1, "exit codes");
    p->begin_list(p->out, "code", "meaning");
    for (size_t i = 0; i < RN_COUNT(codes); i++) {
        char term[8], meaning[128];
        snprintf(term, sizeof term, "%d", codes[i].exit);
        snprintf(meaning, sizeof meaning, "%s: %s", codes[i].word, codes[i].action);
        p->item(p, term, meaning);
    }
}

static void write_values(const struct page *p)
{
    p->heading(p->out, 1, "values");
    p->begin_list(p->out, "name", "what it is");
    for (const struct rn_value *v = rn_values; v->name; v++)
        p->item(p, v->name, v->doc);
}

static void write_environment(const struct page *p)
{
    p->heading(p->out, 1, "environment");
    p->begin_list(p->out, "variable", "meaning");
    for (size_t i = 0; i < RN_COUNT(environment); i++)
        p->item(p, environment[i].name, environment[i].doc);
}

static void write_page(const struct page *p)
{
    for (const struct rn_shelf *s = rn_shelves; s->title || s->command; s++)
        if (s->title)
            p->heading(p->out, 1, s->title);
        else
            write_command(p, s->command);
    p->heading(p->out, 1, "options of every command");
    write_options(p, rn_opts_everywhere);
    write_values(p);
    write_environment(p);
    write_codes(p);
}

void rn_manual_man(FILE *out)
{
    const struct page page = {out, man_text, man_heading, man_begin_list, man_item, man_code};
    fputs(".TH RUNNEL 1 \"\" \"runnel " RUNNEL_VERSION "\" \"User Commands\"\n.SH NAME\n"
          "runnel \\- language\\-model training pipelines from one YAML file\n.SH SYNOPSIS\n"
          "\\fBrunnel\\fR \\fICOMMAND\\fR [\\fIARGUMENTS\\fR] [\\fIOPTIONS\\fR]\n"
          ".SH DESCRIPTION\nA pipeline file names stages. What is up to date is kept, what was "
          "interrupted is continued.\nResults go to standard output, talk to standard error. "
          "Options may stand anywhere; \\fB\\-\\-\\fR ends them.\n",
          out);
    write_page(&page);
}

void rn_manual_markdown(FILE *out)
{
    const struct page page = {out,           markdown_text, markdown_heading, markdown_begin_list,
                              markdown_item, markdown_code};
    fputs("# Commands\n\nWritten from the program's tables by `ninja docs`; do not edit.\n\n"
          "`runnel COMMAND [ARGUMENTS] [OPTIONS]`. Results go to stdout, talk to stderr. Options "
          "may stand anywhere;\n`--` ends them.\n",
          out);
    write_page(&page);
}
