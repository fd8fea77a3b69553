#include "wire.h"

#include "clock.h"
#include "hash.h"
#include "mem.h"
#include "str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 8, FRAME_MAX = 64 << 10, TEXT_MAX = 8 << 10 };
static const double PROGRESS_EVERY_S = 0.02;

/* --- writing --- */

struct frame {
    size_t n;
    char bytes[FRAME_MAX];
};

void rn_wire_init(struct rn_wire *w, int fd)
{
    *w = (struct rn_wire){.fd = fd};
    pthread_mutex_init(&w->lock, NULL);
}

static void put_bytes(struct frame *f, const void *bytes, size_t n)
{
    RN_ASSERT(n <= sizeof f->bytes - f->n);
    memcpy(f->bytes + f->n, bytes, n);
    f->n += n;
}

static void put_int(struct frame *f, int64_t v)
{
    put_bytes(f, &v, sizeof v);
}

static void put_real(struct frame *f, double v)
{
    put_bytes(f, &v, sizeof v);
}

/* Longer texts are cut: they are for people. */
static void put_text(struct frame *f, const char *text)
{
    size_t n = text ? strnlen(text, TEXT_MAX) : 0;
    uint32_t size = (uint32_t)n;
    put_bytes(f, &size, sizeof size);
    put_bytes(f, text ? text : "", n);
    put_bytes(f, "", 1);
}

static void begin(struct frame *f, enum rn_news_kind kind)
{
    uint32_t head[2] = {0, (uint32_t)kind};
    f->n = 0;
    put_bytes(f, head, sizeof head);
}

static void finish(struct frame *f)
{
    uint32_t size = (uint32_t)(f->n - HEAD);
    memcpy(f->bytes, &size, sizeof size);
}

/* Not through rn_io: a pipe is no disk. Without a runner at the other end nobody wants to know. */
static void write_out(int fd, const char *bytes, size_t n_bytes)
{
    for (size_t at = 0; at < n_bytes;) {
        ssize_t n = write(fd, bytes + at, n_bytes - at);
        if (n < 0 && errno != EINTR)
            break;
        at += n > 0 ? (size_t)n : 0;
    }
}

static void write_held(struct rn_wire *w)
{
    write_out(w->fd, w->held, w->n_held);
    w->n_held = 0;
}

static void send_frame(struct rn_wire *w, struct frame *f)
{
    finish(f);
    pthread_mutex_lock(&w->lock);
    write_held(w);
    write_out(w->fd, f->bytes, f->n);
    pthread_mutex_unlock(&w->lock);
}

/* Goes with the next frame: thousands may come at once. */
static void hold_frame(struct rn_wire *w, struct frame *f)
{
    finish(f);
    pthread_mutex_lock(&w->lock);
    if (f->n > sizeof w->held - w->n_held)
        write_held(w);
    if (f->n <= sizeof w->held) {
        memcpy(w->held + w->n_held, f->bytes, f->n);
        w->n_held += f->n;
    } else {
        write_out(w->fd, f->bytes, f->n);
    }
    pthread_mutex_unlock(&w->lock);
}

static void pass_on(struct rn_wire *w, struct frame *f, bool more)
{
    if (more)
        hold_frame(w, f);
    else
        send_frame(w, f);
}

void rn_wire_log(struct rn_wire *w, enum rn_level level, const char *text)
{
    struct frame f;
    begin(&f, RN_NEWS_LOG);
    put_int(&f, level);
    put_text(&f, text);
    send_frame(w, &f);
}

static bool progress_is_due(struct rn_wire *w, double done, double now_s)
{
    pthread_mutex_lock(&w->lock);
    w->done = done;
    bool due = now_s - w->told_s >= PROGRESS_EVERY_S;
    if (due)
        w->told_s = now_s;
    pthread_mutex_unlock(&w->lock);
    return due;
}

void rn_wire_progress(struct rn_wire *w, double done, double total, const char *unit,
                      const char *text)
{
    struct frame f;
    if (!progress_is_due(w, done, rn_clock_s()))
        return;
    begin(&f, RN_NEWS_PROGRESS);
    put_real(&f, done);
    put_real(&f, total);
    put_text(&f, unit);
    put_text(&f, text);
    send_frame(w, &f);
}

