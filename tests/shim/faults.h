/* tests/shim/faults.h - what a test and the preloaded shim (faults.c) share: a mapped file. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdint.h>

enum { FAULTS_PLACES = 1 << 15 };
struct faults_state {
    atomic_long calls; /* that counted, in all processes of the run */
    atomic_int fired;  /* the chosen one came */
    atomic_int armed;  /* a file below the folder was opened: memory counts from here on */
    char where[512];   /* "rename /tmp/.../manifest.json of the runner" */
    uint64_t places[FAULTS_PLACES];
};

#endif
