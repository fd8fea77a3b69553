/* hop.h - one request of a chain of redirects: what all handles of libcurl are set to.
 *
 *     rn_hop_prepare(curl, connect_s);                           once for each handle
 *     struct rn_url here = rn_url_parse(url);                    the first one's is request.at
 *     rn_hop_share(curl, small, &here);
 *     struct curl_slist *list = rn_hop_headers(&request, &here); of this hop; add what is wanted
 *     rn_hop_aim(curl, url, &here, list);
 *     ... the answer is there:
 *     if (rn_hop_next(curl, &here, &response, &url)) ...         another hop; url: libcurl's
 *
 * What a hop may be and which host may see a secret header is decided here and not by libcurl. */
#ifndef RN_HOP_H
#define RN_HOP_H

#include "http.h"
#include "request.h"

#include <curl/curl.h>

/* connect_s 0: 15. The certificates are those of $CURL_CA_BUNDLE or $SSL_CERT_FILE, if set. */
void rn_hop_prepare(CURL *, double connect_s);
/* The caller frees; must live as long as the hop. */
struct curl_slist *rn_hop_headers(const struct rn_request *, const struct rn_url *here);
/* Small bodies share one connection where the server can (HTTP/2): none waits for another's answer.
 * Large ones have each their own: several windows on a long line, nobody waits for the slowest
 * stream, and less work on both sides than HTTP/2 makes of a few large bodies. Over plain http
 * nothing is shared, so that nobody waits to hear whether it could be. */
void rn_hop_share(CURL *, bool small, const struct rn_url *here);
/* The handle asks this url next, past the proxy if it is on loopback. */
void rn_hop_aim(CURL *, const char *url, const struct rn_url *here, struct curl_slist *headers);

/* Of the answer; "" if it has none of that name. */
const char *rn_hop_header(CURL *, const char *name);
/* True if the answer sends us elsewhere and we go; counts it. False with a finding in the response:
 * it sends us where we do not go. */
bool rn_hop_next(CURL *, const struct rn_url *here, struct rn_response *, char **url);

#endif
