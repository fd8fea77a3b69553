/* netrc.h - the login that ~/.netrc holds for one host.
 *
 *     char *login;
 *     RN_TRY(rn_netrc_find("/home/me/.netrc", "example.org", &login, err));
 *     if (login) ...                                       "user:password"; caller frees
 *
 * Hosts are compared whole and without case; a `default` entry is nobody's. A file that others can
 * read gives no password away by us: that is RN_ECONFIG, but only when the host is in it. */
#ifndef RN_NETRC_H
#define RN_NETRC_H

#include "err.h"

/* *login NULL: no file, or no entry of the host. RN_ECONFIG, RN_EIO. */
int rn_netrc_find(const char *path, const char *host, char **login, struct rn_err *);

#endif
