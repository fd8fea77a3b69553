/* What connects the main processes of ranks: who is let in, what is heard, who is missed. */
#include "../scratch.h"
#include "roll.h"

#include "file.h"
#include "mem.h"
#include "roll_net.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct rn_err e_ = {0}, *e = &e_;                                                          \
        cr_assert((call) == RN_OK, "%s", e_.msg);                                                  \
    } while (0)

static const char *const config =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void set_up(void)
{
    scratch_up();
    setenv("RUNNEL_PEER_S", "300", 1); /* no machine is that slow */
}

static void tear_down(void)
{
    rn_remove_tree(dir, NULL);
}

static struct rn_ranks rank_of(int rank, int world)
{
    struct rn_ranks r = {.seat = {rank, world, rank, world}, .launcher = "test"};
    memset(r.job, 'a', RN_HEX - 1);
    return r;
}

static struct rn_roll *open_rank_0(const struct rn_ranks *ranks)
{
    struct rn_roll *r;
    struct rn_roll_setup setup = {.ranks = ranks, .runs = dir, .config = config};
    MUST(rn_roll_open(&r, &setup, e));
    return r;
}

/* The next word, however long it takes. */
static struct rn_word hear(struct rn_roll *r)
{
    struct rn_word w;
    struct pollfd fds[RN_ROLL_FDS];
    while (!rn_roll_next(r, &w))
        poll(fds, (nfds_t)rn_roll_fds(r, fds), 20);
    return w;
}

/* Another process that joins as rank 1 of 2, does as `act` says, and ends. */
static pid_t start_rank_1(void (*act)(struct rn_roll *))
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct rn_ranks ranks = rank_of(1, 2);
    struct rn_roll_setup setup = {.ranks = &ranks, .runs = dir, .config = config};
    struct rn_roll *r;
    if (rn_roll_join(&r, &setup, NULL) == RN_OK) {
        act(r);
        rn_roll_close(r);
    }
    _exit(0);
}

