/* protobuf.h - messages in protocol buffers' wire format, written field by field.
 *
 *     struct rn_str inner = {0}, message = {0};
 *     rn_pb_bytes(&inner, 1, "loss", 4);
 *     rn_pb_float(&inner, 2, 3.2f);
 *     rn_pb_message(&message, 1, &inner);      takes inner's bytes and empties it
 *
 * Field numbers come from the schema of whoever reads. Source: protobuf.dev, "Encoding". */
#ifndef RN_PROTOBUF_H
#define RN_PROTOBUF_H

#include "str.h"

void rn_pb_int(struct rn_str *, int field, uint64_t value);
void rn_pb_float(struct rn_str *, int field, float value);
void rn_pb_double(struct rn_str *, int field, double value);
void rn_pb_bytes(struct rn_str *, int field, const void *bytes, size_t n);
void rn_pb_text(struct rn_str *, int field, const char *text);
/* Appends `inner` as a nested message and releases it. */
void rn_pb_message(struct rn_str *, int field, struct rn_str *inner);

/* Fixed-width little endian, as file formats around the messages want it. */
void rn_le16(struct rn_str *, uint16_t value);
void rn_le32(struct rn_str *, uint32_t value);
void rn_le64(struct rn_str *, uint64_t value);

#endif
