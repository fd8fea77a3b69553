#!/bin/bash
# The doctor on this machine and with broken settings: exit code, one fix a problem, JSON for
# programs, secrets never shown, nothing written.
. "$(dirname "$0")/lib.bash"
unset HF_TOKEN OMP_NUM_THREADS SSL_CERT_FILE https_proxy
"$RUNNEL" doctor >here 2>&1 # 0 or 1: as the machine is
for check in processor memory plugin certificates; do
    grep -q " $check " here || fail "no finding about $check"
done
expect 1 env HF_TOKEN=$'hf_top secret' OMP_NUM_THREADS=x https_proxy=http://me:secret@lan:1 \
    CURL_CA_BUNDLE=/nowhere "$RUNNEL" doctor
for text in "problem  threads" "problem  hub" "problem  certificates" "https_proxy: lan:1"; do
    says "$text"
done
silent_about secret
[ "$(grep -c '^problem' out)" = "$(grep -c ' fix: ' out)" ] || fail "not one fix a problem"
expect 1 env OMP_NUM_THREADS=x "$RUNNEL" doctor --json
says '{"check":"threads","fix":"export OMP_NUM_THREADS=4, or unset it","health":"problem",'
expect 1 env OMP_NUM_THREADS=x RANK=1 WORLD_SIZE=4 LOCAL_RANK=1 "$RUNNEL" doctor
says "rank 1 of 4 by torchrun; --device cuda is cuda:1 here"
expect 2 "$RUNNEL" doctor me
[ -e "$RUNNEL_RUNS" ] || [ -e "$RUNNEL_CACHE" ] && fail "the doctor wrote something"
echo "the doctor finds and tells"
