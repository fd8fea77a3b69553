/* roll_net.h - the connections under roll.h: frames of one size, each whole or not there.
 *
 *     struct rn_line line = {.fd = fd};
 *     if (rn_line_read(&line, &broken)) use(&line.in);
 *     rn_line_send(&line, &frame); */
#ifndef RN_ROLL_NET_H
#define RN_ROLL_NET_H

#include "json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RN_FRAME_TEXT = 1008 };
struct rn_frame {
    uint32_t magic, kind;
    int64_t number;
    char text[RN_FRAME_TEXT]; /* NUL-ended */
};
struct rn_frame rn_frame_of(int kind, int64_t number, const char *text);

struct rn_line {
    int fd; /* -1: closed */
    size_t n;
    struct rn_frame in; /* its first n bytes are there */
};
/* True: line->in is a whole frame until the next call. *broken: the other side closed it, or what
 * came is no frame of ours; the line is closed then. Never waits. */
bool rn_line_read(struct rn_line *, bool *broken);
/* Never waits: a line that takes no more is closed. */
void rn_line_send(struct rn_line *, const struct rn_frame *);
void rn_line_close(struct rn_line *);

/* Listens on a port that the kernel chooses, on loopback or everywhere. */
int rn_net_listen(bool loopback, int *fd, int *port, struct rn_err *);
/* Where others reach this host: its IPv4 addresses, loopback last or alone. New reference. */
json_t *rn_net_addresses(bool loopback);
int rn_net_accept(int listener); /* -1: nobody waits */
/* -1: nobody answers there within wait_ms. */
int rn_net_connect(const char *address, int port, int wait_ms);

#endif
