/* A run as Markdown: nanochat's sections, a model card that publishes, and hostile text as text. */
#include "../scratch.h"
#include "cards.h"
#include "file.h"
#include "journal.h"
#include "markdown.h"
#include "mem.h"
#include "path.h"
#include "yaml_tree.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct rn_str s;

static void down(void)
{
    scratch_down();
    rn_str_release(&s);
}

TestSuite(cards, .init = scratch_up, .fini = down, .timeout = 300);

static const char *text_of(const char *text)
{
    rn_str_clear(&s);
    rn_md_text(&s, text);
    return s.p;
}

Test(cards, marks_of_markdown_are_shown_as_they_are)
{
    cr_assert_str_eq(text_of("val_bpb urls[0] (a) 1.5"), "val_bpb urls[0] (a) 1.5");
    cr_assert_str_eq(text_of("<img src=x>&amp;"), "&#60;img src=x&#62;&#38;amp;");
    cr_assert_str_eq(text_of("[a](http://b) ![c][d]"), "[a&#93;(http://b) ![c&#93;[d]");
    cr_assert_str_eq(text_of("_a_ **b** `c` ~~d~~"),
                     "&#95;a&#95; &#42;&#42;b&#42;&#42; &#96;c&#96; &#126;&#126;d&#126;&#126;");
    cr_assert_str_eq(text_of("a|b\n# c @me $x$"), "a&#124;b &#35; c &#64;me &#36;x&#36;");
    cr_assert_str_eq(text_of("\x1b[31m\xff\xE2\x80\xAEz"),
                     "\xEF\xBF\xBD[31m\xEF\xBF\xBD\xEF\xBF\xBDz");
}

Test(cards, a_fence_is_longer_than_any_row_of_marks_inside)
{
    rn_str_clear(&s);
    rn_md_fenced(&s, "a\n````\n<script>");
    cr_assert_str_eq(s.p, "`````text\na\n````\n<script>\n`````\n\n");
}

Test(cards, numbers_are_nanochats)
{
    static const struct {
        double value;
        const char *shown;
    } cases[] = {{0.23591, "0.2359"},
                 {12345, "12,345"},
                 {1234567, "1,234,567"},
                 {-10000, "-10,000"},
                 {9999, "9999"},
                 {6e-4, "0.0006"},
                 {0, "0"},
                 {1e300, "1e+300"},
                 {17184.6, "17184.6000"}};
    for (size_t i = 0; i < RN_COUNT(cases); i++) {
        rn_str_clear(&s);
        rn_md_number(&s, cases[i].value);
        cr_assert_str_eq(s.p, cases[i].shown);
    }
}

Test(cards, front_matter_cannot_be_left_from_inside)
{
    rn_str_clear(&s);
    rn_md_quoted(&s, "a\"\n---\n\\ \x07");
    cr_assert_str_eq(s.p, "\"a\\\"\\n---\\n\\\\ \xEF\xBF\xBD\"");
}

/* --- a run --- */

static void add_stage(struct rn_journal *j, const char *name, const char *kind)
{
    rn_journal_add(j, json_pack("{s:s, s:s, s:s}", "event", "started", "stage", name, "kind", kind),
                   NULL);
    rn_journal_add(j,
                   json_pack("{s:s, s:s, s:s, s:f, s:{s:s}}", "event", "done", "stage", name,
                             "kind", kind, "wall_s", 3600.0, "outputs", "model", "0123"),
                   NULL);
}

static void give_results(const char *stage, const char *metrics)
{
    char *entry = rn_xprintf("store/%s/manifest.json", stage),
         *target = rn_xprintf("%s/store/%s", dir, stage), *link = rn_xprintf("%s/stages", dir);
    char *text = rn_xprintf("{\"metrics\": %s}", metrics);
    scratch_text(entry, text);
    cr_assert_eq(rn_mkdirs(link, NULL), RN_OK);
    free(link);
    link = rn_xprintf("%s/stages/%s", dir, stage);
    cr_assert_eq(symlink(target, link), 0);
    free(text);
    free(link);
    free(target);
    free(entry);
}

