/* Offline runs as `wandb sync` reads them: records of wandb's own messages in LevelDB's log format,
 * with a header of their own and a plain CRC-32. One run a stage, grouped by the tag. Sources:
 * wandb_internal.proto, datastore.py and LevelDB's log_format.md. */
#include "exports.h"
#include "file.h"
#include "json.h"
#include "mem.h"
#include "protobuf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

/* --- the log --- */

enum { BLOCK = 32768, CHUNK_HEADER = 7 };
enum chunk { FULL = 1, FIRST = 2, MIDDLE = 3, LAST = 4 };

struct log {
    struct rn_writer w;
    size_t size_bytes; /* the file's header counts: blocks are cut from its first byte on */
};

static void put(struct log *l, const void *bytes, size_t n)
{
    rn_writer_add(&l->w, bytes, n);
    l->size_bytes += n;
}

static void put_chunk(struct log *l, enum chunk type, const char *bytes, size_t n)
{
    struct rn_str header = {0};
    unsigned char kind = (unsigned char)type;
    uLong crc = crc32(crc32(0, &kind, 1), (const Bytef *)bytes, (uInt)n);
    rn_le32(&header, (uint32_t)crc);
    rn_le16(&header, (uint16_t)n);
    rn_str_putc(&header, (char)kind);
    put(l, header.p, header.n);
    put(l, bytes, n);
    rn_str_release(&header);
}

static void put_record(struct log *l, struct rn_str *record)
{
    static const char zeroes[CHUNK_HEADER];
    const char *p = record->p;
    size_t left = record->n;
    for (bool first = true; first || left > 0; first = false) {
        size_t room = BLOCK - l->size_bytes % BLOCK;
        if (room < CHUNK_HEADER) {
            put(l, zeroes, room);
            room = BLOCK;
        }
        size_t n = left < room - CHUNK_HEADER ? left : room - CHUNK_HEADER;
        bool last = n == left;
        put_chunk(l, first ? (last ? FULL : FIRST) : (last ? LAST : MIDDLE), p, n);
        p += n;
        left -= n;
    }
    rn_str_release(record);
}

/* --- the messages --- */

enum { /* of Record */
       NUMBER = 1,
       HISTORY = 2,
       RUN = 17,
       EXIT = 18,
       HEADER = 21,
};
enum { ITEM_KEY = 1, ITEM_JSON = 16 };

static void send(struct log *l, int64_t number, int field, struct rn_str *message)
{
    struct rn_str record = {0};
    rn_pb_int(&record, NUMBER, (uint64_t)number);
    rn_pb_message(&record, field, message);
    put_record(l, &record);
}

static void put_item(struct rn_str *s, int field, const char *key, const char *json)
{
    struct rn_str item = {0};
    rn_pb_text(&item, ITEM_KEY, key);
    rn_pb_text(&item, ITEM_JSON, json);
    rn_pb_message(s, field, &item);
}

static struct rn_str header(void)
{
    struct rn_str version = {0}, message = {0};
    rn_pb_text(&version, 1, "0.19.0");
    rn_pb_text(&version, 2, "0.12.0");
    rn_pb_message(&message, 1, &version);
    return message;
}

static struct rn_str run_record(const struct rn_numbers *n, const struct rn_curves *c,
                                const char *id)
{
    enum { ID = 1, PROJECT = 3, GROUP = 6, DISPLAY = 8, START = 17 };
    struct rn_str message = {0}, start = {0};
    char *name = rn_xprintf("%s %s", n->tag, c->stage);
    rn_pb_text(&message, ID, id);
    rn_pb_text(&message, PROJECT, "runnel");
    rn_pb_text(&message, GROUP, n->tag);
    rn_pb_text(&message, DISPLAY, name);
    rn_pb_int(&start, 1, (uint64_t)c->times_s[0]);
    rn_pb_message(&message, START, &start);
    free(name);
    return message;
}

static void put_number(struct rn_str *s, const char *key, double value)
{
    char text[32];
    put_item(s, 1, key, isfinite(value) ? rn_show_real(text, value) : "NaN");
}

static struct rn_str history(const struct rn_curves *c, size_t row)
{
    struct rn_str message = {0}, step = {0};
    for (size_t i = 0; i < c->n_curves; i++)
        if (c->curves[i].known[row])
            put_number(&message, c->curves[i].name, c->curves[i].values[row]);
    put_number(&message, "_step", (double)c->steps[row]);
    put_number(&message, "_timestamp", c->times_s[row]);
    put_number(&message, "_runtime", c->times_s[row] - c->times_s[0]);
    rn_pb_int(&step, 1, (uint64_t)c->steps[row]);
    rn_pb_message(&message, 2, &step);
    return message;
}

static void put_run(struct log *l, const struct rn_numbers *n, const struct rn_curves *c,
                    const char *id)
{
    static const unsigned char start[] = {':', 'W', '&', 'B', 0xe1, 0xbe, 0};
    int64_t number = 0;
    struct rn_str message = header();
    put(l, start, sizeof start);
    send(l, ++number, HEADER, &message);
    message = run_record(n, c, id);
    send(l, ++number, RUN, &message);
    for (size_t row = 0; row < c->n; row++) {
        message = history(c, row);
        send(l, ++number, HISTORY, &message);
    }
    message = (struct rn_str){0};
    rn_pb_int(&message, 1, 0);
    send(l, ++number, EXIT, &message);
}

/* --- the files --- */

/* What wandb takes as an id: the tag and the stage, without what it refuses in names. */
static char *id_of(const struct rn_numbers *n, const struct rn_curves *c)
{
    char *id = rn_xprintf("%.80s-%.40s", n->tag, c->stage);
    for (char *p = id; *p; p++)
        if (strchr("/\\#?%:", *p) || (unsigned char)*p <= ' ')
            *p = '-';
    return id;
}

static int write_run(const struct rn_numbers *n, const struct rn_curves *c, const char *folder,
                     FILE *out, struct rn_err *err)
{
    char stamp[sizeof "20261121_102030"];
    time_t start = (time_t)c->times_s[0];
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y%m%d_%H%M%S", gmtime_r(&start, &tm));
    char *id = id_of(n, c), *dir = rn_xprintf("%s/offline-run-%s-%s", folder, stamp, id);
    char *path = rn_xprintf("%s/run-%s.wandb", dir, id);
    struct log l = {0};
    int rc = rn_mkdirs(dir, err);
    if (rc == RN_OK)
        rc = rn_writer_open(&l.w, path, err);
    if (rc == RN_OK) {
        put_run(&l, n, c, id);
        rc = rn_writer_commit(&l.w, NULL, err);
    }
    if (rc == RN_OK)
        fprintf(out, "%s\n", dir);
    free(path);
    free(dir);
    free(id);
    return rc;
}

int rn_export_wandb(const struct rn_numbers *n, FILE *out, const char *folder, struct rn_err *err)
{
    for (size_t i = 0; i < n->n; i++)
        RN_TRY(write_run(n, &n->stages[i], folder, out, err));
    return RN_OK;
}
