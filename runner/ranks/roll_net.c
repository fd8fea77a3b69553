#define _GNU_SOURCE /* accept4, SOCK_CLOEXEC */
#include "roll_net.h"

#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAGIC = 0x4c4c4f52, BACKLOG = 128 }; /* "ROLL" */

/* --- frames --- */

struct rn_frame rn_frame_of(int kind, int64_t number, const char *text)
{
    struct rn_frame f = {.magic = MAGIC, .kind = (uint32_t)kind, .number = number};
    snprintf(f.text, sizeof f.text, "%s", text ? text : "");
    return f;
}

void rn_line_close(struct rn_line *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

bool rn_line_read(struct rn_line *l, bool *broken)
{
    *broken = false;
    if (l->fd < 0)
        return false;
    if (l->n == sizeof l->in)
        l->n = 0;
    ssize_t n = recv(l->fd, (char *)&l->in + l->n, sizeof l->in - l->n, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    l->n += n > 0 ? (size_t)n : 0;
    bool whole = n > 0 && l->n == sizeof l->in;
    *broken = n <= 0 || (l->n >= sizeof l->in.magic && l->in.magic != MAGIC) ||
              (whole && l->in.text[RN_FRAME_TEXT - 1] != '\0');
    if (*broken)
        rn_line_close(l);
    return whole && !*broken;
}

void rn_line_send(struct rn_line *l, const struct rn_frame *f)
{
    if (l->fd >= 0 && send(l->fd, f, sizeof *f, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)sizeof *f)
        shutdown(l->fd, SHUT_RDWR); /* the next read finds its end */
}

/* --- sockets --- */

static void settle(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int rn_net_listen(bool loopback, int *fd, int *port, struct rn_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&at, size) != 0 || listen(*fd, BACKLOG) != 0 ||
        getsockname(*fd, (struct sockaddr *)&at, &size) != 0)
        return rn_fail_errno(err, RN_NOWHERE, "cannot listen for the other ranks");
    *port = ntohs(at.sin_port);
    return RN_OK;
}

json_t *rn_net_addresses(bool loopback)
{
    json_t *all = json_array();
    struct ifaddrs *list = NULL;
    if (!loopback && getifaddrs(&list) != 0)
        list = NULL;
    for (struct ifaddrs *i = list; i; i = i->ifa_next) {
        char text[INET_ADDRSTRLEN];
        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        const struct sockaddr_in *in = (const void *)i->ifa_addr;
        if (inet_ntop(AF_INET, &in->sin_addr, text, sizeof text))
            json_array_append_new(all, json_string(text));
    }
    if (list)
        freeifaddrs(list);
    json_array_append_new(all, json_string("127.0.0.1"));
    return all;
}

int rn_net_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        settle(fd);
    return fd;
}

static bool is_connected(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t size = sizeof code;
    return poll(&p, 1, wait_ms) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 &&
           code == 0;
}

int rn_net_connect(const char *address, int port, int wait_ms)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
        return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if ((connect(fd, (struct sockaddr *)&at, sizeof at) == 0 || errno == EINPROGRESS) &&
        is_connected(fd, wait_ms)) {
        settle(fd);
        return fd;
    }
    close(fd);
    return -1;
}
