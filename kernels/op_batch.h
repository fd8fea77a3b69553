/* op_batch.h - how many ops a device may be asked to compute at once (rn_prog_together).
 *
 * A GPU launches one kernel for all weights, and multiplies matrices of one shape together: a few
 * large calls instead of many small ones. Rows of a batch travel as arguments of a kernel, of which
 * there are 4 KiB. A matrix of Muon takes 18 bytes of scratch memory an element. */
#ifndef RN_OP_BATCH_H
#define RN_OP_BATCH_H

enum {
    RN_ADAMW_BATCH = 64,
    RN_SUMSQ_BATCH = 64,
    RN_MUON_BATCH = 16,
    RN_MUON_BATCH_ELEMENTS = 1 << 24 /* of all matrices of more than one */
};

#endif
