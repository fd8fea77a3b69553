/* tiny_bundle.c - the tests among the files of the tiny world: choices and CORE's layout. */
#include "tiny_parts.h"

#include "json.h"
#include "zip_write.h"

enum { OPTIONS = RN_TINY_OPTIONS, BUNDLE_ROWS = 24 };

static json_t *choice_row(struct rn_tiny_maker *m, int fact, const char *prefix)
{
    struct rn_tiny_ask a = rn_tiny_ask_held_out(fact);
    struct rn_str s = {0};
    json_t *row = json_object(), *choices = json_array();
    int values[OPTIONS], gold = rn_tiny_options(m, a, values);
    rn_str_puts(&s, prefix);
    rn_tiny_question(m, a, &s);
    json_object_set_new(row, "query", rn_tiny_text(&s));
    for (int i = 0; i < OPTIONS; i++) {
        rn_str_clear(&s);
        rn_world_answer_with(a.attribute, values[i], &s);
        json_array_append_new(choices, rn_tiny_text(&s));
    }
    json_object_set_new(row, "choices", choices);
    json_object_set_new(row, "gold", json_integer(gold));
    rn_str_release(&s);
    return row;
}

int rn_tiny_write_choices(const char *name, const char *path, struct rn_err *err)
{
    struct rn_tiny_maker m;
    struct rn_str out = {0};
    rn_tiny_init(&m, name);
    for (int fact = 0; fact < RN_TINY_FACTS; fact++)
        rn_tiny_add_line(&out, choice_row(&m, fact, ""));
    rn_tiny_release(&m);
    return rn_tiny_write(path, &out, err);
}

/* Two people, one of whom has the pet: which name makes the sentence likelier? */
static json_t *schema_row(struct rn_tiny_maker *m)
{
    const int pet = 2;
    int who[2], gold = (int)rn_tiny_below(m, 2);
    do {
        who[0] = rn_tiny_deal(m, &m->people);
        who[1] = rn_tiny_deal(m, &m->people);
    } while (m->world.fact[who[0]][pet] == m->world.fact[who[1]][pet]);
    struct rn_str s = {0};
    json_t *row = json_object(), *contexts = json_array();
    for (int i = 0; i < 2; i++) {
        rn_str_clear(&s);
        rn_str_printf(&s, "They say that the pet of %s is", rn_world_person(who[i]));
        json_array_append_new(contexts, rn_tiny_text(&s));
    }
    rn_str_clear(&s);
    rn_world_answer(&m->world, who[gold], pet, &s);
    s.p[0] = 'a';
    json_object_set_new(row, "context_options", contexts);
    json_object_set_new(row, "continuation", rn_tiny_text(&s));
    json_object_set_new(row, "gold", json_integer(gold));
    rn_str_release(&s);
    return row;
}

static json_t *sum_row(struct rn_tiny_maker *m)
{
    struct rn_tiny_sum sum = rn_tiny_sum(m, true);
    struct rn_str s = {0};
    json_t *row = json_object();
    rn_str_printf(&s, "%d + %d =", sum.a, sum.b);
    json_object_set_new(row, "context", rn_tiny_text(&s));
    rn_str_clear(&s);
    rn_str_printf(&s, "%d", sum.a + sum.b);
    json_object_set_new(row, "continuation", rn_tiny_text(&s));
    rn_str_release(&s);
    return row;
}

static json_t *fact_row(struct rn_tiny_maker *m)
{
    return choice_row(m, (int)rn_tiny_below(m, RN_TINY_FACTS), "Question: ");
}

static const char core_yaml[] = "icl_tasks:\n"
                                "-\n"
                                "  label: tiny_facts\n"
                                "  dataset_uri: world_knowledge/tiny_facts.jsonl\n"
                                "  num_fewshot: [2]\n"
                                "  icl_task_type: multiple_choice\n"
                                "  continuation_delimiter: \"\\nAnswer: \"\n"
                                "-\n"
                                "  label: tiny_pets\n"
                                "  dataset_uri: world_knowledge/tiny_pets.jsonl\n"
                                "  num_fewshot: [0]\n"
                                "  icl_task_type: schema\n"
                                "-\n"
                                "  label: tiny_sums\n"
                                "  dataset_uri: symbolic_problem_solving/tiny_sums.jsonl\n"
                                "  num_fewshot: [2]\n"
                                "  icl_task_type: language_modeling\n";
static const char core_csv[] =
    "Eval Task,Task Category,Task Type,#shots,#datapoints,Random baseline,Centered Metric?,"
    "Description\n"
    "tiny_facts,world knowledge,multiple choice,2,24,25,,\"facts about people, asked anew\"\n"
    "tiny_pets,world knowledge,schema,0,24,50,,whose pet it is\n"
    "tiny_sums,symbolic problem solving,language modeling,2,24,0,,\"sums, never seen before\"\n";

static void add_rows(struct rn_zip_writer *z, struct rn_tiny_maker *m, const char *name,
                     json_t *(*make)(struct rn_tiny_maker *))
{
    struct rn_str rows = {0};
    for (int i = 0; i < BUNDLE_ROWS; i++)
        rn_tiny_add_line(&rows, make(m));
    rn_zip_writer_add(z, name, rows.p, rows.n);
    rn_str_release(&rows);
}

int rn_tiny_write_bundle(const char *name, const char *path, struct rn_err *err)
{
    struct rn_tiny_maker m;
    struct rn_zip_writer z;
    RN_TRY(rn_zip_writer_open(&z, path, err));
    rn_tiny_init(&m, name);
    rn_zip_writer_add(&z, "eval_bundle/core.yaml", core_yaml, sizeof core_yaml - 1);
    rn_zip_writer_add(&z, "eval_bundle/eval_meta_data.csv", core_csv, sizeof core_csv - 1);
    const char *data = "eval_bundle/eval_data/world_knowledge/tiny_facts.jsonl";
    add_rows(&z, &m, data, fact_row);
    add_rows(&z, &m, "eval_bundle/eval_data/world_knowledge/tiny_pets.jsonl", schema_row);
    add_rows(&z, &m, "eval_bundle/eval_data/symbolic_problem_solving/tiny_sums.jsonl", sum_row);
    rn_tiny_release(&m);
    return rn_zip_writer_commit(&z, err);
}
