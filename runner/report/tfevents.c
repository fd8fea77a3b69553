#include "tfevents.h"

#include "mem.h"
#include "protobuf.h"

#include <stdlib.h>
#include <string.h>

/* --- framing --- */

/* A nibble at a time: records are short and few, a table of 16 is enough. */
uint32_t rn_crc32c(const void *bytes, size_t n)
{
    static const uint32_t nibble[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    const unsigned char *p = bytes;
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return ~crc;
}

/* TFRecord stores a checksum of what may hold checksums itself, so it is turned and shifted. */
static uint32_t masked(const void *bytes, size_t n)
{
    uint32_t crc = rn_crc32c(bytes, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static void put_record(struct rn_str *s, struct rn_str *event)
{
    size_t at = s->n;
    rn_le64(s, event->n);
    rn_le32(s, masked(s->p + at, 8));
    rn_str_add(s, event->p, event->n);
    rn_le32(s, masked(event->p, event->n));
    rn_str_release(event);
}

/* --- messages --- */

enum { /* field numbers */
       EVENT_TIME = 1,
       EVENT_STEP = 2,
       EVENT_VERSION = 3,
       EVENT_SUMMARY = 5,
       EVENT_SESSION = 7,
       SUMMARY_VALUE = 1,
       VALUE_TAG = 1,
       VALUE_SIMPLE = 2,
       VALUE_TENSOR = 8,
       VALUE_METADATA = 9,
       METADATA_PLUGIN = 1,
       METADATA_CLASS = 4,
       PLUGIN_NAME = 1,
       PLUGIN_CONTENT = 2,
       TENSOR_DTYPE = 1,
       TENSOR_SHAPE = 2,
       TENSOR_CONTENT = 4,
       TENSOR_STRINGS = 8,
       SESSION_STATUS = 1,
};
enum { DT_FLOAT = 1, DT_DOUBLE = 2, DT_STRING = 7, CLASS_TENSOR = 2, SESSION_START = 1 };

static struct rn_str event_of(double time_s, int64_t step)
{
    struct rn_str event = {0};
    rn_pb_double(&event, EVENT_TIME, time_s);
    rn_pb_int(&event, EVENT_STEP, (uint64_t)step);
    return event;
}

static void put_summary(struct rn_str *s, double time_s, int64_t step, struct rn_str *summary)
{
    struct rn_str event = event_of(time_s, step);
    rn_pb_message(&event, EVENT_SUMMARY, summary);
    put_record(s, &event);
}

char *rn_tfevents_name(double time_s, const char *host, int pid, int n)
{
    return rn_xprintf("events.out.tfevents.%010lld.%s.%d.%d", (long long)time_s, host, pid, n);
}

void rn_tfevents_begin(struct rn_str *s, double time_s, int64_t step)
{
    struct rn_str version = {0}, session = {0}, start = event_of(time_s, step);
    rn_pb_double(&version, EVENT_TIME, time_s);
    rn_pb_text(&version, EVENT_VERSION, "brain.Event:2");
    put_record(s, &version);
    rn_pb_int(&session, SESSION_STATUS, SESSION_START);
    rn_pb_message(&start, EVENT_SESSION, &session);
    put_record(s, &start);
}

static const struct {
    const char *name, *tag;
} tags[] = {{"loss", "train/loss"},
            {"grad_norm", "train/grad_norm"},
            {"lrm", "train/lrm"},
            {"lr", "train/lr"},
            {"dt_ms", "train/dt_ms"},
            {"tok_per_sec", "train/tok_per_sec"},
            {"mfu", "train/mfu"},
            {"total_time_min", "train/total_time_min"},
            {"total_flops", "train/total_flops"},
            {"epoch", "train/epoch"},
            {"loss_z", "train/loss_z"},
            {"skipped", "train/skipped"},
            {"grad_norm_z", "train/grad_norm_z"},
            {"data_order", "receipt/data_order"},
            {"val_bpb", "val/bpb"},
            {"val_loss", "val/loss"},
            {"core", "eval/core"},
            {"hellaswag", "eval/hellaswag"}};

static void put_tag(struct rn_str *value, const char *name)
{
    for (size_t i = 0; i < RN_COUNT(tags); i++)
        if (strcmp(name, tags[i].name) == 0) {
            rn_pb_text(value, VALUE_TAG, tags[i].tag);
            return;
        }
    char *tag = rn_xdup(name), *dot = strchr(tag, '.');
    if (dot)
        *dot = '/';
    rn_pb_text(value, VALUE_TAG, tag);
    free(tag);
}

void rn_tfevents_scalars(struct rn_str *s, double time_s, int64_t step,
                         const struct rn_metric_value *v, size_t n)
{
    struct rn_str summary = {0};
    for (size_t i = 0; i < n; i++) {
        struct rn_str value = {0};
        put_tag(&value, v[i].name);
        rn_pb_float(&value, VALUE_SIMPLE, (float)v[i].value);
        rn_pb_message(&summary, SUMMARY_VALUE, &value);
    }
    put_summary(s, time_s, step, &summary);
}

static void put_metadata(struct rn_str *value, const char *plugin, struct rn_str *content,
                         int data_class)
{
    struct rn_str metadata = {0}, data = {0};
    rn_pb_text(&data, PLUGIN_NAME, plugin);
    if (content)
        rn_pb_message(&data, PLUGIN_CONTENT, content);
    rn_pb_message(&metadata, METADATA_PLUGIN, &data);
    if (data_class)
        rn_pb_int(&metadata, METADATA_CLASS, (uint64_t)data_class);
    rn_pb_message(value, VALUE_METADATA, &metadata);
}

/* What TensorBoard renders is markdown; indented lines are code, whatever they hold, and the page
 * escapes what is in code. */
static void put_as_code(struct rn_str *s, const char *text)
{
    rn_str_puts(s, "    ");
    for (; *text; text++) {
        rn_str_putc(s, *text);
        if (*text == '\n')
            rn_str_puts(s, "    ");
    }
}

void rn_tfevents_text(struct rn_str *s, double time_s, int64_t step, const char *name,
                      const char *text)
{
    struct rn_str value = {0}, tensor = {0}, shown = {0}, summary = {0};
    put_as_code(&shown, text);
    rn_pb_int(&tensor, TENSOR_DTYPE, DT_STRING);
    rn_pb_message(&tensor, TENSOR_STRINGS, &shown);
    rn_pb_text(&value, VALUE_TAG, name);
    rn_pb_message(&value, VALUE_TENSOR, &tensor);
    put_metadata(&value, "text", NULL, CLASS_TENSOR);
    rn_pb_message(&summary, SUMMARY_VALUE, &value);
    put_summary(s, time_s, step, &summary);
}

static void put_shape(struct rn_str *tensor, const size_t *sizes, size_t n)
{
    struct rn_str shape = {0};
    for (size_t i = 0; i < n; i++) {
        struct rn_str dim = {0};
        rn_pb_int(&dim, 1, sizes[i]);
        rn_pb_message(&shape, 2, &dim);
    }
    rn_pb_message(tensor, TENSOR_SHAPE, &shape);
}

static void put_double(struct rn_str *s, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    rn_le64(s, bits);
}

void rn_tfevents_histogram(struct rn_str *s, double time_s, int64_t step, const char *name,
                           const double *bins, size_t k)
{
    struct rn_str value = {0}, tensor = {0}, content = {0}, summary = {0};
    for (size_t i = 0; i < 3 * k; i++)
        put_double(&content, bins[i]);
    rn_pb_int(&tensor, TENSOR_DTYPE, DT_DOUBLE);
    put_shape(&tensor, (size_t[]){k, 3}, 2);
    rn_pb_message(&tensor, TENSOR_CONTENT, &content);
    rn_pb_text(&value, VALUE_TAG, name);
    rn_pb_message(&value, VALUE_TENSOR, &tensor);
    put_metadata(&value, "histograms", NULL, CLASS_TENSOR);
    rn_pb_message(&summary, SUMMARY_VALUE, &value);
    put_summary(s, time_s, step, &summary);
}

/* HParamsPluginData.session_start_info: a map of names to google.protobuf.Value. */
static struct rn_str session_start(double time_s, const struct rn_hparam *h, size_t n)
{
    enum { MAP = 1, KEY = 1, VALUE = 2, NUMBER = 2, STRING = 3, START_TIME = 5, START_INFO = 3 };
    struct rn_str info = {0}, data = {0};
    for (size_t i = 0; i < n; i++) {
        struct rn_str entry = {0}, value = {0};
        rn_pb_text(&entry, KEY, h[i].name);
        if (h[i].text)
            rn_pb_text(&value, STRING, h[i].text);
        else
            rn_pb_double(&value, NUMBER, h[i].number);
        rn_pb_message(&entry, VALUE, &value);
        rn_pb_message(&info, MAP, &entry);
    }
    rn_pb_double(&info, START_TIME, time_s);
    rn_pb_message(&data, START_INFO, &info);
    return data;
}

void rn_tfevents_hparams(struct rn_str *s, double time_s, const struct rn_hparam *h, size_t n)
{
    struct rn_str value = {0}, tensor = {0}, summary = {0};
    struct rn_str content = session_start(time_s, h, n);
    rn_pb_text(&value, VALUE_TAG, "_hparams_/session_start_info");
    /* The plugin looks at the metadata only, yet wants a tensor: a float of no shape. */
    rn_pb_int(&tensor, TENSOR_DTYPE, DT_FLOAT);
    put_shape(&tensor, (size_t[]){0}, 1);
    rn_pb_message(&value, VALUE_TENSOR, &tensor);
    put_metadata(&value, "hparams", &content, 0);
    rn_pb_message(&summary, SUMMARY_VALUE, &value);
    put_summary(s, time_s, 0, &summary);
}
