#include "server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FAULTS = 256, MAX_REQUEST = 8192, MAX_PATH = 512 };

struct fault {
    char path[MAX_PATH];
    const struct kind *kind;
    bool used; /* a -once fault that was given */
};

struct server {
    int listener;
    char url[64], dir[MAX_PATH];
    pthread_t thread;
    pthread_mutex_t mutex; /* over faults */
    struct fault faults[MAX_FAULTS];
    size_t n_faults;
    atomic_size_t requests;
    atomic_int running; /* connections being answered */
    atomic_bool stop;
};

struct request {
    struct server *server;
    int fd;
    char path[MAX_PATH];
};

/* --- sending --- */

static bool send_bytes(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    while (n > 0) {
        ssize_t done = send(fd, p, n, MSG_NOSIGNAL);
        if (done <= 0)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

/* declared < 0: no Content-Length. */
static bool send_head(int fd, const char *status, const char *type, long long declared,
                      const char *more)
{
    char head[1024], length[64] = "";
    if (declared >= 0)
        snprintf(length, sizeof length, "Content-Length: %lld\r\n", declared);
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: %s\r\n%s%sConnection: close\r\n\r\n", status,
                     type, length, more);
    return send_bytes(fd, head, (size_t)n);
}

static void send_text(int fd, const char *status, const char *type, const char *body)
{
    if (send_head(fd, status, type, (long long)strlen(body), ""))
        send_bytes(fd, body, strlen(body));
}

/* --- files --- */

/* Content of the requested file, or NULL. */
static char *read_wanted(const struct request *r, size_t *n)
{
    char path[2 * MAX_PATH];
    struct stat st;
    snprintf(path, sizeof path, "%s%s", r->server->dir, r->path);
    FILE *f = r->server->dir[0] && !strstr(r->path, "..") ? fopen(path, "rb") : NULL;
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

/* --- kinds --- */

static const char s3_error[] =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code><Message>Access "
    "Denied</Message><RequestId>7Z4Q1W9B2K8XN5RT</"
    "RequestId><HostId>mN8vB2cX4zL6kJ1hG3fD5sA7pO9iU0yT"
    "rE2wQ4qWeRtYuIoPaSdFgHjKlZxCvBnM1a2b3c4d5eE=</HostId></Error>";
static const char html[] = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>"
                           "<body>Please sign in to continue</body></html>\n";
static const char json_error[] = "{\"error\": \"Repository not found\"}\n";
static const char lfs_pointer[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

static void give_not_found(const struct request *r)
{
    send_text(r->fd, "404 Not Found", "text/plain", "no such file\n");
}

static void give_ok(const struct request *r)
{
    size_t n;
    char *bytes = read_wanted(r, &n);
    if (!bytes)
        give_not_found(r);
    else if (send_head(r->fd, "200 OK", "application/octet-stream", (long long)n, ""))
        send_bytes(r->fd, bytes, n);
    free(bytes);
}

static void give_403_xml(const struct request *r)
{
    send_text(r->fd, "403 Forbidden", "application/xml", s3_error);
}

static void give_200_xml(const struct request *r)
{
    send_text(r->fd, "200 OK", "application/xml", s3_error);
}

static void give_html(const struct request *r)
{
    send_text(r->fd, "200 OK", "text/html", html);
}

static void give_json_error(const struct request *r)
{
    send_text(r->fd, "200 OK", "application/json", json_error);
}

static void give_lfs(const struct request *r)
{
    send_text(r->fd, "200 OK", "text/plain", lfs_pointer);
}

static void give_429(const struct request *r)
{
    if (send_head(r->fd, "429 Too Many Requests", "text/plain", 5, "Retry-After: 1\r\n"))
        send_bytes(r->fd, "slow\n", 5);
}

static void give_503(const struct request *r)
{
    send_text(r->fd, "503 Service Unavailable", "text/html", html);
}

static void give_401(const struct request *r)
{
    send_text(r->fd, "401 Unauthorized", "text/plain", "token wanted\n");
}

static void give_511(const struct request *r)
{
    send_text(r->fd, "511 Network Authentication Required", "text/html", html);
}

static void give_204(const struct request *r)
{
    send_head(r->fd, "204 No Content", "text/plain", -1, "");
}

static void give_empty(const struct request *r)
{
    send_head(r->fd, "200 OK", "text/plain", 0, "");
}

/* Half of the file; `declared` says how many bytes the head promises for n. */
static void give_half(const struct request *r, const char *status, long long (*declared)(size_t n))
{
    size_t n;
    char *bytes = read_wanted(r, &n);
    if (bytes && send_head(r->fd, status, "application/octet-stream", declared(n), ""))
        send_bytes(r->fd, bytes, n / 2);
    free(bytes);
}

static long long whole(size_t n)
{
    return (long long)n;
}

static long long nothing(size_t n)
{
    (void)n;
    return -1;
}

static long long half(size_t n)
{
    return (long long)(n / 2);
}

static void give_cut(const struct request *r)
{
    give_half(r, "200 OK", whole);
}

static void give_cut_close(const struct request *r)
{
    give_half(r, "200 OK", nothing);
}

static void give_wrong_length(const struct request *r)
{
    give_half(r, "200 OK", half);
}

static void give_206(const struct request *r)
{
    give_half(r, "206 Partial Content", half);
}

static void give_cut_chunked(const struct request *r)
{
    size_t n;
    char *bytes = read_wanted(r, &n), size[32];
    int digits = snprintf(size, sizeof size, "%zx\r\n", n);
    if (bytes && send_head(r->fd, "200 OK", "text/plain", -1, "Transfer-Encoding: chunked\r\n") &&
        send_bytes(r->fd, size, (size_t)digits))
        send_bytes(r->fd, bytes, n / 2);
    free(bytes);
}

static void give_gzip(const struct request *r)
{
    static const char body[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03 not really";
    if (send_head(r->fd, "200 OK", "text/plain", sizeof body - 1, "Content-Encoding: gzip\r\n"))
        send_bytes(r->fd, body, sizeof body - 1);
}

/* Headers that no terminal and no JSON file should see as they are. */
static void give_evil_headers(const struct request *r)
{
    send_text(r->fd, "200 OK", "text/\033[31m\xff\xfe\"",
              "<html><title>\033[2J\xff</title></html>");
}

static void nap(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

/* A few bytes a second, until the client goes or the server stops. */
static void give_drip(const struct request *r)
{
    if (!send_head(r->fd, "200 OK", "application/octet-stream", 1 << 20, ""))
        return;
    while (!atomic_load(&r->server->stop) && send_bytes(r->fd, "x", 1))
        nap(100);
}

/* Accepts and says nothing. */
static void give_hang(const struct request *r)
{
    char c;
    while (!atomic_load(&r->server->stop) && recv(r->fd, &c, 1, MSG_DONTWAIT | MSG_PEEK) != 0)
        nap(50);
}

static void give_endless(const struct request *r)
{
    static const char block[1 << 16] = "{\"text\": \"more\"}\n";
    if (!send_head(r->fd, "200 OK", "application/octet-stream", -1, ""))
        return;
    while (!atomic_load(&r->server->stop) && send_bytes(r->fd, block, sizeof block))
        ;
}

static void redirect_to(const struct request *r, const char *target)
{
    char location[MAX_PATH + 128];
    snprintf(location, sizeof location, "Location: %s\r\n", target);
    if (send_head(r->fd, "302 Found", "text/html", (long long)strlen(html), location))
        send_bytes(r->fd, html, strlen(html));
}

/* To the same file under /moved, which is served without faults. */
static void give_redirect(const struct request *r)
{
    char target[MAX_PATH + 96];
    snprintf(target, sizeof target, "%s/moved%s", r->server->url, r->path);
    redirect_to(r, target);
}

static void give_redirect_http(const struct request *r)
{
    redirect_to(r, "http://198.51.100.7/login"); /* TEST-NET-2: nobody is there */
}

static void give_redirect_loop(const struct request *r)
{
    char target[MAX_PATH + 96];
    snprintf(target, sizeof target, "%s%s", r->server->url, r->path);
    redirect_to(r, target);
}

static void give_redirect_html(const struct request *r)
{
    char target[128];
    snprintf(target, sizeof target, "%s/moved/login.html", r->server->url);
    redirect_to(r, target);
}

static void give_reset(const struct request *r)
{
    struct linger hard = {1, 0};
    setsockopt(r->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

static const struct kind {
    const char *name;
    void (*give)(const struct request *);
} kinds[] = {
    {"ok", give_ok},
    {"403-xml", give_403_xml},
    {"200-xml", give_200_xml},
    {"html", give_html},
    {"json-error", give_json_error},
    {"lfs", give_lfs},
    {"cut", give_cut},
    {"cut-once", give_cut},
    {"cut-close", give_cut_close},
    {"cut-chunked", give_cut_chunked},
    {"wrong-length", give_wrong_length},
    {"206", give_206},
    {"204", give_204},
    {"empty", give_empty},
    {"gzip", give_gzip},
    {"evil-headers", give_evil_headers},
    {"401", give_401},
    {"404", give_not_found},
    {"429", give_429},
    {"429-once", give_429},
    {"503", give_503},
    {"503-once", give_503},
    {"511", give_511},
    {"redirect", give_redirect},
    {"redirect-http", give_redirect_http},
    {"redirect-loop", give_redirect_loop},
    {"redirect-html", give_redirect_html},
    {"drip", give_drip},
    {"hang", give_hang},
    {"endless", give_endless},
    {"reset", give_reset},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

const char *const *server_faults(void)
{
    static const char *names[N_KINDS + 1];
    for (size_t i = 0; i < N_KINDS; i++)
        names[i] = kinds[i].name;
    return names;
}

static const struct kind *kind_named(const char *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

int server_fault(struct server *s, const char *path, const char *kind)
{
    const struct kind *k = kind_named(kind);
    if (!k || s->n_faults == MAX_FAULTS)
        return -1;
    pthread_mutex_lock(&s->mutex);
    struct fault *f = &s->faults[s->n_faults++];
    bool rooted = path[0] == '/' || path[0] == '*';
    snprintf(f->path, sizeof f->path, "%s%s", rooted ? "" : "/", path);
    f->kind = k;
    pthread_mutex_unlock(&s->mutex);
    return 0;
}

/* --- answering --- */

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

static bool read_request(struct request *r)
{
    char text[MAX_REQUEST + 1];
    size_t n = 0;
    ssize_t got = 0;
    text[0] = '\0';
    while (n < MAX_REQUEST && !strstr(text, "\r\n\r\n") &&
           (got = recv(r->fd, text + n, MAX_REQUEST - n, 0)) > 0) {
        n += (size_t)got;
        text[n] = '\0';
    }
    return sscanf(text, "GET %511[^ ?#]", r->path) == 1 && r->path[0] == '/';
}

static void *answer(void *arg)
{
    static const char moved[] = "/moved";
    struct request *r = arg;
    struct server *s = r->server;
    if (read_request(r)) {
        if (strcmp(r->path, "/moved/login.html") == 0) {
            give_html(r);
        } else if (strncmp(r->path, moved, strlen(moved)) == 0) {
            memmove(r->path, r->path + strlen(moved), strlen(r->path) - strlen(moved) + 1);
            give_ok(r);
        } else {
            pick(s, r->path)->give(r);
        }
    }
    shutdown(r->fd, SHUT_WR);
    close(r->fd);
    free(r);
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
        struct request *r = calloc(1, sizeof *r);
        pthread_t thread;
        r->server = s;
        r->fd = fd;
        atomic_fetch_add(&s->running, 1);
        if (pthread_create(&thread, NULL, answer, r) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

struct server *server_start(const char *dir, int port)
{
    struct server *s = calloc(1, sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, size) != 0 ||
        listen(s->listener, 64) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&at, &size) != 0) {
        free(s);
        return NULL;
    }
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    snprintf(s->dir, sizeof s->dir, "%s", dir ? dir : "");
    pthread_mutex_init(&s->mutex, NULL);
    pthread_create(&s->thread, NULL, serve, s);
    return s;
}

const char *server_url(const struct server *s)
{
    return s->url;
}

size_t server_requests(const struct server *s)
{
    return atomic_load(&s->requests);
}

void server_stop(struct server *s)
{
    atomic_store(&s->stop, true);
    shutdown(s->listener, SHUT_RDWR); /* wakes accept */
    close(s->listener);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < 500 && atomic_load(&s->running) > 0; i++)
        nap(10);
    free(s);
}
