# The same seed gives the same bits for 1, 2 and 4 threads.
. "$(dirname "$0")/lib.bash"
cp "$SRC/tests/e2e/mini.yaml" .
for n in 1 2 4; do
    expect 0 "$RUNNEL" run mini.yaml --until base --threads $n --runs runs$n base.horizon.steps=20
done
for n in 2 4; do
    same runs1/.store/base-train-*[0-9a-f]/model/model.safetensors runs$n/.store/base-train-*[0-9a-f]/model/model.safetensors
    same runs1/.store/tokenize-*/manifest.json runs$n/.store/tokenize-*/manifest.json
done
