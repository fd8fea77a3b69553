#!/usr/bin/env bash
# Faults planted into the CPU's kernels: the tests of the ops must fail. Some minutes.
set -u
src=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$src/tests/soak/plant.bash"

# file, what stands there, what is put in its place, what that breaks
faults=(
    'attention' 'i < rn_min(lo, TILE)' 'i < 0' 'later keys are seen'
    'attention' 'hi = lo + t->window;' 'hi = lo + t->window + 1;' 'a window one too wide'
    'attention' 'rn_max(0, i0 - t->window)' 'rn_max(0, i0 - t->window + 1)' 'the first key of a window'
    'attention' 'i < w->n ? mean_of(t, w, i) : 0' '0' 'backward of the softmax'
    'attention' 't->acc >> 1 & 1' 't->acc >> 2 & 1' 'the wrong bit of acc'
    'attention' 'r->sum[i] *= r->shrink[i];' '' 'old sums are not shrunk'
    'head_loss' 'r0 > 0 || (h->acc >> 1 & 1)' '(h->acc >> 1 & 1)' 'a chunk overwrites the ones before'
    'head_loss' 'return 1.0f - t * t;' 'return 1.0f;' 'the slope of the cap'
    'head_loss' 'clear_padding(&h);' '' 'gradients of padded rows'
    'head_loss' 'else if (gradient)' 'else if (!gradient)' 'gradients of rows without target'
    'rope_norm' 'u2 * c + u1 * s' 'u2 * c - u1 * s' 'the turn back'
    'rmsnorm' 'b.y[i] * mean' 'mean' 'backward of the norm'
    'layernorm' '(x[i] - m) * s * mean_gn' 'mean_gn' 'backward of the norm'
    'lincomb' 'a->attrs.f[i] * p[a->attrs.i[i]]' 'a->attrs.f[i] * p[0]' 'the index of a coefficient'
    'relu2' '2.0f * sqrtf' 'sqrtf' 'a factor'
    'gelu' '0.044715f * x * x * x' '0.0447f * x * x * x' 'a constant in its fourth digit'
    've_gate' 's->ids[r] < hi' 's->ids[r] <= hi' 'rows that two pieces own'
    'smear' 'r % s.T == 0' 'r == 0' 'the first position of later rows'
    'linear' '.add = a->acc >> 1 & 1}' '.add = false}' 'gradients of weights that are there already'
    'embed' '!(a->acc & 2)' 'true' 'gradients of embeddings that are there already'
    'adamw' 'h->beta2 * v[i]' 'v[i]' 'the second moment never fades'
    'adamw' 'w[i] * shrink' 'w[i]' 'decay'
    'muon' 'm->X[i] = b - (b - g) * (1.0f - m->momentum);' 'm->X[i] = b;' 'the look ahead of the momentum'
    'muon' 'rows = m->N >= m->K' 'rows = m->N > m->K' 'which variance a square matrix has'
    'muon' 'm->mul[i] = 1.0f / sqrtf(fmaxf(m->buf2[i], 1e-10f));' 'm->mul[i] = 1.0f / fmaxf(m->buf2[i], 1e-10f);'
    'a root of the variance'
    'muon' 'x * w >= 0 ? m->decay * w : 0' 'm->decay * w' 'decay against the update'
)

plant_begin runnel-cpu
passes 'ops/*' || { tail "$work/log"; exit 1; }
for ((i = 0; i < ${#faults[@]}; i += 4)); do
    plant_try "kernels/cpu/${faults[i]}_cpu.c" "${faults[@]:i + 1:3}" 'ops/*'
done
plant_end
