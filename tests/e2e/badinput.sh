# Bad input meets one clear line and the right exit code, and nothing half-made keeps a final name.
. "$(dirname "$0")/lib.bash"
mini() { sed "$@" "$SRC/tests/e2e/mini.yaml" >mini.yaml; }

# Configuration: exit 3, nothing is touched.
mini 's/horizon: {steps: 200}/horizon: {stpes: 200}/'
expect 3 "$RUNNEL" run mini.yaml
says "unknown key 'horizon.stpes'"
says "did you mean 'steps'?"
mini 's/every: 20 steps/every: 20 parsecs/'
expect 3 "$RUNNEL" run mini.yaml
says "mini.yaml:"
[ ! -e runs ] || fail "a configuration error touched runs/"
expect 3 "$RUNNEL" run nowhere.yaml
says "nowhere.yaml"


# A name that journal and resolved.yaml could not hold.
name=$(printf 'caf\351.yaml')
cp mini.yaml "$name"
expect 3 "$RUNNEL" run "$name"
says "the file's name is not UTF-8"

# Data: exit 4 if no source is good, 5 if a file is not what it claims.
mini 's|builtin:tiny-world/{file}"\], check: {format: jsonl|builtin:access-denied", "missing.jsonl"], check: {format: jsonl|'
expect 4 "$RUNNEL" run mini.yaml
says "S3 AccessDenied"
says "missing.jsonl"
printf '%s\n' '[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]' '[{"role":"user"' >broken.jsonl
mini 's|builtin:tiny-world/{file}"\], check: {format: jsonl|broken.jsonl"], check: {format: jsonl|'
expect 4 "$RUNNEL" run mini.yaml
says "broken.jsonl"
says "2:"
mini 's/x/x/'
expect 0 "$RUNNEL" run mini.yaml --until tokens
shard=$(ls -d runs/.store/fetch-*/val/shard_val.parquet)
head -c 3000 "$shard" >cut.parquet
mini 's|name: shard_val.parquet, urls: \["builtin:tiny-world/{file}"\]|urls: ["cut.parquet"]|'
expect 4 "$RUNNEL" run mini.yaml
says "cut.parquet"
find runs -name 'cut.parquet' -path '*/.store/fetch-*' -not -path '*.attempt*' | grep -q . && fail "a cut file kept its name"

# Tokens of one tokenizer, model of another: exit 5 with both digests... told before a step is made.
mini -e 's/vocab_size: 400}/vocab_size: 400}\n  other: {kind: train-tokenizer, in: {text: data.shards}, vocab_size: 380}/' \
     -e '0,/in: {tokenizer: tokenizer, tokens: tokens}/s//in: {tokenizer: other, tokens: tokens}/'
expect 5 "$RUNNEL" run mini.yaml --until base
says "tokenizer"

# Two runners on one run: the second says who holds it.
mini 's/x/x/'
"$RUNNEL" run mini.yaml --until base >first.out 2>&1 &
pids+=($!)
at_base() { ls -d runs/.store/base-train-*.work && [ -n "$(stages_of "${pids[-1]}")" ]; }
eventually at_base
stage=$(stages_of "${pids[-1]}")
kill -STOP $stage # or it could be done before we are
expect 6 "$RUNNEL" run mini.yaml --until base
says "pid"
kill -TERM "${pids[-1]}"
kill -CONT $stage
wait "${pids[-1]}"
[ $? -eq 75 ] || fail "a stopped run does not exit 75"
expect 0 "$RUNNEL" run mini.yaml --until base
says "resume"
expect 0 "$RUNNEL" run mini.yaml --until base
says "kept"

# A file larger than it may be: as no room, with its name, and no signal; then there is room.
sh -c 'ulimit -f 300; exec "$@"' - "$RUNNEL" run mini.yaml --runs small --until tokens >out 2>&1
[ $? -eq 8 ] || fail "a limit on the size of files does not exit 8"
says "/cache/partial/"
says "File too large"
expect 0 "$RUNNEL" run mini.yaml --runs small --until tokens

# A full disk: exit 8, and the same command goes on when there is room.
if [ "$(id -u)" -eq 0 ] && mkdir full && mount -t tmpfs -o size=600k none full 2>/dev/null; then
    expect 8 "$RUNNEL" run mini.yaml --runs full/runs --until base
    umount full
    says "full/runs/.store/"
    says "space"
else
    echo "SKIP: full disk (needs root and mount)"
fi
echo "every bad input was told in one line"
