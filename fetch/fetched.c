#include "fetched.h"

#include <stdlib.h>

void rn_fetched_release(struct rn_fetched *got)
{
    free(got->path);
    got->path = NULL;
}
