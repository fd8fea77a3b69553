#!/usr/bin/env bash
# Faults planted into the CUDA kernels, which run in the emulator: the tests of the ops must fail.
# Some minutes.
set -u
src=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
. "$src/tests/soak/plant.bash"

# file, what stands there, what is put in its place, what that breaks, the op that notices
faults=(
    attention.cuh 'return j <= i &&' 'return j <= i + 1 &&' 'later keys are seen' attention
    attention.cuh 'i - j <= t.window' 'i - j < t.window' 'a window one too narrow' attention
    attention.cuh 'i + r < t.T ?' 'true ?' 'positions behind the last' attention
    attention.cuh 'j + last <= i' 'j <= i' 'a tile that not all see' attention
    attention_fwd.cuh $'rn_copies_wait<1>();\n    __syncthreads();' 'rn_copies_wait<1>();'
    'a barrier before tiles are read' attention
    attention_fwd.cuh 'rn_copies_wait<1>();' 'rn_copies_wait<2>();' 'a copy that is not waited for' attention
    attention_fwd.cuh '__syncthreads(); /* v and p' '/* v and p' 'the barrier before v is read' attention
    attention_fwd.cuh '/ RN_TILE * RN_TILE : 0' '/ RN_TILE * RN_TILE + RN_TILE : 0'
    'the first tile of a window' attention
    attention_fwd.cuh 'r.sum[half] * shrink[half] +' 'r.sum[half] +' 'old sums are not shrunk' attention
    attention_bwd.cuh 'g[n][e] - mean' 'g[n][e]' 'backward of the softmax' attention
    attention_bwd.cuh 't.acc & 4' 't.acc & 2' 'the wrong bit of acc' attention
    attention_bwd.cuh '(w.slice + n) % t.slices' 'n - 1' 'the slice that a block owns' attention
    attention_bwd.cuh $'    __syncthreads();\n}' '}' 'a barrier after a tile is shared' attention
    products.cuh '+ (k + lane / 16 * 8 + lane % 8) * lda' '+ (k + lane % 16) * lda'
    'who holds what of a transposed fragment' attention
    vec.cuh 'at % RN_VEC == 0 && at + RN_VEC <= n' 'at % RN_VEC == 0' 'a tail is written whole' gelu
    vec.cuh $'    __syncthreads();\n    float sum' '    float sum' 'a barrier before a block sums' sumsq
    columns.cuh 'r < (p + 1) * R' 'r < (p + 1) * R - 1' 'the last row' layernorm
    columns.cuh 'sum += part[p * columns + i]' 'sum = part[p * columns + i]' 'all pieces but one' layernorm
    layernorm_cuda.cu 'c + i < t.C ? x[i] - from : 0.0f' 'x[i] - from' 'elements behind a row' layernorm
    scatter.cuh $'apart, run);\n            __syncthreads();' 'apart, run);'
    'a barrier between steps of a sort' embed
    scatter.cuh 'int64_t apart = half; apart' 'int64_t apart = half / 2; apart'
    'the first step of a merge' embed
    scatter.cuh '(int64_t)(pairs[first - 1] >> 32) == id' 'false' 'each row of an id added more than once' embed
    scatter.cuh 'for (; step > 0; step /= 2)' 'for (step = 0; step > 0; step /= 2)'
    'rows that the doubling stride passed over' embed
    scatter.cuh 'pairs + i, end - i, c' 'pairs + i, RN_ROWS_AT_ONCE, c' 'rows of another id' embed
    embed_cuda.cu '!(a->acc & 2)' 'true' 'gradients that are there already' embed
    group.cuh 'step = lanes / 2' 'step = lanes / 4' 'half of a sum' rope_norm
    rope_norm_cuda.cu 'back ? -a.hi[i] : a.hi[i]' 'a.hi[i]' 'the turn back' rope_norm
    rmsnorm_cuda.cu 's * (dy[i] - y[i] * mean)' 's * (dy[i] - mean)' 'backward of the norm' rmsnorm
    lincomb_cuda.cu 'p[i][t.at[i]]' 'p[i][0]' 'the index of a coefficient' lincomb
    lincomb_cuda.cu '!(t.acc >> (2 + i) & 1)' 'true' 'gradients that are there already' lincomb
    split_cuda.cu 'row % 3' '(row + 1) % 3' 'which third' split
    smear_cuda.cu 'first = r % t.T == 0' 'first = r == 0' 'the first position of later rows' smear
    smear_decode_cuda.cu 't.S == t.B && i < n' 'i < n' 'a cache that others share' smear_decode
    ve_gate_cuda.cu 't.acc >> 1 & 1' 'false' 'gradients that are there already' ve_gate
    attention_decode_cuda.cu 'j <= pos' 'j < pos' 'a token sees itself' attention_decode
    attention_decode_cuda.cu $'__syncthreads();\n' '' 'a barrier before warps are put together'
    attention_decode
    adamw_cuda.cu '(1.0f - beta2)' 'beta2' 'the second moment' adamw
)

plant_begin 'cuda_ops/*' runnel-emu-kernels
for ((i = 0; i < ${#faults[@]}; i += 5)); do
    plant_try "kernels/cuda/${faults[i]}" "${faults[@]:i + 1:3}" "cuda_ops/${faults[i + 4]}"
done
plant_end
