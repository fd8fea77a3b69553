#include "nearest.h"

#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 63, FAR = 4, NEAR = 2, TRIED_MAX = 256 };

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

int rn_edit_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > WORD_MAX || m > WORD_MAX || abs(n - m) >= FAR)
        return FAR;
    int row[WORD_MAX + 1];
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int cost = min3(row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = row[j];
            row[j] = cost;
        }
    }
    return row[m] < FAR ? row[m] : FAR;
}

static void compare(struct rn_nearest *near, const char *word)
{
    int edits = rn_edit_distance(near->to, word);
    if (edits > NEAR || 2 * edits > (int)strlen(word) || (near->word && edits >= near->edits))
        return;
    near->word = word;
    near->edits = edits;
}

void rn_nearest_try(struct rn_nearest *near, const char *word)
{
    if (near->n_tried++ < TRIED_MAX)
        compare(near, word);
}

const char *rn_nearest_of(const char *to, const char *const *words)
{
    struct rn_nearest near = {.to = to};
    for (; *words; words++)
        compare(&near, *words);
    return near.word;
}

bool rn_hint_near(struct rn_err *err, const char *word)
{
    if (word)
        rn_hint(err, "did you mean '%s'?", word);
    return word;
}
