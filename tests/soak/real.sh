#!/usr/bin/env bash
# Real input, end to end: pipelines/nanochat-cpu.yaml from a server of our own that refuses the first
# source of the identity file (403 XML) and of the bundle (the same XML with status 200). One run is
# left in peace, one is killed with -9 in base-train and again in mid-train; both must end with the
# same bytes.   tests/soak/real.sh build/runnel [WORK_DIR]
set -euo pipefail
runnel=$(realpath "$1")
source_dir=$(realpath "$(dirname "$0")/../..")
shared=$(realpath "$source_dir/../shared/data") || { echo "SKIP: the shared test data is not here"; exit 0; }
work=${2:-$(mktemp -d)}
mkdir -p "$work/www" && cd "$work"
export RUNNEL_CACHE="$work/cache"

put() { # PATH_BELOW_WWW FILE
    mkdir -p "www/$(dirname "$1")"
    cp "$shared/$2" "www/$1"
}
hub=huggingface.co/datasets
for i in 0 1 2 3; do
    put $hub/karpathy/fineweb-edu-100b-shuffle/resolve/main/shard_0000$i.parquet base_data/shard_0000$i.parquet
done
put $hub/openai/gsm8k/resolve/main/main/train-00000-of-00001.parquet tasks/gsm8k_train.parquet
put github.com/user-attachments/files/24214174/eval_bundle.zip eval_bundle.zip
put github.com/user-attachments/files/24214240/identity_conversations.jsonl.zip identity_conversations.jsonl.zip
s3=/karpathy-public.s3.us-west-2.amazonaws.com
"$(dirname "$runnel")/test-server" --dir www --fault $s3/identity_conversations.jsonl=403-xml \
    --fault $s3/eval_bundle.zip=200-xml >server.url &
server=$!
trap 'kill $server' EXIT
for i in $(seq 50); do [ -s server.url ] && break; sleep 0.1; done
mirror=$(head -n 1 server.url)
cp "$source_dir/pipelines/nanochat-cpu.yaml" .

run() { # RUNS ARGS...
    local runs=$1
    shift
    "$runnel" run nanochat-cpu.yaml --runs "$runs" vars.mirror="$mirror" --threads "${THREADS:-1}" "$@" >>"$runs.log" 2>&1
}
kill_in() { # STAGE: kill -9 after its first checkpoint
    run broken --until sft &
    local pid=$!
    until ls -d broken/.store/"$1"-*.work/step_* >/dev/null 2>&1; do
        sleep 1
        kill -0 $pid || { tail broken.log; exit 1; }
    done
    pkill -9 -P $pid
    wait $pid || true
    echo "killed in $1 at $(ls -d broken/.store/"$1"-*.work/step_* | tail -n 1)"
}
( run whole ) &
whole=$!
kill_in base-train
kill_in mid-train
run broken --until sft
wait $whole
for kind in base-train mid-train sft; do
    cmp whole/.store/$kind-*[0-9a-f]/model/model.safetensors broken/.store/$kind-*[0-9a-f]/model/model.safetensors
    echo "$kind: same weights, killed or not"
done
grep -h rejected whole.log
"$runnel" status whole/nanochat-cpu-* --runs whole
"$runnel" metrics whole/nanochat-cpu-* --runs whole --stage eval --to json
