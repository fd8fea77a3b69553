#include "roll.h"

#include "clock.h"
#include "file.h"
#include "mem.h"
#include "roll_net.h"
#include "str.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Beside the kinds of words, which travel as they are. */
enum { HELLO = 64, WELCOME, REFUSED, TICK };
enum { SECRET = 33, HOST = 64, STRANGERS = 16, STRANGER_S = 10, POLL_MS = 50 };

struct peer {
    struct rn_line line;
    char host[HOST];
    int64_t step;
    double heard_s;
    bool here, told_silent, told_gone;
};

struct stranger { /* has connected and not said who it is */
    struct rn_line line;
    double since_s;
};

struct rn_roll {
    struct rn_roll_setup setup;
    int rank, world;
    int listener; /* -1 on others than rank 0 */
    char *path;   /* where rank 0 says where it is; owned */
    char secret[SECRET];
    struct peer *peers; /* by rank; mine is not used. Others than rank 0 know only that */
    struct stranger strangers[STRANGERS];
    double patience_s, every_s, ticked_s;
    int64_t step;
    bool silence_counts;
};

/* --- what both sides have --- */

static int patience(double *patience_s, struct rn_err *err)
{
    const char *text = getenv("RUNNEL_PEER_S");
    char *end = NULL;
    *patience_s = text ? strtod(text, &end) : 60;
    if (!text || (end != text && *end == '\0' && *patience_s >= 0.1 && *patience_s <= 86400))
        return RN_OK;
    return rn_fail(err, RN_EUSAGE, RN_NOWHERE,
                   "RUNNEL_PEER_S is '%.40s', expected seconds from 0.1 to 86400", text);
}

int rn_roll_tick_every(double *every_s, struct rn_err *err)
{
    double patience_s;
    RN_TRY(patience(&patience_s, err));
    *every_s = patience_s / 5 < 1 ? patience_s / 5 : 1;
    return RN_OK;
}

static int new_roll(struct rn_roll **out, const struct rn_roll_setup *setup, struct rn_err *err)
{
    double patience_s, every_s;
    *out = NULL;
    RN_TRY(patience(&patience_s, err));
    RN_TRY(rn_roll_tick_every(&every_s, err));
    struct rn_roll *r = rn_new(struct rn_roll);
    r->setup = *setup;
    r->rank = setup->ranks->seat.rank;
    r->world = setup->ranks->seat.world;
    r->listener = -1;
    r->patience_s = patience_s;
    r->every_s = every_s;
    r->path = rn_xprintf("%s/.ranks-%.16s", setup->runs, setup->ranks->job);
    r->peers = rn_xalloc((size_t)r->world * sizeof *r->peers);
    for (int i = 0; i < r->world; i++)
        r->peers[i] = (struct peer){.line = {.fd = -1}, .step = -1};
    for (int i = 0; i < STRANGERS; i++)
        r->strangers[i].line.fd = -1;
    *out = r;
    return RN_OK;
}

void rn_roll_close(struct rn_roll *r)
{
    if (!r)
        return;
    if (r->listener >= 0) {
        close(r->listener);
        unlink(r->path);
    }
    for (int i = 0; i < r->world; i++)
        rn_line_close(&r->peers[i].line);
    for (int i = 0; i < STRANGERS; i++)
        rn_line_close(&r->strangers[i].line);
    free(r->peers);
    free(r->path);
    free(r);
}

const char *rn_roll_who(const struct rn_roll *r, int rank, char buf[128])
{
    const char *host = r->peers[rank].host;
    snprintf(buf, 128, "rank %d%s%s", rank, *host ? " on " : "", host);
    return buf;
}

/* --- rank 0: who comes --- */

