/* muon_steps.h - the polynomials of Muon, for every backend: X = (a I + b A + c A A) X with
 * A = X X^T, {a, b, c} a row, five times. */
#ifndef RN_MUON_STEPS_H
#define RN_MUON_STEPS_H

enum { RN_MUON_STEPS = 5 };
static const float rn_newton_schulz[RN_MUON_STEPS][3] = {{3.4445f, -4.7750f, 2.0315f},
                                                         {3.4445f, -4.7750f, 2.0315f},
                                                         {3.4445f, -4.7750f, 2.0315f},
                                                         {3.4445f, -4.7750f, 2.0315f},
                                                         {3.4445f, -4.7750f, 2.0315f}};
static const float rn_polar_express[RN_MUON_STEPS][3] = {
    {8.156554524902461f, -22.48329292557795f, 15.878769915207462f},
    {4.042929935166739f, -2.808917465908714f, 0.5000178451051316f},
    {3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f},
    {3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f},
    {2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f}};

#endif
