#include "keypage.h"

#include "alerts.h"
#include "loading.h"
#include "str.h"

#include <stdlib.h>
#include <string.h>

static const char *const type_words[] = {
    [RN_T_BOOL] = "true, false", [RN_T_INT] = "whole number", [RN_T_REAL] = "number",
    [RN_T_COUNT] = "count",      [RN_T_BYTES] = "size",       [RN_T_TIME] = "duration",
    [RN_T_STEPS] = "steps",      [RN_T_STR] = "text",         [RN_T_WORD] = "word",
    [RN_T_REF] = "reference",    [RN_T_TABLE] = "mapping",    [RN_T_LIST] = "list",
    [RN_T_MAP] = "mapping"};

/* Of those that are not plain YAML. */
static const char *const written[] = {[RN_T_COUNT] = "4096, 10k, 1.5M, 2B, 2e9",
                                      [RN_T_BYTES] = "4096, 10 KiB, 1.5 MiB, 2 GiB",
                                      [RN_T_TIME] = "30 s, 10 min, 2 h",
                                      [RN_T_STEPS] = "250, 250 steps",
                                      [RN_T_REF] = "STAGE, STAGE.OUTPUT"};

/* Text of a table's cell. */
static void put_cell(FILE *f, const char *text)
{
    for (; *text; text++)
        fprintf(f, *text == '|' ? "\\|" : *text == '<' ? "&lt;" : "%c", *text);
}

static void put_value(FILE *f, const struct rn_key *key)
{
    bool listed = key->type == RN_T_LIST || key->type == RN_T_MAP;
    enum rn_key_type type = listed && !key->sub ? key->item : key->type;
    if (listed && !key->sub)
        fprintf(f, "%s of ", type_words[key->type]);
    if (type == RN_T_WORD)
        for (size_t i = 0; key->words[i]; i++)
            fprintf(f, "%s`%s`", i ? ", " : "", key->words[i]);
    else
        fputs(type_words[type], f);
    bool told = strcmp(type_words[type], key->unit ? key->unit : "") == 0;
    if (key->unit && *key->unit && !told)
        fprintf(f, ", %s", key->unit);
}

static void put_default(FILE *f, const struct rn_key *key)
{
    if (key->type == RN_T_TABLE || (key->def && rn_key_absent_allowed(key)))
        return;
    if (!key->def) {
        fputs("required", f);
        return;
    }
    fputs("`", f);
    put_cell(f, key->def);
    fputs("`", f);
}

static void put_rows(FILE *f, const struct rn_key *keys, const char *prefix,
                     enum rn_key_class around);

static void put_row(FILE *f, const struct rn_key *key, const char *prefix, enum rn_key_class around)
{
    static const char *const inside[] = {
        [RN_T_TABLE] = ".", [RN_T_LIST] = "[].", [RN_T_MAP] = ".NAME."};
    bool input = key->type == RN_T_REF || (key->type == RN_T_LIST && key->item == RN_T_REF);
    enum rn_key_class class = around != RN_IDENTITY ? around : key->class;
    if (key->type != RN_T_TABLE) {
        fprintf(f, "| `%s%s` | %s | ", prefix, key->name,
                input ? "input" : rn_key_class_words[class]);
        put_value(f, key);
        fputs(" | ", f);
        put_default(f, key);
        fputs(" | ", f);
        put_cell(f, key->doc ? key->doc : "");
        fputs(" |\n", f);
    }
    if (key->sub) {
        bool gives = key->type != RN_T_TABLE;
        char *below = rn_xprintf("%s%s%s", prefix, key->name, inside[key->type]);
        put_rows(f, key->sub, below, gives ? class : around);
        free(below);
    }
}

static void put_rows(FILE *f, const struct rn_key *keys, const char *prefix,
                     enum rn_key_class around)
{
    for (; keys->name; keys++)
        put_row(f, keys, prefix, around);
}

static void put_rest(FILE *f, const char *doc, const struct rn_key *keys)
{
    fprintf(f, "\n%s\n\n", doc);
    fputs("| key | class | value | default | |\n| --- | --- | --- | --- | --- |\n", f);
    put_rows(f, keys, "", RN_IDENTITY);
}

static void put_table(FILE *f, const char *title, const char *doc, const struct rn_key *keys)
{
    fprintf(f, "\n## %s\n", title);
    put_rest(f, doc, keys);
}

static void put_alerts(FILE *f)
{
    fputs("\n## alerts\n\nwhat `alerts:` tells of, once until it is over and every ten minutes at "
          "most\n\n| alert | level | |\n| --- | --- | --- |\n",
          f);
    for (size_t i = 0; i < RN_ALERTS; i++)
        fprintf(f, "| `%s` | %s | %s |\n", rn_alert_rows[i].name, rn_alert_rows[i].level,
                rn_alert_rows[i].doc);
}

static void put_values(FILE *f)
{
    fputs("\n| value | is written |\n| --- | --- |\n", f);
    for (size_t t = 0; t < RN_COUNT(written); t++)
        if (written[t])
            fprintf(f, "| %s | %s |\n", type_words[t], written[t]);
}

static void put_file(FILE *f)
{
    fputs("\n## the whole file\n\n| key | |\n| --- | --- |\n", f);
    for (const struct rn_top_key *k = rn_top_keys; k->name; k++) {
        fprintf(f, "| `%s` | ", k->name);
        put_cell(f, k->doc);
        fputs(" |\n", f);
    }
    put_rest(f, "and of the run, whatever its stages are:", rn_whole_keys);
}

/* What others may refer to, and what a gate may ask about. */
static void put_results(FILE *f, const struct rn_stage *s)
{
    const char *last = NULL;
    if (s->outputs)
        fputs("\nGives", f);
    for (const struct rn_output *o = s->outputs; o && o->name; o++) {
        fprintf(f, "%s `%s` (%s)", last ? "," : "", o->name, o->kind);
        last = o->name;
    }
    fputs(last ? "; the first where only the stage is named.\n" : "", f);
    if (s->metrics)
        fprintf(f, "\nNumbers, for gates%s:",
                s->metrics_of_inputs ? ", behind the name of a model (`base.bpb`)" : "");
    for (const struct rn_metric *m = s->metrics; m && m->name; m++)
        if (!rn_starts_with(m->name, "op_ms_")) /* one for each op, with --op-times alone */
            fprintf(f, "%s `%s`", m == s->metrics ? "" : ",", m->name);
    fputs(s->metrics ? ".\n" : "", f);
}

void rn_keypage_write(FILE *f)
{
    fputs("# Keys of the stages\n\n"
          "Written from the program's tables by `ninja docs`. A change of a key means, by its "
          "class:\n\n"
          "| class | a change |\n| --- | --- |\n"
          "| identity | makes the stage stale: it runs again from the start |\n"
          "| input | likewise, if what the reference stands for has another digest |\n"
          "| extend | larger: the finished stage goes on from its last checkpoint, where the "
          "schedule allows it (docs/plan.md); otherwise it makes the stage stale |\n"
          "| source | runs the stage again, but is not part of the tag; equal outputs change "
          "nothing after it |\n"
          "| neutral | is recorded and changes nothing |\n",
          f);
    put_values(f);
    put_file(f);
    put_alerts(f);
    put_table(f, "every kind", "beside those of its kind", rn_common_keys);
    for (const struct rn_stage *const *s = rn_stages; *s; s++) {
        put_table(f, (*s)->kind, (*s)->doc, (*s)->keys);
        put_results(f, *s);
    }
}
