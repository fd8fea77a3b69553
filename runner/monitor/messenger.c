#define _GNU_SOURCE /* pipe2 */
#include "messenger.h"

#include "hop.h"
#include "mem.h"
#include "str.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 4096 }; /* PIPE_BUF of Linux: written whole or not at all */

/* --- in its own process --- */

struct errand {
    const char *url;
    int ends[2];
};

static size_t ignore(char *bytes, size_t each, size_t count, void *ctx)
{
    (void)bytes, (void)ctx;
    return each * count;
}

/* What is wrong with an answer, or NULL. */
static const char *fault(CURLcode code, long status, char text[64])
{
    if (code == CURLE_OK && status >= 200 && status < 300)
        return NULL;
    if (code != CURLE_OK)
        return curl_easy_strerror(code);
    snprintf(text, 64, "status %ld", status);
    return text;
}

static bool worth_another(CURLcode code, long status)
{
    return code != CURLE_OK || status >= 500 || status == 408 || status == 429;
}

static void post_line(CURL *c, const struct rn_url *to, const char *line, struct rn_wire *wire)
{
    enum { TRIES = 3 };
    char text[64];
    const char *wrong = NULL;
    long status = 0;
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, line);
    for (int i = 0; i < TRIES; i++) {
        CURLcode code = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        wrong = fault(code, status, text);
        if (!wrong || !worth_another(code, status) || i + 1 == TRIES)
            break;
        nanosleep(&(struct timespec){.tv_sec = i, .tv_nsec = 500000000}, NULL);
    }
    if (!wrong)
        return;
    char *said = rn_xprintf("an alert could not be posted to %s: %s", to->host, wrong);
    rn_wire_log(wire, RN_WARN, said);
    free(said);
}

static CURL *prepare(const char *url, struct curl_slist *headers, struct rn_url *to)
{
    enum { CONNECT_S = 3, ALL_MS = 5000 };
    CURL *c = curl_easy_init();
    RN_ASSERT(c);
    rn_hop_prepare(c, CONNECT_S);
    *to = rn_url_parse(url);
    rn_hop_aim(c, url, to, headers);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)ALL_MS);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, ignore);
    return c;
}

static void run_errands(void *ctx, struct rn_wire *wire)
{
    const struct errand *e = ctx;
    struct rn_stage_end end = {.step = -1};
    struct rn_url to;
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    char *line = NULL;
    size_t cap = 0;
    rn_child_keep_only((const int[]){wire->fd, e->ends[0]}, 2);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *c = prepare(e->url, headers, &to);
    FILE *queue = fdopen(e->ends[0], "r");
    for (ssize_t n; queue && (n = getline(&line, &cap, queue)) > 0;) {
        line[n - 1] = '\0';
        post_line(c, &to, line, wire);
    }
    rn_wire_end(wire, &end);
}

/* --- in the runner --- */

int rn_messenger_start(struct rn_messenger *m, const char *url, struct rn_err *err)
{
    struct errand e = {.url = url};
    m->fd = -1;
    if (pipe2(e.ends, O_CLOEXEC) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot make a pipe");
    int rc = rn_child_start(&m->child, run_errands, &e, STDERR_FILENO, err);
    close(e.ends[0]);
    if (rc != RN_OK) {
        close(e.ends[1]);
        return rc;
    }
    fcntl(e.ends[1], F_SETFL, O_NONBLOCK);
    m->fd = e.ends[1];
    return RN_OK;
}

bool rn_messenger_post(struct rn_messenger *m, const json_t *object)
{
    char *text = rn_json_canonical(object);
    size_t n = strlen(text);
    text[n++] = '\n';
    bool sent = n <= LINE_MAX_BYTES && write(m->fd, text, n) == (ssize_t)n;
    m->dropped += !sent;
    free(text);
    return sent;
}

static void hear(void *ctx, const struct rn_news *news)
{
    const struct rn_messenger *m = ctx;
    if (news->kind == RN_NEWS_LOG)
        m->tell(m->ctx, news->text);
}

void rn_messenger_listen(struct rn_messenger *m)
{
    struct rn_news news;
    while (rn_child_hears(&m->child, &news))
        hear(m, &news);
}

void rn_messenger_stop(struct rn_messenger *m, double patience_s)
{
    char text[96];
    close(m->fd);
    m->fd = -1;
    if (!rn_child_hear_out(&m->child, patience_s, hear, m))
        m->tell(m->ctx, "the webhook did not answer in time: alerts may be missing there");
    snprintf(text, sizeof text, "%lld alerts were not posted: the webhook is too slow for them",
             (long long)m->dropped);
    if (m->dropped)
        m->tell(m->ctx, text);
    rn_child_leave(&m->child);
}
