# tools/gpu_check.sh goes through all of its steps without a GPU, from a bundle that needs nothing of
# this machine but its C library, judges them, and tells apart what works from what does not.
. "$SRC/tests/e2e/lib.bash"
[ -e "$BUILD/librunnel-cuda-emu.so" ] && [ -e "$BUILD/librunnel-cuda.so" ] || {
    echo "SKIP: built without the CUDA toolkit, its backend is not tested"
    exit 0
}
unset RUNNEL_RUNS
bare() { # COMMAND...: nothing of this environment
    env -i PATH="$PATH" HOME="$work" "$@"
}

# The bundle fits where 64 MiB may be carried, and holds every library that the C library is not.
expect 0 "$SRC/tools/gpu_check.sh" bundle bundle
mkdir built && tar xzf bundle/built.tar.gz -C built
for file in built/runnel built/*.so built/bench-step built/test-kernels built/lib/*; do
    bare LD_LIBRARY_PATH="$PWD/built/lib" ldd "$file"
done | awk -v ours="$PWD/built/lib/" '
    $3 ~ /^\// && index($3, ours) != 1 && $1 !~ /^lib(c|m|dl|rt|pthread|resolv|util|mvec)\.so|^libcublasLt/ {print $1, $3}
    / not found/ && !/libcublasLt/' | sort -u >missing
[ ! -s missing ] || fail "the bundle lacks $(cat missing)"

expect 0 bare OUT="$PWD/check" bundle/gpu_check.sh --emulated
for step in ops "train fp32" "loss bf16" "bits bf16" resume "bits resumed" "loss moved" tiny; do
    grep -qP "^$step\tok\t" check/summary.tsv || fail "no result of '$step': $(cat check/summary.tsv)"
done
grep -qP '^tiny\tok\t\d+ tok/s.*step .* ms' check/summary.tsv || fail "no speed: $(cat check/summary.tsv)"
[ "$(ls check | wc -l)" -le 8 ] || fail "more files than may be brought home"

# A device that computes wrongly, or not at all, is told as such; the parts behind it run all the same.
expect 1 env OUT=broken RN_EMU_FAIL=cudaMalloc "$SRC/tools/gpu_check.sh" --emulated ops speed
says "FAILED"
grep -qP '^tiny\tFAILED\t' broken/summary.tsv || fail "no result behind a failure"
# Time that runs out costs what is left, and nothing else.
expect 0 env OUT=short LIMIT_S=0 "$SRC/tools/gpu_check.sh" --emulated ops
grep -qP '^ops\tlate\t' short/summary.tsv || fail "$(cat short/summary.tsv)"
expect 2 "$SRC/tools/gpu_check.sh" nonsense

# What came back becomes a page: speeds beside what is asked for, and where the time goes.
mkdir home
printf 'NVIDIA H100 80GB HBM3, 580.159\n' >home/env.txt
printf 'd12\tok\t600000 tok/s, MFU 41.0 %%, must 43 %%: short\nops\tok\t9 s\n' >home/summary.tsv
printf 'd12\top attention backward 12.5000 ms 3580.000 GFLOP 14.5000 GB\n' >home/perf.tsv
cp "$SRC/docs/performance-gpu.md" page.md
expect 0 env PAGE=page.md "$SRC/tools/gpu_check.sh" publish home
grep -q '| d12 | ok | 600000 tok/s, MFU 41.0 %, must 43 %: short |' page.md || fail "no speed: $(cat page.md)"
grep -q '| attention | backward | 12.50 | 286 | 1160 |' page.md || fail "no ops: $(cat page.md)"
grep -q 'No GPU number exists yet' page.md && fail "the page still says that nothing was measured"
grep -q '^## How MFU is counted' page.md || fail "the page lost its end"
expect 2 "$SRC/tools/gpu_check.sh" publish nowhere
echo "gpu_check: ok"