static int make_secret(char secret[SECRET], struct rn_err *err)
{
    unsigned char bytes[(SECRET - 1) / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
        return rn_fail_errno(err, RN_NOWHERE, "no random bytes");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    return RN_OK;
}

/* Nobody but the user may read the secret. */
static int announce(const struct rn_roll *r, bool loopback, int port, struct rn_err *err)
{
    json_t *doc = json_pack("{s:i, s:s, s:o}", "port", port, "secret", r->secret, "addresses",
                            rn_net_addresses(loopback));
    mode_t before = umask(077);
    int rc = rn_json_write(r->path, doc, err);
    umask(before);
    json_decref(doc);
    return rc;
}

int rn_roll_lost(const struct rn_roll *r, const struct rn_word *w, struct rn_err *err)
{
    char who[128], step[48] = "";
    if (w->step >= 0)
        snprintf(step, sizeof step, ", last at step %" PRId64, w->step);
    return rn_fail(err, RN_EPEER, RN_NOWHERE, "%s %s%s", rn_roll_who(r, w->rank, who), w->text,
                   step);
}

int rn_roll_open(struct rn_roll **out, const struct rn_roll_setup *setup, struct rn_err *err)
{
    const struct rn_comm_seat *seat = &setup->ranks->seat;
    bool loopback = seat->local_world == seat->world;
    int port;
    RN_ASSERT(seat->rank == 0);
    RN_TRY(new_roll(out, setup, err));
    int rc = make_secret((*out)->secret, err);
    if (rc == RN_OK)
        rc = rn_net_listen(loopback, &(*out)->listener, &port, err);
    if (rc == RN_OK)
        rc = announce(*out, loopback, port, err);
    if (rc == RN_OK)
        return RN_OK;
    rn_roll_close(*out);
    *out = NULL;
    return rc;
}

static void refuse(struct stranger *s, const char *why)
{
    struct rn_frame f = rn_frame_of(REFUSED, 0, why);
    rn_line_send(&s->line, &f);
    rn_line_close(&s->line);
}

static void welcome(struct rn_roll *r, struct stranger *s, int rank, const char *host)
{
    struct peer *p = &r->peers[rank];
    char me[HOST] = "";
    gethostname(me, sizeof me - 1);
    *p = (struct peer){.line = {.fd = s->line.fd}, .step = -1, .here = true};
    p->heard_s = rn_clock_s();
    snprintf(p->host, sizeof p->host, "%s", host);
    s->line.fd = -1;
    struct rn_frame f = rn_frame_of(WELCOME, 0, me);
    rn_line_send(&p->line, &f);
}

/* Who has no secret is told nothing. */
static void hear_hello(struct rn_roll *r, struct stranger *s)
{
    char secret[SECRET] = "", config[RN_HEX] = "", host[HOST] = "";
    const struct rn_frame *f = &s->line.in;
    int64_t rank = f->number >> 32, world = f->number & 0xffffffff;
    if (f->kind != HELLO || sscanf(f->text, "%32s %64s %63s", secret, config, host) != 3 ||
        strcmp(secret, r->secret) != 0)
        rn_line_close(&s->line);
    else if (strcmp(config, r->setup.config) != 0)
        refuse(s, "it has another version of the program, or another configuration");
    else if (world != r->world || rank < 1 || rank >= world)
        refuse(s, "it counts the ranks in another way");
    else if (r->peers[rank].here)
        refuse(s, "there is a rank of its number already");
    else
        welcome(r, s, (int)rank, host);
}

static void take_strangers(struct rn_roll *r)
{
    for (int i = 0; i < STRANGERS && r->listener >= 0; i++) {
        struct stranger *s = &r->strangers[i];
        if (s->line.fd < 0)
            *s = (struct stranger){.line = {.fd = rn_net_accept(r->listener)},
                                   .since_s = rn_clock_s()};
        bool broken;
        if (rn_line_read(&s->line, &broken))
            hear_hello(r, s);
        else if (rn_clock_s() - s->since_s > STRANGER_S)
            rn_line_close(&s->line);
    }
}

static int n_absent(const struct rn_roll *r, struct rn_str *names)
{
    int n = 0;
    for (int i = 1; i < r->world; i++)
        if (!r->peers[i].here)
            rn_str_printf(names, "%s%d", n++ ? ", " : "", i);
    return n;
}

static int absent(const struct rn_roll *r, struct rn_err *err)
{
    struct rn_str names = {0};
    int n = n_absent(r, &names);
    if (n == 0) {
        rn_str_release(&names);
        return RN_OK;
    }
    rn_fail(err, RN_EPEER, RN_NOWHERE, "rank%s %.200s of %d did not come within %g s",
            n == 1 ? "" : "s", names.p, r->world, r->patience_s);
    rn_hint(err, "all ranks must share the folder %.100s; RUNNEL_PEER_S is how long to wait",
            r->setup.runs);
    rn_str_release(&names);
    return RN_EPEER;
}

int rn_roll_wait(struct rn_roll *r, struct rn_err *err)
{
    double until_s = rn_clock_s() + r->patience_s;
    while (rn_clock_s() < until_s && absent(r, NULL) != RN_OK) {
        struct pollfd fds[RN_ROLL_FDS];
        if (r->setup.stopping && r->setup.stopping())
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped before all ranks were there");
        poll(fds, (nfds_t)rn_roll_fds(r, fds), POLL_MS);
        take_strangers(r);
    }
    return absent(r, err);
}

/* --- the others: where rank 0 is --- */

static void say_hello(struct rn_roll *r, const char *secret)
{
    char host[HOST] = "?";
    gethostname(host, sizeof host - 1);
    char *text = rn_xprintf("%.32s %s %.63s", secret, r->setup.config, host);
    struct rn_frame f = rn_frame_of(HELLO, (int64_t)r->rank << 32 | r->world, text);
    rn_line_send(&r->peers[0].line, &f);
    free(text);
}

/* False: the connection is of no use, or the time is over. */
static bool hear_welcome(struct rn_roll *r, double until_s, struct rn_err *err)
{
    struct peer *p = &r->peers[0];
    bool broken = false;
    while (!broken && rn_clock_s() < until_s) {
        struct pollfd fd = {.fd = p->line.fd, .events = POLLIN};
        poll(&fd, 1, POLL_MS);
        if (!rn_line_read(&p->line, &broken))
            continue;
        p->here = p->line.in.kind == WELCOME;
        snprintf(p->host, sizeof p->host, "%.63s", p->here ? p->line.in.text : "");
        if (p->line.in.kind == REFUSED)
            rn_fail(err, RN_EPEER, RN_NOWHERE, "rank 0 refused this rank %d: %.200s", r->rank,
                    p->line.in.text);
        p->heard_s = rn_clock_s();
        return p->here;
    }
    rn_line_close(&p->line);
    return false;
}

static bool try_once(struct rn_roll *r, double until_s, struct rn_err *err)
{
    enum { CONNECT_MS = 2000, FILE_CAP = 1 << 16 };
    json_t *doc = NULL;
    if (!rn_exists(r->path) || rn_json_read(r->path, FILE_CAP, &doc, NULL) != RN_OK)
        return false;
    const json_t *addresses = json_object_get(doc, "addresses");
    int64_t port = rn_json_int(doc, "port", 0);
    for (size_t i = 0; i < json_array_size(addresses) && !r->peers[0].here && !err->code; i++) {
        const char *address = json_string_value(json_array_get(addresses, i));
        bool sane = address && port > 0 && port < 65536;
        r->peers[0].line =
            (struct rn_line){.fd = sane ? rn_net_connect(address, (int)port, CONNECT_MS) : -1};
        if (r->peers[0].line.fd < 0)
            continue;
        say_hello(r, rn_json_str(doc, "secret", ""));
        hear_welcome(r, until_s, err);
    }
    json_decref(doc);
    return r->peers[0].here;
}

static int join(struct rn_roll *r, struct rn_err *err)
{
    double until_s = rn_clock_s() + r->patience_s;
    struct rn_err why = {0};
    while (!try_once(r, until_s, &why) && !why.code && rn_clock_s() < until_s) {
        if (r->setup.stopping && r->setup.stopping())
            return rn_fail(err, RN_ESTOPPED, RN_NOWHERE, "stopped before rank 0 was there");
        poll(NULL, 0, POLL_MS);
    }
    if (why.code)
        return rn_fail_as(err, &why);
    if (r->peers[0].here)
        return RN_OK;
    rn_hint(err, "all ranks must share the folder %.100s", r->setup.runs);
    return rn_fail(err, RN_EPEER, RN_PATH(r->path),
                   "rank %d found no rank 0 within %g s where it should say where it is", r->rank,
                   r->patience_s);
}

int rn_roll_join(struct rn_roll **out, const struct rn_roll_setup *setup, struct rn_err *err)
{
    RN_ASSERT(setup->ranks->seat.rank > 0);
    RN_TRY(new_roll(out, setup, err));
    int rc = join(*out, err);
    if (rc == RN_OK)
        return RN_OK;
    rn_roll_close(*out);
    *out = NULL;
    return rc;
}

/* --- words --- */

static void send_all(struct rn_roll *r, const struct rn_frame *f)
{
    for (int i = 0; i < r->world; i++)
        rn_line_send(&r->peers[i].line, f);
}

void rn_roll_say(struct rn_roll *r, enum rn_word_kind kind, int64_t number, const char *text)
{
    struct rn_frame f = rn_frame_of((int)kind, number, text);
    send_all(r, &f);
}

void rn_roll_tick(struct rn_roll *r, int64_t step)
{
    double now_s = rn_clock_s();
    r->step = step;
    if (now_s - r->ticked_s < r->every_s / 2)
        return;
    struct rn_frame f = rn_frame_of(TICK, r->step, "");
    r->ticked_s = now_s;
    send_all(r, &f);
}

void rn_roll_watch_silence(struct rn_roll *r, bool counts)
{
    for (int i = 0; i < r->world && counts && !r->silence_counts; i++)
        r->peers[i].heard_s = rn_clock_s();
    r->silence_counts = counts;
}

void rn_roll_expect_own(struct rn_roll *r, bool expected)
{
    struct peer *p = &r->peers[r->rank];
    p->here = expected;
    p->told_gone = true; /* its end is seen by whoever started it */
    p->told_silent = false;
    p->step = -1;
    p->heard_s = rn_clock_s();
    gethostname(p->host, sizeof p->host - 1);
}

void rn_roll_hear_own(struct rn_roll *r, int64_t step)
{
    r->peers[r->rank].heard_s = rn_clock_s();
    r->peers[r->rank].step = step;
}

static struct rn_word about(const struct rn_roll *r, enum rn_word_kind kind, int rank,
                            const char *what)
{
    struct rn_word w = {.kind = kind, .rank = rank, .step = r->peers[rank].step};
    snprintf(w.text, sizeof w.text, "%s", what);
    return w;
}

static bool is_word(const struct rn_frame *f)
{
    return f->kind >= RN_WORD_ORDER && f->kind <= RN_WORD_BYE;
}

static bool silent(struct rn_roll *r, int rank, struct rn_word *w)
{
    char what[64];
    struct peer *p = &r->peers[rank];
    double quiet_s = rn_clock_s() - p->heard_s;
    if (!r->silence_counts || !p->here || p->told_silent || quiet_s < r->patience_s)
        return false;
    p->told_silent = true;
    snprintf(what, sizeof what, "has not answered for %.0f s", quiet_s);
    *w = about(r, RN_WORD_SILENT, rank, what);
    return true;
}

/* The next word of one peer. */
static bool hear(struct rn_roll *r, int rank, struct rn_word *w)
{
    struct peer *p = &r->peers[rank];
    bool broken;
    while (rn_line_read(&p->line, &broken)) {
        const struct rn_frame *f = &p->line.in;
        p->heard_s = rn_clock_s();
        if (f->kind == TICK)
            p->step = f->number;
        if (!is_word(f))
            continue;
        *w = about(r, (enum rn_word_kind)f->kind, rank, f->text);
        w->number = f->number;
        return true;
    }
    if (p->here && p->line.fd < 0 && !p->told_gone) {
        p->told_gone = p->told_silent = true;
        *w = about(r, RN_WORD_GONE, rank, "is gone");
        return true;
    }
    return silent(r, rank, w);
}

bool rn_roll_next(struct rn_roll *r, struct rn_word *w)
{
    take_strangers(r);
    for (int i = 0; i < r->world; i++)
        if (hear(r, i, w))
            return true;
    return false;
}

size_t rn_roll_fds(const struct rn_roll *r, struct pollfd *fds)
{
    size_t n = 0;
    fds[n++] = (struct pollfd){.fd = r->listener, .events = POLLIN};
    for (int i = 0; i < r->world; i++)
        if (r->peers[i].line.fd >= 0)
            fds[n++] = (struct pollfd){.fd = r->peers[i].line.fd, .events = POLLIN};
    for (int i = 0; i < STRANGERS; i++)
        if (r->strangers[i].line.fd >= 0)
            fds[n++] = (struct pollfd){.fd = r->strangers[i].line.fd, .events = POLLIN};
    return n;
}

double rn_roll_due_s(const struct rn_roll *r)
{
    return rn_clock_s() + r->every_s;
}
