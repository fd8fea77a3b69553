#!/bin/bash
# What programs and people see of a run: every event of --json is a row of events.def (by the schema
# written from it), talk and results do not mix, a log has no terminal codes, a terminal has live
# lines, a closed or full stdout or stderr stops nothing, GitHub gets annotations.
. "$(dirname "$0")/lib.bash"
"$RUNNEL" schema events | cmp - "$SRC/docs/events.schema.json" ||
    fail "docs/events.schema.json is old: ninja docs"
cp "$SRC/tests/pipelines/tiny.yaml" .
unset GITHUB_ACTIONS

# valid FILE: each line is an event of the schema.
if python3 -c 'import jsonschema' 2>/dev/null; then
    valid() {
        python3 - "$SRC/docs/events.schema.json" "$1" >out 2>&1 <<'PY' || fail "$1 does not keep to the schema"
import json, sys, jsonschema
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
by_name = {e["title"]: jsonschema.Draft202012Validator(e) for e in schema["oneOf"]}
bad = 0
for line in open(sys.argv[2]):
    event = json.loads(line)
    for e in by_name[event["event"]].iter_errors(event):
        print(line[:200], list(e.absolute_path), e.message[:200])
        bad = 1
sys.exit(bad)
PY
    }
else
    echo "SKIP: no Python jsonschema, events are not held against the schema"
    valid() { :; }
fi
names() { sed -nE 's/.*"event":"([a-z]+)".*/\1/p' "$1" | sort -u | tr '\n' ' '; }

"$RUNNEL" run tiny.yaml --json >events 2>talk || fail "run --json"
valid events
[ -s talk ] && { cp talk out; fail "--json alone talks"; }
head -n 1 events | grep -q '"event":"run"' || fail "the first event is not run"
tail -n 1 events | grep -q '"event":"end"' || fail "the last event is not end"
[ "$(names events | sed 's/progress //')" = "end file log run stage " ] || fail "events: $(names events)"
grep -q '"event":"file","file":"data.shards/shard_00000.parquet","schema":1,"sha256":"[0-9a-f]*","size_bytes":[0-9]*,"stage":"data","state":"fetched"' events ||
    fail "no event of the file that was fetched"
"$RUNNEL" run tiny.yaml --json --progress=plain >events 2>talk || fail "run --json --progress=plain"
valid events
grep -q 'nothing to do' talk || fail "--json --progress=plain does not talk"

"$RUNNEL" run tiny.yaml --json base.nonsense=1 >events 2>talk
[ $? -eq 3 ] || fail "a wrong key does not exit 3"
valid events
[ "$(names events)" = "error " ] || fail "a wrong key is no error event"

# Of a dead host people hear by example, programs of every file that failed, once, and why.
cat >dead.yaml <<'YAML'
runnel: 1
name: dead
stages:
  data:
    kind: fetch
    retries: 1
    files: {f: {count: 40, name: "f{i}", urls: ["http://127.0.0.1:1/{file}"], check: {min_size: 1}}}
YAML
"$RUNNEL" run dead.yaml --json >events 2>talk
[ $? -eq 4 ] || fail "a dead host does not exit 4"
valid events
sed -nE 's/^\{"event":"file","file":"data.f\/(f[0-9]+)".*"message":"no source gave .*127.0.0.1:1: .*"state":"failed".*/\1/p' \
    events | sort >failed
[ "$(wc -l <failed)" -ge 16 ] || fail "not every file that failed has its event"
[ -z "$(uniq -d failed)" ] || fail "a file has two events"
[ "$(grep -c '"event":"log"' events)" -lt 20 ] || fail "files are still told one by one"

# A log: whole lines, no codes.
RUNNEL_RUNS=plain "$RUNNEL" run tiny.yaml >out 2>talk || fail "plain run"
[ -s out ] && fail "talk on stdout"
grep -qP '[\r\x1b]' talk && fail "terminal codes in a log"
RUNNEL_RUNS=none "$RUNNEL" run tiny.yaml --progress=none >out 2>&1 || fail "silent run"
[ -s out ] && fail "--progress=none talks"
expect 2 "$RUNNEL" run tiny.yaml --progress=loud
says "--progress is auto, plain, tty, json or none"

# A terminal: live lines that are taken back, colour unless NO_COLOR; TERM=dumb and CI: none.
if command -v script >/dev/null; then
    on_terminal() { # ENV... : runs in a new runs folder on a pseudo terminal
        rm -rf tty
        script -qec "env -u CI -u NO_COLOR TERM=xterm RUNNEL_RUNS=tty $* '$RUNNEL' run tiny.yaml" \
            /dev/null </dev/null >screen || fail "run on a terminal: $*"
    }
    on_terminal A=b
    grep -qP '\x1b\[K' screen || fail "no live line on a terminal"
    grep -qP '\x1b\[32m' screen || fail "no colour on a terminal"
    on_terminal NO_COLOR=1
    grep -qP '\x1b\[[0-9]*m' screen && fail "colour in spite of NO_COLOR"
    on_terminal TERM=dumb
    grep -qP '\x1b' screen && fail "codes on a dumb terminal"
    on_terminal CI=true
    grep -qP '\x1b\[K' screen && fail "live lines in CI"
else
    echo "SKIP: no script(1), no terminal is tried"
fi

# Nobody listens, or the disk behind the pipe is full: the training ends well all the same.
RUNNEL_RUNS=full "$RUNNEL" run tiny.yaml --json >/dev/full 2>talk || fail "a full stdout stopped a run"
grep -q 'no more events' talk || fail "a full stdout is not told"
RUNNEL_RUNS=full2 "$RUNNEL" run tiny.yaml 2>/dev/full || fail "a full stderr stopped a run"
{ RUNNEL_RUNS=pipe "$RUNNEL" run tiny.yaml --json 2>talk; echo $? >status; } | head -n 1 >out
[ "$(cat status)" = 0 ] || fail "a closed pipe stopped a run"
RUNNEL_RUNS=closed "$RUNNEL" run tiny.yaml >&- 2>&- </dev/null || fail "closed streams stopped a run"
diff -r --exclude=time.jsonl plain/.store closed/.store >out || fail "the runs differ"

# GitHub: groups round the stages, an annotation at the line.
GITHUB_ACTIONS=true RUNNEL_RUNS=hub "$RUNNEL" run tiny.yaml >out 2>talk || fail "run in Actions"
grep -q '^::group::base$' talk && grep -q '^::endgroup::$' talk || fail "no groups in Actions"
printf 'runnel: 1\nname: x\nstagse: {}\n' >wrong.yaml
GITHUB_ACTIONS=true "$RUNNEL" check wrong.yaml >out 2>&1
says "::error title=configuration,file=wrong.yaml,line=3,col=1::"
echo "events, talk and terminals as promised"