static void send_numbers(struct rn_wire *w, int64_t step, const struct rn_metric_value *v, size_t n)
{
    struct frame f;
    begin(&f, RN_NEWS_NUMBERS);
    put_int(&f, step);
    put_int(&f, (int64_t)n);
    for (size_t i = 0; i < n; i++) {
        put_text(&f, v[i].name);
        put_real(&f, v[i].value);
    }
    send_frame(w, &f);
}

void rn_wire_numbers(struct rn_wire *w, int64_t step, const struct rn_metric_value *v, size_t n)
{
    enum { AT_ONCE = 4 }; /* names of TEXT_MAX would still fit */
    for (size_t i = 0; i < n; i += AT_ONCE)
        send_numbers(w, step, v + i, n - i < AT_ONCE ? n - i : AT_ONCE);
}

void rn_wire_arrival(struct rn_wire *w, const struct rn_arrival *a)
{
    struct frame f;
    begin(&f, RN_NEWS_ARRIVAL);
    put_text(&f, a->output);
    put_int(&f, a->index);
    put_int(&f, a->count);
    put_text(&f, a->name);
    put_text(&f, a->path);
    put_int(&f, a->size_bytes);
    put_text(&f, a->sha256);
    pass_on(w, &f, a->more);
}

void rn_wire_file(struct rn_wire *w, const struct rn_file_end *end)
{
    struct frame f;
    begin(&f, RN_NEWS_FILE);
    put_text(&f, end->file);
    put_text(&f, end->state);
    put_text(&f, end->sha256);
    put_int(&f, end->size_bytes);
    put_text(&f, end->trust);
    put_text(&f, end->where);
    put_text(&f, end->message);
    pass_on(w, &f, end->more);
}

void rn_wire_end(struct rn_wire *w, const struct rn_stage_end *end)
{
    struct frame f;
    begin(&f, RN_NEWS_END);
    put_int(&f, end->rc);
    put_int(&f, end->err.code);
    put_int(&f, end->err.line);
    put_int(&f, end->err.col);
    put_text(&f, end->err.path);
    put_text(&f, end->err.msg);
    put_text(&f, end->err.hint);
    put_text(&f, end->out);
    put_int(&f, end->step);
    put_real(&f, end->stage_s);
    put_real(&f, end->sync_s);
    send_frame(w, &f);
}

void rn_wire_tick(struct rn_wire *w)
{
    struct frame f;
    pthread_mutex_lock(&w->lock);
    double done = w->done;
    pthread_mutex_unlock(&w->lock);
    begin(&f, RN_NEWS_TICK);
    put_real(&f, done);
    send_frame(w, &f);
}

void rn_wire_meet(struct rn_wire *w, const char *word)
{
    struct frame f;
    begin(&f, RN_NEWS_MEET);
    put_text(&f, word);
    send_frame(w, &f);
}

/* --- reading --- */

struct body { /* what is left of a frame; bad: it was shorter than it should be */
    const char *p;
    size_t n;
    bool bad;
};

static const char *take_bytes(struct body *b, size_t n)
{
    const char *p = b->p;
    if (n > b->n) {
        b->bad = true;
        return NULL;
    }
    b->p += n;
    b->n -= n;
    return p;
}

