/* who.h - whose secrets a fetch may use, as the usual tools of each kind find them.
 *
 *     struct rn_who who;
 *     RN_TRY(rn_who_read(&who, err));             once, from the environment and home
 *     struct rn_who mine = rn_who_only(&who, RN_AUTH_NONE);
 *     rn_who_release(&who);
 *
 *     hub      HF_TOKEN; HF_TOKEN_PATH, $HF_HOME/token, ~/.cache/huggingface/token; HF_ENDPOINT
 *     netrc    $NETRC, ~/.netrc (if it is there, read when a host is asked)
 *     s3       AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, or the profile
 *              $AWS_PROFILE (default) of ~/.aws/credentials; AWS_REGION, AWS_DEFAULT_REGION or
 *              the profile in ~/.aws/config; AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL
 *
 * What is found here is sent to its own host and written nowhere. */
#ifndef RN_WHO_H
#define RN_WHO_H

#include "mem.h"

#define RN_HUB_HOST "huggingface.co"
#define RN_HUB      "https://" RN_HUB_HOST

/* What `auth:` of an entry says. */
enum rn_auth { RN_AUTH_AUTO, RN_AUTH_HF, RN_AUTH_NETRC, RN_AUTH_S3, RN_AUTH_NONE };

/* NULL: none, or the default. Zeroes: nobody's secrets. */
struct rn_who {
    const char *hf_token;
    const char *hf_endpoint; /* RN_HUB */
    const char *netrc_path;
    const char *s3_key, *s3_secret, *s3_session; /* no key: anonymous */
    const char *s3_region, *s3_endpoint;         /* us-east-1, AWS's */
    double now_s;                                /* 0: the clock; tests give AWS's example time */
    struct rn_arena arena;                       /* owns the strings that rn_who_read found */
};

/* RN_ECONFIG: a secret that no header can carry. Safe to release in any case. */
int rn_who_read(struct rn_who *, struct rn_err *);
void rn_who_release(struct rn_who *);

/* The same without the secrets that `auth` leaves out; borrows, not to be released. */
struct rn_who rn_who_only(const struct rn_who *, enum rn_auth);

#endif
