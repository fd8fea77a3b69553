# A fetch in the background: the tokenizer starts when its shard is verified, beside a download that
# a slow source holds up, and timing leaves no trace in any result.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"
mkdir served
serve served --fault /shard_00001.parquet=hang
slow="vars.slow=$url/{file}"
cat >p.yaml <<'YAML'
runnel: 1
name: p
vars: {slow: "http://127.0.0.1:1/{file}", background: true}
stages:
  data:
    kind: fetch
    background: ${vars.background}
    retries: 0
    stall: 1 h # what hangs does so until its server ends
    files:
      shards:
        count: 2
        name: "shard_{i:05d}.parquet"
        urls: ["${vars.slow}", "builtin:tiny-world/{file}"]
        check: {format: parquet, columns: [text]}
  tokenizer: {kind: train-tokenizer, in: {text: "data.shards[0:1]"}, vocab_size: 300, max_chars: 50000}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards, val: "data.shards[0:1]"}}
YAML
# line RUNS STAGE: where the run's journal says that the stage was done; false: it does not.
line() { grep -n "\"event\":\"done\".*\"stage\":\"$2\"" "$1"/p-*/journal.jsonl | cut -d: -f1 | grep .; }

"$RUNNEL" run p.yaml --runs beside "$slow" >out 2>&1 &
runner=$!
pids+=("$runner")
eventually line beside tokenizer
[ -z "$(line beside data)" ] || fail "the slow source held nothing up"
unserve
wait "$runner" || fail "the second source did not help"
rm -rf cache p.lock
expect 0 "$RUNNEL" run p.yaml --runs after vars.background=false "$slow"
[ "$(line after tokenizer)" -gt "$(line after data)" ] || fail "nothing was said about the background"
diff -r beside/.store after/.store >out || fail "timing shows in the store"
expect 0 "$RUNNEL" run p.yaml --runs beside "$slow"
says "nothing to do"

# What fails in the background fails the run, after all that does not need it.
rm -rf cache p.lock
sed -i 's|, "builtin:tiny-world/{file}"||' p.yaml # the slow source is the only one
cp after/.store/fetch-*/shards/shard_00000.parquet served
serve served
slow="vars.slow=$url/{file}"
expect 4 "$RUNNEL" run p.yaml --runs broken "$slow"
[ -e broken/p-*/stages/tokenizer ] || fail "the tokenizer had all it needed"
says "not run  needs data"
echo "the tokenizer did not wait"
