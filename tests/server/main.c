/* test-server --dir DIR [--port N] [--fault PATH=KIND]...
 *
 * Prints its url and serves until killed. */
#include "conn.h"
#include "server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(void)
{
    fputs("usage: test-server --dir DIR [--port N] [--fault PATH=KIND]... (PATH *: every "
          "other)\nkinds:",
          stderr);
    for (const char *const *k = kind_names(); *k; k++)
        fprintf(stderr, " %s", *k);
    fputs("\n", stderr);
    return 2;
}

static int add_fault(struct server *s, char *text)
{
    char *equals = strrchr(text, '=');
    if (!equals)
        return -1;
    *equals = '\0';
    return server_fault(s, text, equals + 1);
}

static const char *option(char **argv, int argc, const char *name)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

int main(int argc, char **argv)
{
    const char *dir = option(argv, argc, "--dir"), *port = option(argv, argc, "--port");
    if (!dir || argc % 2 == 0)
        return usage();
    struct server *s = server_start(dir, port ? atoi(port) : 0);
    if (!s) {
        perror("test-server");
        return 1;
    }
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], "--fault") == 0 && add_fault(s, argv[i + 1]) != 0)
            return usage();
    printf("%s\n", server_url(s));
    fflush(stdout);
    for (;;)
        pause();
}
