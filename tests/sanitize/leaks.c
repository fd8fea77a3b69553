/* Leaks are looked for in each test's own process, not in the one that starts them: what Criterion
 * leaks there is no finding. In every unit test program of a build with the address sanitizer. */
#include <stdlib.h>

int __lsan_is_turned_off(void);
const char *__lsan_default_suppressions(void);

int __lsan_is_turned_off(void)
{
    return getenv("BXFI_MAP") == NULL; /* how Criterion's sandbox tells a test what to run */
}

/* What fontconfig once makes for a picture, and never gives back. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig.so\n";
}
