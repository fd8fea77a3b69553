# What a training is fed with: the same batches from token shards and from text, for any cut of the
# step, any number of threads and any number of lives; and tasks whose rows are made.
. "$(dirname "$0")/lib.bash"
sed 's/count: 1/count: 3/; s/horizon: {steps: 200}/horizon: {steps: 8}/; s/every: 20 steps/every: 3 steps/
    s/^    seed: .*/&\n    loader: {shuffle: shards, streams: 2}/' "$SRC/tests/e2e/mini.yaml" >tokens.yaml
sed 's/tokens: tokens}/tokens: data.shards, val: data.val}/' tokens.yaml >text.yaml
run() { expect 0 "$RUNNEL" run "$1" --until base --threads "$2" --runs "$3" "${@:4}"; }
order() { sed -n 's/.*"data_order":\([0-9]*\).*/\1/p' "$1"/mini-*/metrics/base.jsonl; }

run tokens.yaml 1 whole
weights=$(echo whole/.store/base-train-*[0-9a-f]/model/model.safetensors)
order whole >order
[ "$(sort -u order | wc -l)" -eq 8 ] || fail "not 8 steps of different data: $(cat order)"
run text.yaml 2 text
says "documents of text, encoded as they are read"
same "$weights" text/.store/base-train-*[0-9a-f]/model/model.safetensors
order text | cmp - order || fail "text gave other data"
for rows in 2 16; do
    run tokens.yaml 4 rows$rows base.batch.device_rows=$rows
    order rows$rows | cmp - order || fail "device_rows $rows trains on other data"
done

# Killed in the middle, from either source.
for file in tokens text; do
    "$RUNNEL" run $file.yaml --until base --threads 1 --runs killed-$file >/dev/null 2>&1 &
    pids+=($!)
    for _ in $(seq 600); do
        compgen -G "killed-$file/.store/base-train-*.work/step_*/manifest.json" >/dev/null && break
        sleep 0.05
    done
    kill -9 $! 2>/dev/null
    wait $! 2>/dev/null
    for _ in $(seq 600); do # the lock goes with the last of its processes
        "$RUNNEL" run $file.yaml --until base --threads 1 --runs killed-$file >out 2>&1
        got=$?
        [ $got -eq 6 ] || break
        sleep 0.05
    done
    [ $got -eq 0 ] || fail "exit $got after a kill"
    same "$weights" killed-$file/.store/base-train-*[0-9a-f]/model/model.safetensors
done

# What cannot be: rows of text in any order, streams that do not divide the rows of a step or have
# no row group, a horizon of passes that nobody knows the length of.
expect 3 "$RUNNEL" run text.yaml --until base base.loader.shuffle=rows
says "'loader.shuffle': rows needs token shards"
expect 3 "$RUNNEL" run tokens.yaml --until base base.loader.streams=3
says "does not divide the 16 rows of a step"
expect 3 "$RUNNEL" run tokens.yaml --until base base.loader.streams=16
says "would be empty"
expect 3 "$RUNNEL" run text.yaml --until base base.horizon='{epochs: 1}'
says "'horizon.steps_per_epoch'"

# Rows that are made need a number and one list of words.
printf 'banana\r\nkiwi\r\nfig\r\n' >words.txt
sed '/^      val:/i\      words: {urls: [words.txt], check: {format: text, rows: 3}}
    s/mixture: \[{task: conversations, in: data.chats}\]/mixture: [{task: spelling-bee, in: data.words, rows: 40}, {task: simple-spelling, in: data.words, split: test, rows: 40, epochs: 2}]/
    s/steps: 200/steps: 2/' tokens.yaml >spelling.yaml
expect 0 "$RUNNEL" run spelling.yaml --until sft sft.horizon.steps=2
says "spelling-bee: 10000000 rows of data.words, 40 of them used, 1 times"
sed -i 's/, rows: 40}/}/' spelling.yaml
expect 3 "$RUNNEL" check spelling.yaml
says "'mixture': the rows of spelling-bee are made: say how many, by 'rows'"
echo "loader: one order of batches, whatever makes them"