static void end_of(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* What rank 0 wrote, for those who try to come in another way. */
static int connect_raw(char secret[64])
{
    struct rn_ranks ranks = rank_of(0, 2);
    char *path = rn_xprintf("%s/.ranks-%.16s", dir, ranks.job);
    json_t *doc;
    MUST(rn_json_read(path, 4096, &doc, e));
    int port = (int)rn_json_int(doc, "port", 0);
    snprintf(secret, 64, "%s", rn_json_str(doc, "secret", ""));
    json_decref(doc);
    free(path);
    int fd = rn_net_connect("127.0.0.1", port, 10000);
    cr_assert(fd >= 0);
    return fd;
}

/* True if rank 0 closes the connection without a byte. */
static bool is_shut_out(struct rn_roll *r, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct rn_word w;
    char byte;
    while (poll(&p, 1, 10) == 0)
        rn_roll_next(r, &w);
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    close(fd);
    return n <= 0;
}

TestSuite(roll, .init = set_up, .fini = tear_down);

static void answer_and_go(struct rn_roll *r)
{
    struct rn_word w = hear(r);
    if (w.kind == RN_WORD_ORDER && w.rank == 0 && strcmp(w.text, "train") == 0) {
        rn_roll_tick(r, 41);
        rn_roll_say(r, RN_WORD_ENDED, 7, "well");
    }
}

Test(roll, carries_words_and_notices_who_is_gone)
{
    struct rn_ranks ranks = rank_of(0, 2);
    struct rn_roll *r = open_rank_0(&ranks);
    pid_t other = start_rank_1(answer_and_go);
    MUST(rn_roll_wait(r, e));
    rn_roll_say(r, RN_WORD_ORDER, 0, "train");
    struct rn_word w = hear(r);
    cr_expect(w.kind == RN_WORD_ENDED && w.rank == 1 && w.number == 7 && w.step == 41, "%d",
              w.kind);
    cr_expect_str_eq(w.text, "well");
    w = hear(r);
    struct rn_err err = {0};
    cr_expect(w.kind == RN_WORD_GONE && rn_roll_lost(r, &w, &err) == RN_EPEER);
    cr_expect(strncmp(err.msg, "rank 1 on ", 10) == 0 &&
                  strstr(err.msg, "is gone, last at step 41"),
              "%s", err.msg);
    rn_roll_close(r);
    end_of(other);
}

static void say_nothing(struct rn_roll *r)
{
    (void)r;
    pause();
}

Test(roll, misses_who_is_silent_but_only_while_it_counts)
{
    struct rn_ranks ranks = rank_of(0, 2);
    setenv("RUNNEL_PEER_S", "30", 1); /* to come */
    pid_t other = start_rank_1(say_nothing);
    setenv("RUNNEL_PEER_S", "0.5", 1); /* to be silent */
    struct rn_roll *r = open_rank_0(&ranks);
    for (int tries = 0; rn_roll_wait(r, NULL) != RN_OK; tries++)
        cr_assert(tries < 200);
    struct rn_word w;
    usleep(600 * 1000);
    cr_expect(!rn_roll_next(r, &w), "silence does not count yet");
    rn_roll_watch_silence(r, true);
    w = hear(r);
    cr_expect(w.kind == RN_WORD_SILENT && w.rank == 1);
    cr_expect(strstr(w.text, "has not answered for"), "%s", w.text);
    cr_expect(!rn_roll_next(r, &w), "once is enough");
    rn_roll_close(r);
    end_of(other);
}

Test(roll, names_who_does_not_come)
{
    struct rn_ranks ranks = rank_of(0, 4);
    setenv("RUNNEL_PEER_S", "0.2", 1);
    struct rn_roll *r = open_rank_0(&ranks);
    struct rn_err err = {0};
    cr_expect(rn_roll_wait(r, &err) == RN_EPEER);
    cr_expect(strstr(err.msg, "ranks 1, 2, 3 of 4 did not come within 0.2 s"), "%s", err.msg);
    rn_roll_close(r);
}

Test(roll, shuts_out_who_has_no_secret_and_believes_no_frame)
{
    struct rn_ranks ranks = rank_of(0, 2);
    struct rn_roll *r = open_rank_0(&ranks);
    char secret[64], hello[RN_FRAME_TEXT];
    int fd = connect_raw(secret);
    snprintf(hello, sizeof hello, "%032d %s somewhere", 0, config);
    struct rn_line guess = {.fd = fd};
    struct rn_frame f = rn_frame_of(64, (INT64_C(1) << 32) | 2, hello);
    rn_line_send(&guess, &f);
    cr_expect(is_shut_out(r, fd), "a guessed secret");
    fd = connect_raw(secret);
    cr_assert(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    cr_expect(is_shut_out(r, fd), "not one of ours");
    fd = connect_raw(secret);
    memset(f.text, 'x', sizeof f.text); /* no end */
    cr_assert(send(fd, &f, sizeof f, 0) == (ssize_t)sizeof f);
    cr_expect(is_shut_out(r, fd), "a text without end");
    int idle[20]; /* more than may wait at a time: they come and go */
    for (int i = 0; i < 20; i++)
        idle[i] = connect_raw(secret);
    for (int i = 0; i < 20; i++)
        close(idle[i]);
    pid_t other = start_rank_1(say_nothing);
    MUST(rn_roll_wait(r, e));
    rn_roll_close(r);
    end_of(other);
}

static void expect_refusal(struct rn_roll *r, int64_t number, const char *with, const char *why)
{
    char secret[64], hello[RN_FRAME_TEXT];
    struct rn_word w;
    bool broken = false;
    struct rn_line line = {.fd = connect_raw(secret)};
    snprintf(hello, sizeof hello, "%s %s somewhere", secret, with);
    struct rn_frame f = rn_frame_of(64, number, hello);
    rn_line_send(&line, &f);
    while (!rn_line_read(&line, &broken) && !broken) {
        rn_roll_next(r, &w);
        usleep(1000);
    }
    cr_expect(!broken && strstr(line.in.text, why), "%s", broken ? "shut out" : line.in.text);
    rn_line_close(&line);
}

Test(roll, says_why_it_refuses_one_of_ours)
{
    struct rn_ranks ranks = rank_of(0, 2);
    struct rn_roll *r = open_rank_0(&ranks);
    const int64_t one = INT64_C(1) << 32;
    expect_refusal(r, one | 2, "other", "another configuration");
    expect_refusal(r, one | 3, config, "counts the ranks in another way");
    expect_refusal(r, 2 * one | 2, config, "counts the ranks in another way");
    expect_refusal(r, 0 | 2, config, "counts the ranks in another way");
    expect_refusal(r, (-one) | 2, config, "counts the ranks in another way");
    pid_t other = start_rank_1(say_nothing);
    MUST(rn_roll_wait(r, e));
    expect_refusal(r, one | 2, config, "there is a rank of its number already");
    rn_roll_close(r);
    end_of(other);
}

Test(roll, keeps_its_secret_and_leaves_nothing)
{
    struct rn_ranks ranks = rank_of(0, 1);
    struct stat st;
    struct rn_roll *r = open_rank_0(&ranks);
    char *path = rn_xprintf("%s/.ranks-%.16s", dir, ranks.job);
    cr_assert(stat(path, &st) == 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    MUST(rn_roll_wait(r, e));
    rn_roll_close(r);
    cr_expect(stat(path, &st) != 0, "the file goes with the roll");
    free(path);
}

Test(roll, passes_over_what_a_killed_rank_0_left_behind)
{
    struct rn_ranks ranks = rank_of(0, 2);
    int fd, port;
    MUST(rn_net_listen(true, &fd, &port, e));
    close(fd); /* nobody listens there any more */
    char *path = rn_xprintf("%s/.ranks-%.16s", dir, ranks.job);
    json_t *doc = json_pack("{s:i, s:s, s:[s, s, i]}", "port", port, "secret", "old", "addresses",
                            "not an address", "127.0.0.1", 5);
    MUST(rn_json_write(path, doc, e));
    json_decref(doc);
    free(path);
    pid_t other = start_rank_1(answer_and_go);
    usleep(200 * 1000); /* it has looked by now, or will */
    struct rn_roll *r = open_rank_0(&ranks);
    MUST(rn_roll_wait(r, e));
    rn_roll_close(r);
    end_of(other);
}

Test(roll, refuses_a_patience_that_is_none)
{
    static const char *const bad[] = {"", "x", "-1", "0", "1e9", "5s", "nan"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double every_s;
        setenv("RUNNEL_PEER_S", bad[i], 1);
        cr_expect(rn_roll_tick_every(&every_s, NULL) == RN_EUSAGE, "%s", bad[i]);
    }
}
