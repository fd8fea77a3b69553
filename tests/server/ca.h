/* tests/server/ca.h - a certificate authority that lives as long as a test.
 *
 *     struct ca *ca = ca_new("dir/ca.pem");            what SSL_CERT_FILE shall name
 *     struct ca_leaf leaf = ca_leaf(ca, CA_GOOD);
 *     server = server_start_tls(dir, 0, &leaf, false);
 *     ca_leaf_release(&leaf);
 *     ca_free(ca); */
#ifndef CA_H
#define CA_H

#include <openssl/evp.h>
#include <openssl/x509.h>

enum ca_fault {
    CA_GOOD, /* for localhost and 127.0.0.1 */
    CA_OTHER_NAME,
    CA_EXPIRED,
    CA_NOT_YET,
    CA_SELF_SIGNED
};

struct ca;
struct ca_leaf {
    X509 *cert;
    EVP_PKEY *key;
};

struct ca *ca_new(const char *pem_path); /* NULL: the file is not written */
struct ca_leaf ca_leaf(const struct ca *, enum ca_fault);
void ca_leaf_release(struct ca_leaf *);
void ca_free(struct ca *);

#endif
