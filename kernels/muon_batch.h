/* muon_batch.h - how much of Muon a device may do at once.
 *
 * Matrices of one shape are multiplied together: a GPU's few large products instead of many small
 * ones, at 18 bytes of scratch memory an element. */
#ifndef RN_MUON_BATCH_H
#define RN_MUON_BATCH_H

enum { RN_MUON_BATCH = 16, RN_MUON_BATCH_ELEMENTS = 1 << 24 }; /* matrices; elements of them all */

#endif