static struct rn_account a_run(void)
{
    struct rn_journal j;
    struct rn_account a;
    struct rn_err err = {0};
    char *path = rn_join(dir, "journal.jsonl");
    cr_assert_eq(rn_journal_open(&j, path, NULL), RN_OK);
    rn_journal_add(&j,
                   json_pack("{s:s, s:[s,s,s], s:s}", "event", "run", "stages", "base", "sft",
                             "eval", "version", "<b>1</b>"),
                   NULL);
    add_stage(&j, "base", "base-train");
    add_stage(&j, "sft", "sft");
    add_stage(&j, "eval", "eval");
    rn_journal_close(&j);
    free(path);
    give_results("base", "{\"val_bpb\": 0.75, \"loss\": 2.5}");
    give_results("sft", "{\"loss\": 1.5}");
    give_results("eval", "{\"base.core\": 0.2, \"sft.core\": 0.25, \"sft.gsm8k\": 0.05}");
    scratch_text("receipt.json",
                 "{\"stages\": {\"base\": {\"machine\": {\"processor\": \"P\"}}, \"sft\": {}}}");
    scratch_text(
        "resolved.yaml",
        "runnel: 1\nname: x\nstages:\n  data:\n    files:\n      a: {urls: [{url: "
        "\"https://huggingface.co/datasets/karpathy/climb/resolve/main/x.parquet\"}]}\n"
        "  base: {kind: base-train, seed: 42, model: {arch: gpt2}, note: \"<script>alert(1)\"}\n"
        "  sft: {kind: sft}\n  eval: {kind: eval}\n");
    scratch_text("metrics/base.jsonl", "{\"step\":1,\"time\":1,\"loss\":3,\"tok_per_sec\":1000}\n"
                                       "{\"step\":2,\"time\":2,\"sample/0\":\"```\\n<script>\"}\n");
    cr_assert_eq(rn_account_read(&a, dir, &err), RN_OK, "%s", err.msg);
    return a;
}

Test(cards, the_report_card_has_nanochats_sections_and_table)
{
    struct rn_account a = a_run();
    rn_report_card(&s, &a);
    rn_account_release(&a);
    static const char *const in_order[] = {"## Environment\n",
                                           "- processor: P\n",
                                           "## Base model training: base\n",
                                           "- time: 1 h 00 min\n",
                                           "- tok_per_sec, median: 1000\n",
                                           "- seed: 42\n",
                                           "- note: &#60;script&#62;alert(1)\n",
                                           "- val_bpb: 0.7500\n",
                                           "````text\n```\n<script>\n````\n",
                                           "## Base model evaluation: base\n",
                                           "- core: 0.2000\n",
                                           "## Chat SFT: sft\n",
                                           "## Chat evaluation: sft\n",
                                           "- gsm8k: 0.0500\n",
                                           "## Summary\n",
                                           "| Metric | base | sft |\n|---|---:|---:|\n"
                                           "| val_bpb | 0.7500 | - |\n"
                                           "| core | 0.2000 | 0.2500 |\n"
                                           "| gsm8k | - | 0.0500 |\n",
                                           "Total wall clock time: 3h0m\n"};
    const char *at = s.p;
    for (size_t i = 0; i < RN_COUNT(in_order); i++) {
        const char *found = strstr(at, in_order[i]);
        cr_assert(found, "'%s' is not where it belongs in\n%s", in_order[i], s.p);
        at = found + strlen(in_order[i]);
    }
}

Test(cards, the_model_cards_front_matter_is_yaml_with_data_and_scores)
{
    struct rn_account a = a_run();
    rn_model_card(&s, &a);
    rn_account_release(&a);
    char *end = strstr(s.p, "\n---\n\n");
    cr_assert(rn_starts_with(s.p, "---\n") && end);
    struct rn_arena arena = {0};
    struct rn_problems problems = {0};
    struct rn_tree tree = {.arena = &arena, .problems = &problems};
    cr_assert(rn_yaml_parse(&tree, s.p + 4, (size_t)(end - s.p) - 3, "README.md"));
    static const char *const parts[] = {"- \"karpathy/climb\"\n", "- \"gpt2\"\n",
                                        "dataset: {type: \"gsm8k\", name: \"gsm8k\"}\n",
                                        "value: 0.25\n", "| base.model | 0123 |\n"};
    for (size_t i = 0; i < RN_COUNT(parts); i++)
        cr_assert(strstr(s.p, parts[i]), "no '%s' in\n%s", parts[i], s.p);
    cr_assert(!strstr(s.p, "license:"), "a license is claimed");
    rn_problems_release(&problems);
    rn_arena_release(&arena);
}
