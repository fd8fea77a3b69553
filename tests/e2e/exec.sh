# `kind: exec`: a command from outside as a stage like any other, and not one step without consent.
. "$(dirname "$0")/lib.bash"
cat >count.sh <<'SH'
echo "counting in $PWD" >&2
echo "$WORD ${SECRET:-nothing} ${SHOWN:-nothing}" >"$2/words"
ls "$1" | wc -l >"$2/n"
SH
cat >p.yaml <<'YAML'
runnel: 1
name: p
vars: {word: a}
stages:
  data: {kind: fetch, files: {texts: {count: 3, name: "shard_{i:05d}.parquet", urls: ["builtin:tiny-world/{file}"], check: {format: parquet}}}}
  count:
    kind: exec
    in: {texts: "data.texts[1:3]"}
    cmd: [sh, ./count.sh, "{in.texts}", "{out.counts}"]
    outputs: {counts: files}
    env: {WORD: "${vars.word}"}
    pass: [SHOWN]
  copy: {kind: exec, in: {number: count}, cmd: [cp, "{in.number}/n", "{out.copy}/n"], outputs: {copy: files}}
YAML
export SECRET=secret SHOWN=shown

expect 0 "$RUNNEL" check p.yaml
expect 0 "$RUNNEL" plan p.yaml
expect 2 "$RUNNEL" run p.yaml
says "p.yaml:6:3: usage: stage 'count' runs a command that the file names"
says "--allow-exec"
[ ! -e runs ] || fail "something ran without consent"

expect 0 "$RUNNEL" run p.yaml --allow-exec
grep -q "^counting in .*work" runs/p-*/log/count.log || fail "its words are not in the log"
[ "$(cat runs/p-*/stages/copy/copy/n)" -eq 2 ] || fail "the slice is not what the command saw"
[ "$(cat runs/p-*/stages/count/counts/words)" = "a nothing shown" ] || fail "another environment"
expect 0 "$RUNNEL" run p.yaml
says "nothing to do"
ls runs/.store | grep -q '^exec-.*work' && fail "the work directory is left over"

# Identity: the command, its environment, the local files it names.
echo "# changed" >>count.sh
expect 10 "$RUNNEL" plan p.yaml --exit-code
says "./count.sh"
expect 2 "$RUNNEL" run p.yaml --yes=count
says "--allow-exec"
expect 0 "$RUNNEL" run p.yaml --allow-exec --yes=count
says "= copy" # the same bytes again
expect 10 "$RUNNEL" plan p.yaml --exit-code vars.word=b

# What the command leaves running cannot write into outputs that have their digests.
cat >left.yaml <<'YAML'
runnel: 1
name: left
stages:
  left:
    kind: exec
    cmd: [sh, -c, "(while :; do echo late; done) >>$0/f & sleep 0.1", "{out.f}"]
    outputs: {f: files}
YAML
expect 0 "$RUNNEL" run left.yaml --allow-exec
says "left 1 process behind"
expect 0 "$RUNNEL" plan left.yaml --exit-code --verify=hash

# What goes wrong is told, and leaves nothing.
sed 's/cmd: \[cp, .*\], out/cmd: [sh, -c, "echo too bad >\&2; exit 3"], out/' p.yaml >bad.yaml
expect 1 "$RUNNEL" run bad.yaml --allow-exec
says "'sh' ended with status 3"
says "too bad"
sed 's/\[cp, /[no-such-program, /' p.yaml >bad.yaml
expect 1 "$RUNNEL" run bad.yaml --allow-exec
says "cannot run 'no-such-program'"
sed 's/{in.number}/{in.numbr}/' p.yaml >bad.yaml
expect 3 "$RUNNEL" check bad.yaml
says "did you mean '{in.number}'?"
sed 's/copy: files/copy: file/' p.yaml >bad.yaml
expect 3 "$RUNNEL" check bad.yaml
says "did you mean 'files'?"

dead() { # PID
    ! grep -q "^State:.*[SRD] (" "/proc/$1/status"
}

# The first signal is passed on; the second ends the command and what it started.
sed "s|\[cp, .*\], out|[sh, -c, \"trap '' TERM; sleep 1000 \& echo \$! > $work/sleeper; wait; sleep 1000\"], out|" p.yaml >long.yaml
"$RUNNEL" run long.yaml --allow-exec >out 2>&1 &
runner=$!
pids+=("$runner")
eventually [ -s sleeper ]
kill -TERM "$runner"
sleep 0.1
kill -0 "$(cat sleeper)" || fail "the first signal killed"
kill -TERM "$runner"
wait "$runner"
[ $? -eq 130 ] || fail "the second signal ends with 130"
eventually dead "$(cat sleeper)"
sed "s|trap '' TERM; ||" long.yaml >polite.yaml
rm sleeper
"$RUNNEL" run polite.yaml --allow-exec >out 2>&1 &
runner=$!
eventually [ -s sleeper ]
kill -TERM "$runner"
wait "$runner"
[ $? -eq 75 ] || fail "a command that ends when asked is interrupted"
eventually dead "$(cat sleeper)"
echo "a command is a stage"
