/* Requests that are made together travel together. */
#include "cork.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static int listening(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(bind(s, (struct sockaddr *)&at, n) == 0 && listen(s, 4) == 0);
    cr_assert_eq(getsockname(s, (struct sockaddr *)&at, &n), 0);
    snprintf(url, 64, "http://127.0.0.1:%d/", ntohs(at.sin_port));
    return s;
}

static int is_corked(int s)
{
    int corked = -1;
    socklen_t n = sizeof corked;
    cr_assert_eq(getsockopt(s, IPPROTO_TCP, TCP_CORK, &corked, &n), 0);
    return corked;
}

Test(cork, holds_the_sockets_that_a_handle_opens_until_it_closes_them)
{
    char url[64];
    struct rn_cork cork = {0};
    int server = listening(url);
    CURL *c = curl_easy_init();
    rn_cork_watch(&cork, c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
    cr_assert_eq(curl_easy_perform(c), CURLE_OK);
    cr_assert_eq(cork.n, 1);
    cr_assert_eq(is_corked(cork.sockets[0]), 0);
    rn_cork_hold(&cork);
    cr_assert_eq(is_corked(cork.sockets[0]), 1);
    rn_cork_let_go(&cork);
    cr_assert_eq(is_corked(cork.sockets[0]), 0);
    curl_easy_cleanup(c);
    cr_assert_eq(cork.n, 0);
    rn_cork_release(&cork);
    close(server);
}
