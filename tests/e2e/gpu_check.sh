# tools/gpu_check.sh goes through all of its steps without a GPU, judges them, and tells apart what
# works from what does not.
. "$SRC/tests/e2e/lib.bash"
[ -e "$BUILD/librunnel-cuda-emu.so" ] || {
    echo "SKIP: built without the CUDA toolkit, its backend is not tested"
    exit 0
}
unset RUNNEL_RUNS
expect 0 env OUT=check "$SRC/tools/gpu_check.sh" --emulated
for step in ops "train fp32" resume "bits resumed" tiny; do
    grep -q "^$step	" check/summary.tsv || fail "no result of '$step'"
done
grep -qP '^tiny\t\d+ tok/s\tstep' check/summary.tsv || fail "no speed: $(cat check/summary.tsv)"
[ "$(ls check | wc -l)" -le 8 ] || fail "more files than may be brought home"

# A device that computes wrongly, or not at all, is told as such.
expect 1 env OUT=broken RN_EMU_FAIL=cudaMalloc "$SRC/tools/gpu_check.sh" --emulated ops
says "FAILED"
expect 2 "$SRC/tools/gpu_check.sh" nonsense
