/* main.c - parses, runs, prints the error, exits. Nothing else exits. */
#include "cli.h"
#include "mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Threads that wait by spinning take the processor from the one they wait for as soon as anything
 * else runs on the machine: measured, a step took 30 times as long beside a compiler. OpenMP reads
 * this when it is loaded, with a backend and never before. */
static void wait_without_spinning(void)
{
    setenv("OMP_WAIT_POLICY", "passive", 0);
}

/* A stream that the caller closed would give its number to the next file that is opened, and talk
 * would go into a journal. */
static void hold_standard_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int argc, char **argv)
{
    hold_standard_streams();
    wait_without_spinning();
    rn_mem_init();
    struct rn_err err = {0};
    struct rn_cli *cli = NULL;
    int rc = rn_cli_parse(&cli, argc, argv, &err);
    if (rc == RN_OK)
        rc = rn_cli_run(cli, &err);
    if (rc == RN_OK && (fflush(stdout) != 0 || ferror(stdout)))
        rc = rn_fail_errno(&err, RN_NOWHERE, "cannot write to stdout");
    if (rc != RN_OK && err.code != RN_OK)
        rn_err_print(&err, stderr);
    rn_cli_free(cli);
    return rn_code_exit((enum rn_code)rc);
}
