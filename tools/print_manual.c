/* tools/print_manual.c - the pages that come from tables: `runnel-docs man|markdown|keys`. For
 * `ninja docs` and for the tests that compare; not installed. */
#include "keypage.h"
#include "manual.h"

#include <string.h>

static const struct {
    const char *name;
    void (*write)(FILE *);
} pages[] = {{"man", rn_manual_man}, {"markdown", rn_manual_markdown}, {"keys", rn_keypage_write}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < sizeof pages / sizeof *pages; i++)
        if (strcmp(pages[i].name, argv[1]) == 0) {
            pages[i].write(stdout);
            return fflush(stdout) != 0 || ferror(stdout);
        }
    fputs("usage: runnel-docs man|markdown|keys\n", stderr);
    return 2;
}
