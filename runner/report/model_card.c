#include "cards.h"
#include "markdown.h"
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* The model that is shown: of the last training stage that is done. */
static const char *last_model(const struct rn_account *a)
{
    const char *found = "";
    json_t *stages = json_object_get(a->receipt, "stages");
    for (size_t i = 0; i < a->state.n_stages; i++)
        if (json_object_get(stages, a->state.stages[i].name))
            found = a->state.stages[i].name;
    return found;
}

/* The architecture stands where a training began from nothing. */
static const char *arch_of(const struct rn_account *a)
{
    const char *key, *arch = "";
    json_t *value;
    json_object_foreach(a->facts.config, key, value) if (rn_starts_with(key, "stages.") &&
                                                         rn_ends_with(key, ".model.arch")) arch =
        json_string_value(value);
    return arch;
}

/* --- front matter --- */

/* "https://huggingface.co/datasets/OWNER/NAME/resolve/..." is OWNER/NAME. A new string or NULL. */
static char *dataset_of(const char *url)
{
    static const char hub[] = "https://huggingface.co/datasets/";
    if (!rn_starts_with(url, hub))
        return NULL;
    const char *owner = url + sizeof hub - 1, *name = owner + strcspn(owner, "/?#");
    size_t n = *name == '/' ? strcspn(name + 1, "/?#") : 0;
    return n ? rn_xprintf("%.*s", (int)(name + 1 + n - owner), owner) : NULL;
}

static void put_datasets(struct rn_str *s, const struct rn_account *a)
{
    const char *key;
    json_t *value, *seen = json_object();
    json_object_foreach(a->facts.config, key, value)
    {
        char *dataset = dataset_of(json_string_value(value));
        if (dataset)
            json_object_set_new(seen, dataset, json_true());
        free(dataset);
    }
    if (json_object_size(seen))
        rn_str_puts(s, "datasets:\n");
    json_object_foreach(seen, key, value)
    {
        rn_str_puts(s, "- ");
        rn_md_quoted(s, key);
        rn_str_putc(s, '\n');
    }
    json_decref(seen);
}

static void put_result(void *ctx, const char *task, json_t *value)
{
    struct rn_str *s = ctx;
    if (!json_is_number(value))
        return;
    rn_str_puts(s, "  - task: {type: text-generation}\n    dataset: {type: ");
    rn_md_quoted(s, task);
    rn_str_puts(s, ", name: ");
    rn_md_quoted(s, task);
    rn_str_puts(s, "}\n    metrics:\n    - type: ");
    rn_md_quoted(s, task);
    rn_str_printf(s, "\n      value: %.6g\n", json_number_value(value));
}

static void put_front_matter(struct rn_str *s, const struct rn_account *a, const char *model)
{
    struct rn_str results = {0};
    const char *arch = arch_of(a);
    rn_str_puts(s, "---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n"
                   "- runnel\n");
    if (*arch) {
        rn_str_puts(s, "- ");
        rn_md_quoted(s, arch);
        rn_str_putc(s, '\n');
    }
    put_datasets(s, a);
    rn_card_scores(a, model, put_result, &results);
    if (results.n) {
        rn_str_puts(s, "model-index:\n- name: ");
        rn_md_quoted(s, a->state.tag);
        rn_str_printf(s, "\n  results:\n%s", results.p);
    }
    rn_str_release(&results);
    rn_str_puts(s, "---\n\n");
}

/* --- body --- */

static void put_data(struct rn_str *s, const struct rn_account *a)
{
    const char *key;
    json_t *value;
    rn_str_puts(s, "## Data\n\n| Output | sha256 |\n|---|---|\n");
    json_object_foreach(a->facts.data, key, value)
    {
        rn_str_puts(s, "| ");
        rn_md_text(s, key);
        rn_str_puts(s, " | ");
        rn_md_value(s, value);
        rn_str_puts(s, " |\n");
    }
    rn_str_putc(s, '\n');
}

static void put_recipe(struct rn_str *s, const struct rn_account *a)
{
    const char *key;
    json_t *value;
    rn_str_puts(s, "## Recipe\n\n");
    json_object_foreach(a->facts.config, key,
                        value) if (strstr(key, ".model.") || strstr(key, ".batch.") ||
                                   strstr(key, ".horizon.") || rn_ends_with(key, ".seed") ||
                                   rn_ends_with(key, ".precision")) rn_md_item(s, key, value);
    rn_str_putc(s, '\n');
}

void rn_model_card(struct rn_str *s, const struct rn_account *a)
{
    char took[32];
    const char *model = last_model(a);
    put_front_matter(s, a, model);
    rn_str_puts(s, "# ");
    rn_md_text(s, a->state.tag);
    rn_str_puts(s, "\n\n");
    if (*model) {
        rn_str_puts(s, "The model that stage ");
        rn_md_text(s, model);
        rn_str_puts(s, " made, and those of the stages before it.\n\n");
    }
    rn_str_puts(s, "## Evaluation\n\n");
    rn_card_table(s, a);
    rn_str_putc(s, '\n');
    put_data(s, a);
    put_recipe(s, a);
    rn_str_puts(s, "## Hardware\n\n");
    rn_card_machine(s, a);
    rn_str_printf(s, "All stages together took %s.\n\n", rn_show_time(took, rn_account_took_s(a)));
    rn_str_puts(s, "## Limits\n\nNot said here, because no run can know it: the license, the "
                   "languages, and what the model should not be used for.\n");
}
