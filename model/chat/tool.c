#include "tool.h"

#include "calculator.h"

static void answer(struct rn_tool *t)
{
    struct rn_str call = {0}, result = {0};
    int rc = rn_tokenizer_decode(t->tokenizer, t->call.p, t->call.n, &call, NULL);
    t->answer.n = t->said = 0;
    if (rc == RN_OK && rn_calculator(call.p ? call.p : "", call.n, &result)) {
        rn_ids_push(&t->answer, t->special->output_start);
        rn_tokenizer_encode(t->tokenizer, result.p, result.n, &t->answer);
        rn_ids_push(&t->answer, t->special->output_end);
    }
    rn_str_release(&call);
    rn_str_release(&result);
}

void rn_tool_hears(struct rn_tool *t, int32_t id)
{
    if (id == t->special->python_start) {
        t->calling = true;
        t->call.n = 0;
    } else if (id == t->special->python_end && t->calling) {
        t->calling = false;
        answer(t);
    } else if (t->calling) {
        rn_ids_push(&t->call, id);
    }
}

bool rn_tool_says(struct rn_tool *t, int32_t *id)
{
    if (t->said == t->answer.n)
        return false;
    *id = t->answer.p[t->said++];
    return true;
}

void rn_tool_release(struct rn_tool *t)
{
    rn_ids_release(&t->call);
    rn_ids_release(&t->answer);
}
