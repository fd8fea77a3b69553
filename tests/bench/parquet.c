/* Decodes a column of a parquet file, row group by row group, and says how long it took.
 *
 *     bench-parquet FILE COLUMN ROUNDS          processor seconds of each round, then bytes of text
 */
#include "parquet_text.h"

#include <stdlib.h>
#include <time.h>

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int read_all(const char *path, const char *column, double *bytes, struct rn_err *err)
{
    struct rn_parquet_text t;
    int rc = RN_OK;
    *bytes = 0;
    RN_TRY(rn_parquet_text_open(&t, path, column, err));
    for (size_t g = 0; g < rn_parquet_groups(t.file) && rc == RN_OK; g++) {
        rc = rn_parquet_text_read(&t, g, err);
        for (size_t i = 0; rc == RN_OK && i < t.values.n; i++)
            *bytes += (double)t.values.strings[i].n;
    }
    rn_parquet_text_close(&t);
    return rc;
}

int main(int argc, char **argv)
{
    struct rn_err err = {0};
    double bytes = 0;
    for (int round = 0; argc == 4 && round < atoi(argv[3]); round++) {
        double start_s = cpu_s();
        if (read_all(argv[1], argv[2], &bytes, &err) != RN_OK) {
            rn_err_print(&err, stderr);
            return 1;
        }
        printf("%.6f\n", cpu_s() - start_s);
    }
    printf("%.0f\n", bytes);
    return argc == 4 ? 0 : 2;
}
