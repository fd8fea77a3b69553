/* alerts.h - what somebody who is away should hear of a stage at work.
 *
 *     struct rn_vigil v;
 *     rn_vigil_start(&v, stage, kind, raise, ctx, now_s);
 *     rn_vigil_hear(&v, &news, now_s);                what its process tells
 *     rn_vigil_see(&v, &signs, now_s);                now and then, what else can be seen
 *     rn_vigil_stop(&v);
 *
 * The rules are the rows of alerts.def, each a test over what was heard and seen. One that comes
 * to hold raises its alert, once: not again before it stopped holding, nor within ten minutes; what
 * was passed over meanwhile is counted and told with the next. Clocks are handed in, and nothing is
 * done to the stage: that is `watch:` (watch.h). One thread. */
#ifndef RN_ALERTS_H
#define RN_ALERTS_H

#include "ring.h"
#include "wire.h"

enum rn_alert_id {
#define ALERT(id, name, level, doc) RN_ALERT_##id,
#define TOLD(id, name, level, doc)  RN_ALERT_##id,
#include "alerts.def"
#undef TOLD
#undef ALERT
    RN_ALERTS
};
struct rn_alert_row {
    const char *name, *level, *doc; /* level: "warning", "critical" */
};
extern const struct rn_alert_row rn_alert_rows[RN_ALERTS];

enum { RN_ALERT_TEXT = 224 };
struct rn_alert {
    enum rn_alert_id id;
    const char *stage;
    int64_t step; /* -1: none yet */
    char text[RN_ALERT_TEXT];
};

/* What can be seen from outside of the stage's process; NaN: not known. */
struct rn_signs {
    double disk_free_bytes, checkpoint_bytes; /* of its checkpoints' disk; of one of them */
    double since_save_s;                      /* since the newest checkpoint, or since it began */
    double save_every_s, save_every_steps;    /* as configured; 0: never */
    double hottest_c, slowdown_c;             /* the GPU that is nearest to its limit */
    bool throttled;                           /* some GPU, hard (nvml.h) */
    int lost;                                 /* GPUs */
};
extern const struct rn_signs rn_no_signs; /* nothing is known */

struct rn_vigil {
    const char *stage;
    const struct rn_stage *kind;
    void (*raise)(void *ctx, const struct rn_alert *);
    void *ctx;
    struct rn_rule_state {
        bool holds, passed_over; /* raised and still so; came to hold too soon after the last */
        double told_s;
        int n_passed;
    } rules[RN_ALERTS];
    int64_t step;          /* newest it told of, -1: none */
    double step_s, life_s; /* when; the last sign of life. NaN: none */
    struct rn_ring gaps_s; /* between steps */
    struct rn_ring loss, norm, rate;
    char odd[64];                /* name of a newest value that is no number, or "" */
    double loss_z, norm_z;       /* of the newest */
    double throttled_since_s;    /* NaN: not now */
    char warning[RN_ALERT_TEXT]; /* not judged yet */
    struct rn_signs signs;
};

/* What raise gets is borrowed for the call; stage and kind must outlive the vigil. */
void rn_vigil_start(struct rn_vigil *, const char *stage, const struct rn_stage *kind,
                    void (*raise)(void *ctx, const struct rn_alert *), void *ctx, double now_s);
void rn_vigil_hear(struct rn_vigil *, const struct rn_news *, double now_s);
void rn_vigil_see(struct rn_vigil *, const struct rn_signs *, double now_s);
void rn_vigil_stop(struct rn_vigil *); /* safe when zeroed */

#endif
