#include "server.h"
#include "ca.h"
#include "conn.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FAULTS = 256, MAX_HEARD = 1 << 20 };

struct fault {
    char path[MAX_PATH];
    const struct kind *kind;
    bool used; /* a -once fault that was given */
};

struct server {
    int listener;
    SSL_CTX *tls; /* NULL: plain */
    char url[64], other_url[64], dir[MAX_PATH];
    pthread_t thread;
    pthread_mutex_t mutex; /* over faults and heard */
    struct fault faults[MAX_FAULTS];
    size_t n_faults;
    char *heard; /* heads of all requests, one after another */
    size_t n_heard;
    atomic_size_t requests, ranged;
    atomic_int running; /* connections being answered */
    atomic_bool stop, keeps;
};

/* --- one connection --- */

bool conn_put(struct conn *c, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        size_t step = n < 1 << 20 ? n : 1 << 20;
        ssize_t done =
            c->ssl ? SSL_write(c->ssl, p, (int)step) : send(c->fd, p, step, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

bool conn_printf(struct conn *c, const char *fmt, ...)
{
    char text[4096];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return n >= 0 && (size_t)n < sizeof text && conn_put(c, text, (size_t)n);
}

void conn_reset(struct conn *c)
{
    struct linger hard = {1, 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(c->fd);
    c->fd = -1;
}

bool conn_nap(struct conn *c, int ms)
{
    char byte;
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
    return !atomic_load(&c->server->stop) && recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) != 0;
}

char *conn_file(const struct conn *c, size_t *n)
{
    char path[2 * MAX_PATH];
    struct stat st;
    *n = 0;
    snprintf(path, sizeof path, "%s%s", c->server->dir, c->path);
    FILE *f = c->server->dir[0] && !strstr(c->path, "..") ? fopen(path, "rb") : NULL;
    if (!f || fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode)) {
        if (f)
            fclose(f);
        return NULL;
    }
    char *bytes = malloc((size_t)st.st_size + 1);
    *n = bytes ? fread(bytes, 1, (size_t)st.st_size, f) : 0;
    fclose(f);
    return bytes;
}

const char *conn_url(const struct conn *c)
{
    return c->server->url;
}

const char *conn_other_url(const struct conn *c)
{
    return c->server->other_url;
}

int conn_count(const struct conn *c, const char *path_prefix)
{
    char line[MAX_PATH + 8];
    snprintf(line, sizeof line, "GET %s", path_prefix);
    return (int)server_count(c->server, line);
}

/* Value of a header line of the request, or "". */
static void read_header(const struct conn *c, const char *name, char *value, size_t cap)
{
    value[0] = '\0';
    for (const char *p = c->request; (p = strstr(p, "\r\n")); p++) {
        size_t n = strlen(name);
        if (strncasecmp(p + 2, name, n) != 0 || p[2 + n] != ':')
            continue;
        p += 3 + n;
        p += strspn(p, " ");
        snprintf(value, cap, "%.*s", (int)strcspn(p, "\r\n"), p);
        return;
    }
}

static void remember(struct conn *c)
{
    struct server *s = c->server;
    size_t n = strlen(c->request);
    pthread_mutex_lock(&s->mutex);
    if (s->n_heard + n < MAX_HEARD) {
        memcpy(s->heard + s->n_heard, c->request, n + 1);
        s->n_heard += n;
    }
    pthread_mutex_unlock(&s->mutex);
}

static ssize_t receive(struct conn *c, void *to, size_t cap)
{
    return c->ssl ? SSL_read(c->ssl, to, (int)cap) : recv(c->fd, to, cap, 0);
}

const char *conn_body(const struct conn *c)
{
    const char *end = strstr(c->request, "\r\n\r\n");
    return end ? end + 4 : "";
}

/* All of it is here, body included. */
static bool is_whole(const struct conn *c, size_t n)
{
    char length[32];
    const char *end = strstr(c->request, "\r\n\r\n");
    read_header(c, "Content-Length", length, sizeof length);
    return end && n >= (size_t)(end + 4 - c->request) + (size_t)atol(length);
}

static bool read_request(struct conn *c)
{
    size_t n = 0;
    ssize_t got = 0;
    while (n < MAX_REQUEST && !is_whole(c, n) &&
           (got = receive(c, c->request + n, MAX_REQUEST - n)) > 0)
        n += (size_t)got;
    char range[64];
    long long first = -1, last = -1;
    read_header(c, "Range", range, sizeof range);
    read_header(c, "If-Range", c->if_range, sizeof c->if_range);
    sscanf(range, "bytes=%lld-%lld", &first, &last);
    c->first = first;
    c->last = last;
    atomic_fetch_add(&c->server->ranged, first >= 0);
    remember(c);
    return (sscanf(c->request, "GET %511[^ ?#]", c->path) == 1 ||
            sscanf(c->request, "HEAD %511[^ ?#]", c->path) == 1 ||
            sscanf(c->request, "POST %511[^ ?#]", c->path) == 1) &&
           c->path[0] == '/';
}

/* --- choosing --- */

void server_heal(struct server *s)
{
    pthread_mutex_lock(&s->mutex);
    s->n_faults = 0;
    pthread_mutex_unlock(&s->mutex);
}

int server_fault(struct server *s, const char *path, const char *kind)
{
    const struct kind *k = kind_named(kind);
    if (!k || s->n_faults == MAX_FAULTS)
        return -1;
    pthread_mutex_lock(&s->mutex);
    struct fault *f = &s->faults[s->n_faults++];
    bool rooted = path[0] == '/' || path[0] == '*';
    *f = (struct fault){.kind = k};
    snprintf(f->path, sizeof f->path, "%s%s", rooted ? "" : "/", path);
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

static bool is_once(const struct kind *k)
{
    return strstr(k->name, "-once") != NULL;
}

static const struct kind *pick(struct server *s, const char *path)
{
    const struct kind *found = NULL, *every = NULL;
    bool own = false;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = 0; i < s->n_faults && !found; i++) {
        struct fault *f = &s->faults[i];
        bool here = strcmp(f->path, path) == 0;
        own = own || here;
        if (here && !f->used) {
            found = f->kind;
            f->used = is_once(f->kind);
        } else if (strcmp(f->path, "*") == 0) {
            every = f->kind;
        }
    }
    pthread_mutex_unlock(&s->mutex);
    return found ? found : every && !own ? every : &kinds[0];
}

/* --- serving --- */

/* False: no TLS with this one. */
static bool shake_hands(struct conn *c)
{
    if (!c->server->tls)
        return true;
    c->ssl = SSL_new(c->server->tls);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_accept(c->ssl) == 1;
}

/* False: that was the last one over this connection. */
static bool answer_one(struct conn *c)
{
    memset(c->request, 0, sizeof c->request);
    if (!read_request(c) || give_special(c))
        return false;
    const struct kind *k = pick(c->server, c->path);
    c->keeps = k == &kinds[0] && atomic_load(&c->server->keeps);
    k->give(c, k);
    return c->keeps;
}

static void *answer(void *arg)
{
    struct conn *c = arg;
    struct server *s = c->server;
    for (bool more = shake_hands(c); more;)
        more = answer_one(c);
    if (c->fd >= 0) {
        if (c->ssl)
            SSL_shutdown(c->ssl);
        shutdown(c->fd, SHUT_WR);
        close(c->fd);
    }
    SSL_free(c->ssl);
    ERR_clear_error();
    free(c);
    atomic_fetch_sub(&s->running, 1);
    return NULL;
}

static void *serve(void *arg)
{
    struct server *s = arg;
    while (!atomic_load(&s->stop)) {
        int fd = accept(s->listener, NULL, NULL);
        if (fd < 0)
            continue;
        atomic_fetch_add(&s->requests, 1);
        struct conn *c = calloc(1, sizeof *c);
        pthread_t thread;
        c->server = s;
        c->fd = fd;
        atomic_fetch_add(&s->running, 1);
        if (pthread_create(&thread, NULL, answer, c) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

static int listen_at(struct server *s, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, size) != 0 ||
        listen(s->listener, 64) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0)
        return -1;
    snprintf(s->url, sizeof s->url, s->tls ? "https://localhost:%d" : "http://127.0.0.1:%d",
             ntohs(at.sin_port));
    return 0;
}

static struct server *start(const char *dir, int port, SSL_CTX *tls)
{
    struct server *s = calloc(1, sizeof *s);
    s->tls = tls;
    s->heard = calloc(1, MAX_HEARD);
    snprintf(s->dir, sizeof s->dir, "%s", dir ? dir : "");
    pthread_mutex_init(&s->mutex, NULL);
    signal(SIGPIPE, SIG_IGN); /* SSL_write has no MSG_NOSIGNAL */
    if (listen_at(s, port) != 0) {
        free(s->heard);
        free(s);
        return NULL;
    }
    pthread_create(&s->thread, NULL, serve, s);
    return s;
}

struct server *server_start(const char *dir, int port)
{
    return start(dir, port, NULL);
}

struct server *server_start_tls(const char *dir, int port, const struct ca_leaf *leaf, bool tls_1_0)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(tls, leaf->cert);
    SSL_CTX_use_PrivateKey(tls, leaf->key);
    if (tls_1_0) {
        SSL_CTX_set_security_level(tls, 0);
        SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(tls, TLS1_VERSION);
    }
    return start(dir, port, tls);
}

void server_keep(struct server *s)
{
    atomic_store(&s->keeps, true);
}

void server_set_other(struct server *s, const char *url)
{
    snprintf(s->other_url, sizeof s->other_url, "%s", url);
}

const char *server_url(const struct server *s)
{
    return s->url;
}

size_t server_requests(const struct server *s)
{
    return atomic_load(&s->requests);
}

size_t server_ranged(const struct server *s)
{
    return atomic_load(&s->ranged);
}

size_t server_count(struct server *s, const char *text)
{
    size_t n = 0;
    pthread_mutex_lock(&s->mutex);
    for (const char *p = s->heard; (p = strstr(p, text)); p++)
        n++;
    pthread_mutex_unlock(&s->mutex);
    return n;
}

bool server_heard(struct server *s, const char *text)
{
    return server_count(s, text) > 0;
}

void server_stop(struct server *s)
{
    atomic_store(&s->stop, true);
    shutdown(s->listener, SHUT_RDWR); /* wakes accept */
    close(s->listener);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < 500 && atomic_load(&s->running) > 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    SSL_CTX_free(s->tls);
    free(s->heard);
    free(s);
}
