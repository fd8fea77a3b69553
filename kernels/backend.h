/* backend.h - the border between the op program and a backend plugin.
 *
 *     const struct rn_backend *rn_plugin_open(const struct rn_host *host, struct rn_err *err)
 *     {
 *         if (!rn_host_fits(host, err))       same build? one line if not
 *             return NULL;
 *         return &backend;                    static: borrowed by the host, never freed
 *     }
 *
 * The host opens a device, takes memory from it, and hands over a list of calls: ops with their
 * pointers resolved. The backend keeps that list in whatever form replays fastest and runs it.
 * Nothing crosses the border with a change of owner, except memory of `alloc` back to `free` and a
 * plan back to `unplan`; no FILE * crosses at all. One thread at a time per device. */
#ifndef RN_BACKEND_H
#define RN_BACKEND_H

#include "device.h"
#include "op.h"
#include "shape.h"

enum { RN_ABI = 1, RN_ALIGN = 256 }; /* every value starts at a multiple of RN_ALIGN bytes */

/* One op with everything resolved: what a kernel gets. Absent operands and everything that a
 * backward op does not read are NULL; shapes are always filled.
 *
 *     forward     read x, write y (and the operands that the op's table says it writes)
 *     backward    read dy and the kept x and y, give every dx that is not NULL (and, with
 *                 bwd_gives_y, every y)
 *
 * Bit i of acc: add to dx[i]; clear: overwrite all of it. dy[j] is NULL where nobody used that
 * output: it counts as zero. One value may be two operands of one op. Then dx[i] == dx[j] for
 * i < j and bit j is set: what is added through dx[j] must come after what is written through
 * dx[i]. */
struct rn_args {
    void *x[RN_MAX_IN], *y[RN_MAX_OUT], *dx[RN_MAX_IN], *dy[RN_MAX_OUT];
    void *scratch; /* at least what rn_backend.scratch_bytes asked for; contents undefined */
    struct rn_shape xs[RN_MAX_IN], ys[RN_MAX_OUT];
    uint8_t x_type[RN_MAX_IN], y_type[RN_MAX_OUT]; /* enum rn_dtype; RN_F32 where absent */
    uint8_t dx_type[RN_MAX_IN], dy_type[RN_MAX_OUT];
    struct rn_attrs attrs;
    int kind; /* enum rn_op_kind */
    /* How many calls right behind this one are of its kind and may be computed with it; -1: this
     * one may be with one before. Bits are the same, so a device may as well compute each alone. */
    int behind;
    enum rn_dtype compute; /* what matrix products round their operands to */
    bool bwd;
    unsigned acc;
};

/* What a plugin may use of the program that loaded it. Valid until rn_backend.close. */
struct rn_host {
    uint32_t abi, size_bytes;
    const char *ops_digest; /* of ops.def and the headers that cross (CMakeLists.txt) */
    const struct rn_log *log;
    int (*fail)(struct rn_err *, enum rn_code, struct rn_place, const char *fmt, ...)
        RN_PRINTF(4, 5);
};

struct rn_backend {
    uint32_t abi, size_bytes;
    const char *ops_digest;
    const char *name; /* "cpu" */

    /* card -1: none was said; threads 0: all. Errors: RN_EDEVICE, RN_ENOMEM. */
    int (*open)(void **dev, const struct rn_host *, int card, int threads, struct rn_err *);
    void (*close)(void *dev);

    /* Device memory, zeroed, RN_ALIGN-aligned; offsets are added to the address by the host. */
    int (*alloc)(void *dev, void **mem, size_t size_bytes, struct rn_err *);
    void (*free)(void *dev, void *mem); /* takes NULL */
    int (*put)(void *dev, void *mem, const void *host, size_t size_bytes, struct rn_err *);
    int (*get)(void *dev, void *host, const void *mem, size_t size_bytes, struct rn_err *);
    /* As get, but host holds it after the next sync or get only: nobody waits in between. */
    int (*get_later)(void *dev, void *host, const void *mem, size_t size_bytes, struct rn_err *);
    int (*clear)(void *dev, void *mem, size_t size_bytes, struct rn_err *);
    int (*sync)(void *dev, struct rn_err *);
    /* What the device was asked for so far, as something that a comm on the same card can let its
     * own work wait for (a cudaEvent_t), once: the next call gives it a new meaning. NULL: what the
     * device was asked for is done when a call returns. */
    int (*mark)(void *dev, void **mark, struct rn_err *);

    /* Scratch memory that one call needs (pointers in args are not set yet). */
    size_t (*scratch_bytes)(void *dev, const struct rn_args *);
    /* Prepares calls[0..n); they are borrowed and stay valid and unchanged until unplan. */
    int (*plan)(void *dev, void **plan, const struct rn_args *calls, size_t n, struct rn_err *);
    void (*unplan)(void *dev, void *plan); /* takes NULL */
    /* Runs calls[first .. first+n). What is run again and again in the same ranges allocates
     * nothing on the host. */
    int (*run)(void *dev, void *plan, size_t first, size_t n, struct rn_err *);
    /* As run, and waits; took_s[i]: call first + i by the device's own clock, without waiting in
     * between. NULL: a call takes what passes on the host until a sync behind it. */
    int (*run_timed)(void *dev, void *plan, size_t first, size_t n, double *took_s,
                     struct rn_err *);

    void (*stats)(void *dev, struct rn_device_stats *);
};

typedef const struct rn_backend *rn_plugin_open_fn(const struct rn_host *, struct rn_err *);

/* True if the host was built from the same borders as the caller; else RN_EDEVICE in err. */
bool rn_host_fits(const struct rn_host *, struct rn_err *);

#endif
