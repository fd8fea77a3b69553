/* sandbox_layers.h - the inside of the sandbox: from a forked child to python3, layer by
 * layer. Between fork and exec there is no allocation. */
#ifndef RN_SANDBOX_LAYERS_H
#define RN_SANDBOX_LAYERS_H

#include <linux/filter.h>
#include <stddef.h>

struct rn_cage {
    const char *root;    /* an empty folder of ours, where the file system is built */
    const char *program; /* becomes /box/program.py */
    size_t n;
    struct sock_fprog filter;
    int out;     /* where it prints; standard output and error */
    int trouble; /* where struct rn_cage_trouble goes if a layer cannot be put on; closed by exec */
};
struct rn_cage_trouble {
    int error; /* errno */
    char layer[32], step[64];
};
/* Of a forked child: puts the layers on and becomes python3 in a grandchild, whose status it
 * returns as its own: never returns. */
_Noreturn void rn_cage_enter(const struct rn_cage *);

/* The system calls that are refused, as a program for the kernel; its memory is the caller's
 * (free). 0, or an errno. */
int rn_cage_filter(struct sock_fprog *);

#endif
