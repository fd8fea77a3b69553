#include "ca.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { DAY_S = 24 * 3600 };

struct ca {
    X509 *cert;
    EVP_PKEY *key;
};

static X509 *new_cert(EVP_PKEY *key, const char *name, long from_s, long to_s)
{
    static long serial = 1;
    X509 *cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++);
    X509_gmtime_adj(X509_getm_notBefore(cert), from_s);
    X509_gmtime_adj(X509_getm_notAfter(cert), to_s);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(cert, key);
    return cert;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

struct ca *ca_new(const char *pem_path)
{
    struct ca *ca = calloc(1, sizeof *ca);
    ca->key = EVP_EC_gen("P-256");
    char name[64]; /* of its own: an authority is looked up by it */
    snprintf(name, sizeof name, "runnel test CA %p", (void *)ca);
    ca->cert = new_cert(ca->key, name, -DAY_S, DAY_S);
    X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert));
    add_extension(ca->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca->cert, NID_key_usage, "critical,keyCertSign");
    X509_sign(ca->cert, ca->key, EVP_sha256());
    FILE *f = fopen(pem_path, "w");
    if (!f || !PEM_write_X509(f, ca->cert)) {
        ca_free(ca);
        ca = NULL;
    }
    if (f)
        fclose(f);
    return ca;
}

struct ca_leaf ca_leaf(const struct ca *ca, enum ca_fault fault)
{
    struct ca_leaf leaf = {.key = EVP_EC_gen("P-256")};
    long from_s = fault == CA_NOT_YET ? DAY_S / 2 : -DAY_S;
    leaf.cert = new_cert(leaf.key, "leaf", from_s, fault == CA_EXPIRED ? -1 : DAY_S);
    bool self = fault == CA_SELF_SIGNED;
    X509_set_issuer_name(leaf.cert, X509_get_subject_name(self ? leaf.cert : ca->cert));
    add_extension(leaf.cert, NID_subject_alt_name,
                  fault == CA_OTHER_NAME ? "DNS:example.org" : "DNS:localhost,IP:127.0.0.1");
    X509_sign(leaf.cert, self ? leaf.key : ca->key, EVP_sha256());
    return leaf;
}

void ca_leaf_release(struct ca_leaf *leaf)
{
    X509_free(leaf->cert);
    EVP_PKEY_free(leaf->key);
}

void ca_free(struct ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    free(ca);
}