static int64_t take_int(struct body *b)
{
    int64_t v = 0;
    const char *p = take_bytes(b, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static double take_real(struct body *b)
{
    double v = 0;
    const char *p = take_bytes(b, sizeof v);
    if (p)
        memcpy(&v, p, sizeof v);
    return v;
}

static int64_t take_between(struct body *b, int64_t low, int64_t high)
{
    int64_t v = take_int(b);
    b->bad |= v < low || v > high;
    return b->bad ? low : v;
}

static const char *take_text(struct body *b)
{
    uint32_t size = 0;
    const char *p = take_bytes(b, sizeof size);
    if (p)
        memcpy(&size, p, sizeof size);
    p = size <= TEXT_MAX ? take_bytes(b, (size_t)size + 1) : NULL;
    if (!p || strnlen(p, (size_t)size + 1) != size) {
        b->bad = true;
        return "";
    }
    return p;
}

static void take_numbers(struct body *b, struct rn_news *news)
{
    news->step = take_int(b);
    news->n_values = (size_t)take_between(b, 0, RN_NEWS_VALUES);
    for (size_t i = 0; i < news->n_values; i++) {
        news->values[i].name = take_text(b);
        news->values[i].value = take_real(b);
    }
}

static void take_arrival(struct body *b, struct rn_arrival *a)
{
    *a = (struct rn_arrival){.output = take_text(b)};
    a->index = take_int(b);
    a->count = take_int(b);
    a->name = take_text(b);
    a->path = take_text(b);
    a->size_bytes = take_int(b);
    a->sha256 = take_text(b);
}

static void take_file(struct body *b, struct rn_file_end *f)
{
    *f = (struct rn_file_end){.file = take_text(b)};
    f->state = take_text(b);
    f->sha256 = take_text(b);
    f->size_bytes = take_int(b);
    f->trust = take_text(b);
    f->where = take_text(b);
    f->message = take_text(b);
}

static bool is_code(int64_t code)
{
    static const enum rn_code known[] = {
#define X(code, exit_status, word, action) code,
        RN_CODES(X)
#undef X
    };
    for (size_t i = 0; i < RN_COUNT(known); i++)
        if ((int64_t)known[i] == code)
            return true;
    return false;
}

static void take_end(struct body *b, struct rn_stage_end *end)
{
    int64_t rc = take_int(b), code = take_int(b);
    struct rn_place at = {.line = (int)take_between(b, 0, INT32_MAX)};
    at.col = (int)take_between(b, 0, INT32_MAX);
    at.path = take_text(b);
    const char *msg = take_text(b), *hint = take_text(b), *out = take_text(b);
    b->bad |= !is_code(rc) || !is_code(code) || (*out && !rn_sha256_is_hex(out));
    *end = (struct rn_stage_end){.step = take_int(b)};
    end->stage_s = take_real(b);
    end->sync_s = take_real(b);
    if (b->bad)
        return;
    end->rc = (int)rc;
    rn_copy_text(end->out, sizeof end->out, out);
    if (code != RN_OK)
        rn_fail(&end->err, (enum rn_code)code, at, "%s", msg);
    if (*hint)
        rn_hint(&end->err, "%s", hint);
}

static bool parse(struct rn_news *news, uint32_t kind, struct body *b)
{
    *news = (struct rn_news){.kind = (enum rn_news_kind)kind};
    switch (kind) {
    case RN_NEWS_LOG:
        news->level = (enum rn_level)take_between(b, RN_DEBUG, RN_WARN);
        news->text = take_text(b);
        break;
    case RN_NEWS_PROGRESS:
        news->done = take_real(b);
        news->total = take_real(b);
        news->unit = take_text(b);
        news->text = take_text(b);
        break;
    case RN_NEWS_NUMBERS:
        take_numbers(b, news);
        break;
    case RN_NEWS_ARRIVAL:
        take_arrival(b, &news->arrival);
        break;
    case RN_NEWS_FILE:
        take_file(b, &news->file);
        break;
    case RN_NEWS_END:
        take_end(b, &news->end);
        break;
    case RN_NEWS_TICK:
        news->done = take_real(b);
        break;
    case RN_NEWS_MEET:
        news->text = take_text(b);
        break;
    default:
        return false;
    }
    return !b->bad && b->n == 0;
}

static void make_room(struct rn_inbox *in)
{
    if (in->used > 0) {
        memmove(in->bytes, in->bytes + in->used, in->n - in->used);
        in->n -= in->used;
        in->used = 0;
    }
    if (in->cap < HEAD + FRAME_MAX) {
        in->cap = HEAD + FRAME_MAX;
        in->bytes = rn_xrealloc(in->bytes, in->cap, 1);
    }
}

bool rn_inbox_read(struct rn_inbox *in, int fd)
{
    make_room(in);
    if (in->broken || in->n == in->cap)
        return !in->broken;
    ssize_t n = read(fd, in->bytes + in->n, in->cap - in->n);
    if (n > 0)
        in->n += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool rn_inbox_next(struct rn_inbox *in, struct rn_news *news)
{
    uint32_t head[2];
    size_t have = in->n - in->used;
    if (in->broken || have < HEAD)
        return false;
    memcpy(head, in->bytes + in->used, sizeof head);
    in->broken = head[0] > FRAME_MAX - HEAD;
    if (in->broken || have - HEAD < head[0])
        return false;
    struct body b = {in->bytes + in->used + HEAD, head[0], false};
    in->used += HEAD + head[0];
    in->broken = !parse(news, head[1], &b);
    return !in->broken;
}

void rn_inbox_release(struct rn_inbox *in)
{
    free(in->bytes);
    *in = (struct rn_inbox){0};
}
