#include "criterion/criterion.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Filled by constructors; suites and tests in one list, in the order of the source files. */
static struct shim_test *first, **last = &first;

enum { SKIPPED = 77 };

/* Of the process that runs a test. */
static int failures;
static bool skipped;
static jmp_buf end;
static pthread_t runner;

void shim_add(struct shim_test *test)
{
    *last = test;
    last = &test->next;
}

void shim_check(bool ok, bool must, const char *file, int line, const char *claim, const char *fmt,
                ...)
{
    if (ok)
        return;
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s:%d: not true: %s:", file, line, claim);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    failures++;
    if (!must)
        return;
    if (!pthread_equal(pthread_self(), runner))
        _exit(EXIT_FAILURE);
    longjmp(end, 1);
}

void shim_skip(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
    skipped = true;
    longjmp(end, 1);
}

static struct shim_options suite_of(const struct shim_test *test)
{
    for (const struct shim_test *s = first; s; s = s->next)
        if (!s->run && strcmp(s->suite, test->suite) == 0)
            return s->with;
    return (struct shim_options){0};
}

static void call(void (*f)(void))
{
    if (f)
        f();
}

static void run_here(const struct shim_test *test, double patience)
{
    const struct shim_options suite = suite_of(test);
    double timeout = test->with.timeout > 0 ? test->with.timeout : suite.timeout;
    runner = pthread_self();
    alarm((unsigned)ceil(timeout * patience));
    if (setjmp(end) == 0) {
        call(suite.init);
        call(test->with.init);
        test->run();
    }
    if (setjmp(end) == 0) {
        call(test->with.fini);
        call(suite.fini);
    }
    exit(failures ? EXIT_FAILURE : skipped ? SKIPPED : EXIT_SUCCESS);
}

/* How it ended: EXIT_SUCCESS, SKIPPED, or else. */
static int run(const struct shim_test *test, double patience)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run_here(test, patience);
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        perror("shim");
        return EXIT_FAILURE;
    }
    if (WIFSIGNALED(status))
        fprintf(stderr, "%s::%s: %s\n", test->suite, test->name, strsignal(WTERMSIG(status)));
    return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static bool chosen(const struct shim_test *test, const char *part)
{
    char name[512];
    snprintf(name, sizeof name, "%s::%s", test->suite, test->name);
    return test->run && strstr(name, part);
}

int main(int argc, char **argv)
{
    int tested = 0, passed = 0, left_out = 0;
    double patience = 1;
    const char *part = "";
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--patience") == 0 && i + 1 < argc)
            patience = atof(argv[++i]);
        else
            part = argv[i];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (const struct shim_test *test = first; test; test = test->next) {
        if (!chosen(test, part))
            continue;
        int how = run(test, patience);
        const char *word = how == EXIT_SUCCESS ? "ok" : how == SKIPPED ? "SKIP" : "FAIL";
        printf("%s %s::%s\n", word, test->suite, test->name);
        tested++;
        passed += how == EXIT_SUCCESS;
        left_out += how == SKIPPED;
    }
    int failed = tested - passed - left_out;
    printf("tested: %d, passing: %d, failing: %d, skipped: %d\n", tested, passed, failed, left_out);
    return failed || !passed ? EXIT_FAILURE : EXIT_SUCCESS;
}
