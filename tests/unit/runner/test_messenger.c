/* Alerts on their way to a webhook: posted once, and never in anybody's way. */
#include "clock.h"
#include "messenger.h"
#include "signals.h"
#include "str.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A server on loopback that takes requests with a body, one after the other. */
static struct hook {
    int fd;
    char url[64];
    pthread_t thread;
    const char *answer; /* status line's rest; NULL: never any */
    pthread_mutex_t lock;
    struct rn_str got; /* whole requests */
    int n;
} hook;

static bool whole(const char *text)
{
    const char *body = strstr(text, "\r\n\r\n"), *length = strstr(text, "Content-Length: ");
    return body && length && strlen(body + 4) >= strtoul(length + 16, NULL, 10);
}

static void take_request(int fd)
{
    char text[8192] = "";
    size_t n = 0;
    ssize_t got;
    while (!whole(text) && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
        text[n += (size_t)got] = '\0';
    pthread_mutex_lock(&hook.lock);
    rn_str_puts(&hook.got, text);
    hook.n++;
    pthread_mutex_unlock(&hook.lock);
    if (!hook.answer)
        return; /* and keeps it open */
    dprintf(fd, "HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", hook.answer);
    close(fd);
}

static void *serve(void *ctx)
{
    (void)ctx;
    for (int fd; (fd = accept(hook.fd, NULL, NULL)) >= 0;)
        take_request(fd);
    return NULL;
}

/* The text of all requests until now. */
static const char *received(void)
{
    pthread_mutex_lock(&hook.lock);
    const char *text = hook.got.p;
    pthread_mutex_unlock(&hook.lock);
    return text;
}

static int requests(void)
{
    pthread_mutex_lock(&hook.lock);
    int n = hook.n;
    pthread_mutex_unlock(&hook.lock);
    return n;
}

static struct rn_messenger m;
static struct rn_str told;
static struct rn_err err;

static void tell(void *ctx, const char *text)
{
    (void)ctx;
    rn_str_printf(&told, "%s\n", text);
}

/* The thread starts after the messenger's process: fork wants one. */
static void start(const char *answer)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    hook.answer = answer;
    hook.fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(hook.fd, (struct sockaddr *)&at, n), 0);
    cr_assert_eq(listen(hook.fd, 16), 0);
    getsockname(hook.fd, (struct sockaddr *)&at, &n);
    snprintf(hook.url, sizeof hook.url, "http://127.0.0.1:%d/secret", ntohs(at.sin_port));
    pthread_mutex_init(&hook.lock, NULL);
    rn_signals_install();
    rn_str_puts(&told, "");
    rn_str_puts(&hook.got, "");
    m = (struct rn_messenger){.tell = tell};
    cr_assert_eq(rn_messenger_start(&m, hook.url, &err), RN_OK, "%s", err.msg);
    pthread_create(&hook.thread, NULL, serve, NULL);
}

static void post(const char *text)
{
    json_t *object = json_pack("{s:s}", "text", text);
    rn_messenger_post(&m, object);
    json_decref(object);
}

TestSuite(messenger, .timeout = 300);
enum { PATIENT = 200, NOT_AT_ALL = 0 };

Test(messenger, posts_json_and_says_nothing)
{
    start("200 OK");
    post("a \"loss\"\nthat is no number");
    rn_messenger_stop(&m, PATIENT);
    cr_expect(rn_starts_with(received(), "POST /secret HTTP/1.1\r\n"), "%s", received());
    cr_expect(strstr(received(), "\r\nContent-Type: application/json\r\n"));
    cr_expect(rn_ends_with(received(), "\r\n\r\n{\"text\":\"a \\\"loss\\\"\\nthat is no number\"}"),
              "%s", received());
    cr_expect_str_eq(told.p, "");
}

Test(messenger, everything_that_was_queued_is_posted_before_it_ends)
{
    start("204 No Content");
    for (int i = 0; i < 20; i++)
        post("x");
    rn_messenger_stop(&m, PATIENT);
    cr_expect_eq(requests(), 20);
}

Test(messenger, a_server_that_fails_is_asked_three_times_and_its_host_told)
{
    start("500 Oh");
    post("x");
    rn_messenger_stop(&m, PATIENT);
    cr_expect_eq(requests(), 3);
    cr_expect(strstr(told.p, "could not be posted to 127.0.0.1:"), "%s", told.p);
    cr_expect(strstr(told.p, ": status 500\n"), "%s", told.p);
    cr_expect(!strstr(told.p, "secret"), "%s", told.p);
}

Test(messenger, a_server_that_refuses_is_asked_once)
{
    start("403 No");
    post("x");
    rn_messenger_stop(&m, PATIENT);
    cr_expect_eq(requests(), 1);
    cr_expect(strstr(told.p, ": status 403\n"), "%s", told.p);
}

Test(messenger, redirects_are_not_followed)
{
    start("302 There\r\nLocation: /elsewhere");
    post("x");
    rn_messenger_stop(&m, PATIENT);
    cr_expect_eq(requests(), 1);
    cr_expect(strstr(told.p, ": status 302\n"), "%s", told.p);
}

Test(messenger, a_server_that_hangs_holds_nobody_up)
{
    enum { MANY = 2000 };
    start(NULL);
    double before_s = rn_clock_s();
    char text[200];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < MANY; i++)
        post(text);
    rn_messenger_stop(&m, NOT_AT_ALL);
    cr_expect_lt(rn_clock_s() - before_s, 100, "it waited for each");
    cr_expect_gt(m.dropped, MANY / 2, "the queue has an end");
    cr_expect(strstr(told.p, "did not answer in time"), "%s", told.p);
    cr_expect(strstr(told.p, "alerts were not posted: the webhook is too slow"), "%s", told.p);
}

Test(messenger, what_is_too_long_is_dropped_and_not_cut)
{
    char text[5000];
    start("200 OK");
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    post(text);
    rn_messenger_stop(&m, PATIENT);
    cr_expect_eq(requests(), 0);
    cr_expect_eq(m.dropped, 1);
}

Test(messenger, a_process_that_died_drops)
{
    start("200 OK");
    rn_child_kill(&m.child);
    for (int status; !rn_child_ended(&m.child, &status);)
        usleep(1000);
    post("x");
    cr_expect_eq(m.dropped, 1);
    rn_messenger_stop(&m, PATIENT);
}
