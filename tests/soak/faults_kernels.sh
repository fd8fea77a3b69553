#!/usr/bin/env bash
# Planted faults: each is put into a copy of the kernels, and the tests of the ops must fail. A fault
# that survives is a test that is missing. Some minutes.
set -u
src=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# file, what stands there, what is put in its place, what that breaks
faults=(
    'attention' 'i < rn_min(lo, TILE)' 'i < 0' 'later keys are seen'
    'attention' 'hi = lo + t->window;' 'hi = lo + t->window + 1;' 'a window one too wide'
    'attention' 'rn_max(0, i0 - t->window)' 'rn_max(0, i0 - t->window + 1)' 'the first key of a window'
    'attention' 'i < w->n ? mean_of(t, w, i) : 0' '0' 'backward of the softmax'
    'attention' 't->acc >> 1 & 1' 't->acc >> 2 & 1' 'the wrong bit of acc'
    'attention' 'r->sum[i] *= r->shrink[i];' '' 'old sums are not shrunk'
    'head_loss' 'r0 > 0 || (h->acc >> 1 & 1)' '(h->acc >> 1 & 1)' 'a chunk overwrites the ones before'
    'head_loss' '* (1.0f - t * t)' '' 'the slope of the cap'
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
)

build() {
    cmake --build "$work/build" --target test-kernels runnel-cpu >"$work/log" 2>&1
}

echo "building a copy"
cp -r "$src/CMakeLists.txt" "$src/CMakePresets.json" "$src/LICENSE" "$src/README.md" "$src"/{base,data,docs,fetch,kernels,model,pipelines,runner,stages,tests,tools} "$work"/ || exit 1
launcher=$(command -v ccache) && set -- -DCMAKE_C_COMPILER_LAUNCHER="$launcher"
cmake -S "$work" -B "$work/build" -G Ninja "$@" >"$work/log" 2>&1 && build ||
    { tail "$work/log"; exit 1; }
"$work/build/test-kernels" --filter 'ops/*' >"$work/log" 2>&1 || { tail "$work/log"; exit 1; }

# plant FILE FROM TO: every such text; fails where there is none.
plant() {
    local text
    text=$(cat "$1")
    [[ $text == *"$2"* ]] || return 1
    printf '%s\n' "${text//"$2"/"$3"}" >"$1"
}

missed=0
for ((i = 0; i < ${#faults[@]}; i += 4)); do
    path=$work/kernels/cpu/${faults[i]}_cpu.c
    cp "$path" "$work/sound"
    if ! plant "$path" "${faults[i + 1]}" "${faults[i + 2]}"; then
        verdict="not there"
    elif ! build; then
        verdict="does not build"
    elif "$work/build/test-kernels" --filter 'ops/*' >"$work/log" 2>&1; then
        verdict="SURVIVED"
    else
        verdict="caught"
    fi
    [ "$verdict" = caught ] || missed=$((missed + 1))
    printf '%-14s %s: %s\n' "$verdict" "${faults[i]}" "${faults[i + 3]}"
    cp "$work/sound" "$path"
done
[ "$missed" -eq 0 ] || { echo "$missed faults were not caught"; exit 1; }
echo "$((${#faults[@]} / 4)) faults, all caught"
