# What README and CONTRIBUTING show is true: the pipeline is accepted, the stage compiles, links and
# runs, the commands exist, every shipped pipeline passes `check`.
. "$(dirname "$0")/lib.bash"
: "${BUILD:?build folder}"

block() { # FILE LANGUAGE: the first fenced block of that language
    awk -v open="\`\`\`$2" '$0 == open {on = 1; next} on && /^```/ {exit} on' "$1"
}
block "$SRC/README.md" yaml >mine.yaml
expect 0 "$RUNNEL" check mine.yaml
for pipeline in "$SRC"/pipelines/*.yaml; do
    expect 0 "$RUNNEL" check "$pipeline"
    head -n 1 "$pipeline" | grep -q 'yaml-language-server: $schema=' || fail "$pipeline has no modeline"
done
for command in $(sed -n 's/^COMMAND(\(.*\))$/\1/p' "$SRC/runner/cli/commands.def"); do
    command=${command//_/-}
    cat "$SRC/README.md" "$SRC"/docs/*.md | grep -q "$command" ||
        fail "neither README nor docs/ names the command $command"
    expect 0 "$RUNNEL" "$command" --help
done

# The night on rented GPUs, on a small pipeline and no GPU: every line of it does what it says.
sed 's/steps: [0-9]*/steps: 3/' "$SRC/tests/e2e/mini.yaml" >night.yaml
block "$SRC/docs/gpus.md" sh | sed -e 's/ *#.*//' -e 's/ --device cuda --gpus 2//' -e '/^FILE=/d' -e '/^$/d' >night.sh
[ "$(grep -c '^runnel ' night.sh)" -eq "$(grep -c . night.sh)" ] || fail "docs/gpus.md: more than commands of runnel"
while read -r _ words; do
    expect 0 "$RUNNEL" ${words//\$FILE/night.yaml}
done <night.sh
[ -s report.md ] && [ -s run.png ] && [ -d best ] || fail "the night left no report or no checkpoint"

# The stage of CONTRIBUTING, added the way it says: one file, one line.
mkdir stages
block "$SRC/CONTRIBUTING.md" c >stages/word_count.c
{ cat "$SRC/stages/stages.def"; echo 'STAGE(word_count)'; } >stages/stages.def
cp "$SRC/stages/stages.c" stages/
includes=(-Istages)
for room in stages model data kernels fetch base runner; do
    while read -r folder; do includes+=("-I$folder"); done < <(find "$SRC/$room" -type d)
done
libraries=()
for room in runner stages model fetch data kernels base; do libraries+=("$BUILD/lib$room.a"); done
expect 0 cc -std=c11 -Wall -Wextra -D_DEFAULT_SOURCE "${includes[@]}" -o runnel-more stages/*.c \
    "$SRC/runner/main.c" -Wl,--start-group "${libraries[@]}" -Wl,--end-group \
    $(pkg-config --libs yaml-0.1 jansson libcrypto libcurl libzip libzstd zlib liblz4 libpcre2-8 libseccomp) \
    -fopenmp -ldl -lm -lpthread
cat >count.yaml <<'END'
runnel: 1
name: count
stages:
  data: {kind: fetch, files: {text: {urls: ["builtin:tiny-world/shard_00000.parquet"], check: {format: parquet}}}}
  words: {kind: word-count, in: {text: data.text}, gate: ["words > 1000"]}
END
expect 0 ./runnel-more run count.yaml
says "word"
expect 3 ./runnel-more run count.yaml words.at_most=-1
echo "the documents tell the truth"
