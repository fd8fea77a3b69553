/* proof.h - is this body the file that was asked for?
 *
 *     struct rn_proof p = {.formats = formats, .file = file, .source = source, .pin = pin,
 *                          .body = "partial/x.part", .r = &r};
 *     RN_TRY(rn_prove(&p, err));                       errors: our disk, our memory
 *     if (r.finding.verdict == RN_ACCEPTED) ...        p.payload is proven, p.sha256 its digest
 *     rn_proof_release(&p);
 *
 * The proof, in order: digest of the body, looks of the body, what publisher and server say of it,
 * member or packing, pinned digest, size, looks of the payload, ending, declared format, archive
 * rules. A matching pin is proof enough against looks and claims, not against the declared format.
 * What the other side did wrong is a finding in r, never an error. */
#ifndef RN_PROOF_H
#define RN_PROOF_H

#include "format.h"
#include "lfs.h"
#include "pins.h"
#include "source.h"
#include "sums.h"
#include "unpack.h"

struct rn_fetch_file {
    const char *id;                  /* in the lock; no blanks */
    const char *name;                /* for messages and quarantine; no slash */
    const struct rn_source *sources; /* tried in this order */
    size_t n_sources;
    const char *sha256; /* of the payload, or NULL */
    const char *sums;   /* url of the publisher's SHA256SUMS, or NULL */
    bool passing;       /* of use now only: it is not pinned */
    int64_t size_bytes; /* of the payload, or -1 */
    struct rn_expect expect;
    const struct rn_unpack *unpack; /* the payload is a zip that must pass these rules; or NULL */
};

struct rn_proof {
    const struct rn_format *formats; /* ends with name NULL */
    const struct rn_fetch_file *file;
    const struct rn_source *source; /* that gave the body */
    const char *pin;                /* digest the payload must have, or NULL */
    const struct rn_sums *sums;     /* names the body or the payload; or NULL */
    const struct rn_lfs *lfs;       /* the pointer that led to this body; or NULL */
    const char *body;               /* as it was sent: a file */
    const void *bytes;              /* and all of it in memory, or NULL: it is not */
    struct rn_response *r;          /* of the body, transferred whole: finding RN_ACCEPTED */
    /* The answer: */
    char *payload;       /* the body, or what was taken out of it: a file beside it; owned */
    char sha256[RN_HEX]; /* of the payload */
    int64_t got_bytes;   /* of the payload */
    enum rn_trust trust; /* without a pin: whose word the digest rests on */
};

/* Before a file is there: opens what proving it will take, as far as that is known: see
 * rn_archive_need. RN_EIO. */
int rn_prove_need(const struct rn_fetch_file *, struct rn_err *);

/* RN_OK with r->finding; RN_ECONFIG: the declared format is none; RN_EIO, RN_ENOSPACE. Any
 * thread. */
int rn_prove(struct rn_proof *, struct rn_err *);
void rn_proof_release(struct rn_proof *);

/* Size, format and archive rules alone, for a payload whose digest is known to be right. */
int rn_prove_check(const struct rn_format *formats, const struct rn_fetch_file *, const char *path,
                   int64_t size_bytes, struct rn_finding *, struct rn_err *);

/* The digest that the file must have: from the file, else from the lock, else NULL. */
const char *rn_fetch_pin(const struct rn_pins *, const struct rn_fetch_file *, enum rn_trust *);
/* True if some format of that name can be checked ("zip" is known here). */
bool rn_format_known(const struct rn_format *formats, const char *name);

#endif
