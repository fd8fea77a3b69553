/* Sick machines, one a row: files below a root of their own, environment, and the finding. */
#include "doctor.h"
#include "file.h"
#include "mem.h"
#include "path.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { FILES = 4, VARIABLES = 3, FOUND = 8 };
struct sick {
    const char *check;
    struct {
        const char *path, *text;
    } files[FILES];
    const char *environment[VARIABLES]; /* "NAME=value" */
    enum rn_health health;
    const char *text, *fix; /* parts of the worst finding; fix NULL: none */
};

#define OK      RN_HEALTH_OK
#define NOTE    RN_HEALTH_NOTE
#define PROBLEM RN_HEALTH_PROBLEM
#define TWO                                                                                        \
    {                                                                                              \
        "/proc/cpuinfo", "processor\t: 0\nprocessor\t: 1\n"                                        \
    }
#define MEMORY                                                                                     \
    {                                                                                              \
        "/proc/meminfo", "MemTotal:  67108864 kB\nMemAvailable: 33554432 kB\n"                     \
    }

static const struct sick patients[] = {
    {"processor",
     {{"/proc/cpuinfo", "model name\t: Xeon\nflags\t\t: fpu avx2 avx512f amx_tile amx_bf16\n"}},
     {0},
     OK,
     "Xeon: AVX2, AVX-512, AMX, AMX bf16",
     NULL},
    {"processor",
     {{"/proc/cpuinfo", "model name\t: Old\nflags\t\t: fpu sse2 avx2x\n"}},
     {0},
     NOTE,
     "no AVX2",
     NULL},
    {"processor",
     {{"/proc/cpuinfo", "Features\t: fp asimd bf16 sve\n"}},
     {0},
     OK,
     "NEON, bf16, SVE",
     NULL},
    {"processor", {{0}}, {0}, NOTE, "does not say", NULL},
    {"processor", {{"/proc/cpuinfo", ":::\n\n:"}}, {0}, NOTE, "does not say", NULL},
    {"cores", {TWO}, {0}, OK, "2 processors, no smaller quota", NULL},
    {"cores",
     {TWO, {"/proc/self/cgroup", "0::/a/b\n"}, {"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"}},
     {0},
     PROBLEM,
     "a quota of 1.5",
     "OMP_NUM_THREADS=1,"},
    {"cores",
     {TWO, {"/proc/self/cgroup", "0::/a/b\n"}, {"/sys/fs/cgroup/a/cpu.max", "150000 100000\n"}},
     {"OMP_NUM_THREADS=1"},
     OK,
     "OMP_NUM_THREADS=1",
     NULL},
    {"cores",
     {TWO, {"/proc/self/cgroup", "0::/a/b\n"}, {"/sys/fs/cgroup/a/b/cpu.max", "max 100000\n"}},
     {0},
     OK,
     "no smaller quota",
     NULL},
    {"cores",
     {TWO,
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     {0},
     PROBLEM,
     "a quota of 0.5",
     "--threads 1"},
    {"cores",
     {TWO,
      {"/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n"},
      {"/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"}},
     {0},
     OK,
     "no smaller quota",
     NULL},
    {"threads", {{0}}, {"OMP_NUM_THREADS=many"}, PROBLEM, "'many' is no number", "export"},
    {"threads", {{0}}, {"OMP_NUM_THREADS=0"}, PROBLEM, "'0' is no number", "export"},
    {"threads", {{0}}, {"OMP_NUM_THREADS=3"}, OK, "=3", NULL},
    {"ranks", {{0}}, {0}, OK, "one process", NULL},
    {"ranks", {{0}}, {"RANK=1", "WORLD_SIZE=2"}, OK, "rank 1 of 2 by torchrun", NULL},
    {"ranks", {{0}}, {"RANK=2", "WORLD_SIZE=2"}, PROBLEM, "RANK=2 with", "launcher"},
    {"memory", {MEMORY}, {0}, OK, "32.0 GiB usable of 64.0 GiB", NULL},
    {"memory",
     {MEMORY,
      {"/proc/self/cgroup", "0::/pod\n"},
      {"/sys/fs/cgroup/pod/memory.max", "4294967296\n"}},
     {0},
     NOTE,
     "4.0 GiB usable of 64.0 GiB, limit of the control group",
     NULL},
    {"memory",
     {MEMORY, {"/sys/fs/cgroup/memory.max", "134217728\n"}},
     {0},
     PROBLEM,
     "too little",
     "raise the limit"},
    {"memory",
     {MEMORY, {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "134217728\n"}},
     {0},
     PROBLEM,
     "too little",
     "raise the limit"},
    {"memory", {MEMORY, {"/sys/fs/cgroup/memory.max", "max\n"}}, {0}, OK, "usable", NULL},
    {"memory", {{0}}, {0}, NOTE, "does not say", NULL},
    {"runs",
     {{"/proc/self/mountinfo", "1 2 0:1 / / rw - nfs4 host:/x rw\n"}},
     {0},
     NOTE,
     "a network file system",
     NULL},
    {"runs",
     {{"/proc/self/mountinfo",
       "1 2 0:1 / / rw - ext4 /dev/a rw\n2 2 0:1 / /tmp rw shared:1 - lustre m rw\n"}},
     {0},
     NOTE,
     "(lustre)",
     NULL},
    {"runs",
     {{"/proc/self/mountinfo", "1 2 0:1 / / rw - tmpfs a rw\n1 2 0:1 / / rw - fuse.sshfs a rw\n"}},
     {0},
     NOTE,
     "a file system of a program",
     NULL},
    {"proxy", {{0}}, {0}, OK, "none", NULL},
    {"proxy",
     {{0}},
     {"https_proxy=http://me:secret@proxy.lan:3128"},
     OK,
     "https_proxy: proxy.lan:3128",
     NULL},
    {"proxy", {{0}}, {"HTTP_PROXY=http://proxy:1"}, NOTE, "only http_proxy", NULL},
    {"proxy", {{0}}, {"https_proxy=http://a:1", "HTTPS_PROXY=http://b:1"}, NOTE, "differ", NULL},
    {"proxy", {{0}}, {"https_proxy=gopher://me:secret@a:1"}, PROBLEM, "names no proxy", "unset"},
    {"proxy", {{0}}, {"all_proxy=http://"}, PROBLEM, "names no proxy", "all_proxy=http://HOST"},
    {"proxy", {{0}}, {"https_proxy=http://a:1\n"}, PROBLEM, "a line end", "unset"},
    {"certificates", {{0}}, {0}, PROBLEM, "no certificates", "ca-certificates"},
    {"certificates", {{"/etc/ssl/certs/ca-certificates.crt", "x"}}, {0}, OK, "/etc/ssl", NULL},
    {"certificates",
     {{0}},
     {"SSL_CERT_FILE=/nowhere.pem"},
     PROBLEM,
     "cannot be read",
     "unset SSL_CERT_FILE"},
    {"certificates",
     {{0}},
     {"CURL_CA_BUNDLE=/etc/hostname"},
     PROBLEM,
     "holds no certificate",
     "unset CURL_CA_BUNDLE"},
    {"hub", {{0}}, {0}, OK, "no token", NULL},
    {"hub", {{0}}, {"HF_TOKEN=hf_secret"}, OK, "a token is set", NULL},
    {"hub", {{0}}, {"HF_TOKEN=hf_secret x"}, PROBLEM, "blanks", "without blanks"},
    {"gpu", {{0}}, {0}, OK, "", NULL},
    {"libraries", {{0}}, {0}, OK, "jansson", NULL},
    {"plugin", {{0}}, {0}, OK, "librunnel-cpu.so", NULL},
    {"clock", {{0}}, {0}, OK, "plausible", NULL},
    {"open files", {{0}}, {0}, OK, "at most", NULL},
    {"terminal", {{0}}, {"TERM=dumb"}, OK, "", NULL},
};

static struct {
    char text[600], fix[200];
    enum rn_health health;
    size_t n;
} worst;

static void remember(void *ctx, const struct rn_symptom *s)
{
    (void)ctx;
    cr_assert_eq(s->health == RN_HEALTH_PROBLEM, *s->fix != '\0', "one fix a problem: %s", s->text);
    cr_assert_null(strchr(s->fix, '\n'));
    cr_assert_null(strstr(s->text, "secret"), "%s", s->text);
    if (worst.n++ > 0 && s->health <= worst.health)
        return;
    worst.health = s->health;
    snprintf(worst.text, sizeof worst.text, "%s", s->text);
    snprintf(worst.fix, sizeof worst.fix, "%s", s->fix);
}

static const struct rn_check *check_named(const char *name)
{
    for (const struct rn_check *c = rn_checks; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    cr_assert_fail("no check '%s'", name);
    return NULL;
}

static void set_environment(const struct sick *p)
{
    static const char *const all[] = {"OMP_NUM_THREADS", "http_proxy",    "https_proxy",
                                      "HTTP_PROXY",      "HTTPS_PROXY",   "all_proxy",
                                      "ALL_PROXY",       "SSL_CERT_FILE", "CURL_CA_BUNDLE",
                                      "HF_TOKEN",        "RANK",          "WORLD_SIZE"};
    for (size_t i = 0; i < RN_COUNT(all); i++)
        unsetenv(all[i]);
    for (size_t i = 0; i < VARIABLES && p->environment[i]; i++) {
        char *copy = rn_xdup(p->environment[i]), *equals = strchr(copy, '=');
        *equals = '\0';
        setenv(copy, equals + 1, 1);
        free(copy);
    }
}

static void make_root(const char *root, const struct sick *p)
{
    for (size_t i = 0; i < FILES && p->files[i].path; i++) {
        char *path = rn_xprintf("%s%s", root, p->files[i].path), *dir = rn_dirname(path);
        cr_assert_eq(rn_mkdirs(dir, NULL), RN_OK);
        cr_assert_eq(rn_file_write(path, p->files[i].text, strlen(p->files[i].text), NULL), RN_OK);
        free(dir);
        free(path);
    }
}

Test(doctor, finds_what_is_wrong_with_each)
{
    setenv("HOME", "/nowhere", 1);
    for (size_t i = 0; i < RN_COUNT(patients); i++) {
        const struct sick *p = &patients[i];
        char root[] = "/tmp/rn-doctor-XXXXXX";
        cr_assert_not_null(mkdtemp(root));
        make_root(root, p);
        set_environment(p);
        memset(&worst, 0, sizeof worst);
        struct rn_doctor d = {.root = root, .runs = "/tmp", .cache = "/tmp/x/y", .found = remember};
        rn_doctor_look(&d, check_named(p->check));
        cr_expect(worst.n > 0 && worst.health == p->health && strstr(worst.text, p->text),
                  "row %zu (%s): %d %s", i, p->check, worst.health, worst.text);
        cr_expect(!p->fix || strstr(worst.fix, p->fix), "row %zu: %s", i, worst.fix);
        cr_expect_eq(d.n_problems, p->health == PROBLEM, "row %zu", i);
        rn_remove_tree(root, NULL);
    }
}

Test(doctor, each_check_has_a_patient)
{
    for (const struct rn_check *c = rn_checks; c->name; c++) {
        bool tried = strcmp(c->name, "cache") == 0; /* as runs */
        for (size_t i = 0; i < RN_COUNT(patients); i++)
            tried |= strcmp(patients[i].check, c->name) == 0;
        cr_expect(tried, "%s", c->name);
    }
}

static void look(const char *check, struct rn_doctor d)
{
    memset(&worst, 0, sizeof worst);
    d.found = remember;
    rn_doctor_look(&d, check_named(check));
}

/* As in a container that was given the machine but not its cards. */
Test(doctor, a_driver_without_its_library_is_told_with_the_loaders_reason)
{
    static const struct sick p = {.files = {{"/proc/driver/nvidia/version", "NVRM version: 570"}}};
    char root[] = "/tmp/rn-doctor-XXXXXX";
    if (dlopen("libcuda.so.1", RTLD_LAZY))
        cr_skip_test("SKIP: this machine has the driver's library");
    cr_assert_not_null(mkdtemp(root));
    make_root(root, &p);
    look("gpu", (struct rn_doctor){.root = root, .runs = ".", .cache = "."});
    cr_expect(worst.health == PROBLEM && strstr(worst.fix, "--gpus all"), "%s", worst.fix);
    cr_expect(strstr(worst.text, "is missing: libcuda.so.1: "), "%s", worst.text);
    rn_remove_tree(root, NULL);
}

Test(doctor, a_clock_of_1970_and_few_open_files)
{
    struct rn_doctor d = {.root = "", .runs = ".", .cache = ".", .now_s = 3600};
    look("clock", d);
    cr_assert(worst.health == PROBLEM && strstr(worst.fix, "set the clock"));
    struct rlimit few = {64, 64};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    look("open files", d);
    cr_assert(worst.health == PROBLEM && strstr(worst.fix, "ulimit -n"));
}

Test(doctor, folders_need_not_exist_and_are_not_made)
{
    struct rn_doctor d = {.root = "", .runs = "/tmp/rn-doctor-none/a/b", .cache = "."};
    look("runs", d);
    cr_assert_neq(worst.health, PROBLEM, "%s", worst.text);
    cr_assert(!rn_exists("/tmp/rn-doctor-none"));
    d.runs = "/proc/a";
    look("runs", d);
    cr_assert_eq(worst.health, PROBLEM, "%s", worst.text);
}

Test(doctor, a_list_of_mounts_that_makes_no_sense)
{
    const struct sick p = {.files = {{"/proc/self/mountinfo", "no line of this - form\n - \n\n"}}};
    char root[] = "/tmp/rn-doctor-XXXXXX";
    cr_assert_not_null(mkdtemp(root));
    make_root(root, &p);
    look("runs", (struct rn_doctor){.root = root, .runs = root});
    cr_assert_not_null(strstr(worst.text, "unknown file system"), "%s", worst.text);
    rn_remove_tree(root, NULL);
}
