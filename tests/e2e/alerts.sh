#!/usr/bin/env bash
# `alerts:`: who hears of what. The rules are tested in tests/unit/runner/test_alerts.c.
. "$(dirname "$0")/lib.bash"
. "$SRC/tests/e2e/serve.bash"

# A stage that fails is told in the file, the journal, status and report; its words are text.
cat >fails.yaml <<'YAML'
runnel: 1
name: fails
tag: fails
alerts: {file: alerts.jsonl}
stages:
  a: {kind: exec, cmd: [/bin/sh, -c, "exit 3"], outputs: {x: files}}
YAML
expect 1 "$RUNNEL" run fails.yaml --allow-exec --json
grep -q '"alert":"failed".*"event":"alert".*"level":"critical"' "$work/out" || fail "no event"
grep -q '^{"alert":"failed","level":"critical","run":"fails","stage":"a",' alerts.jsonl ||
    fail "file: $(cat alerts.jsonl)"
grep -q '"alert":"failed"' runs/fails/journal.jsonl || fail "not in the journal"
expect 0 "$RUNNEL" status fails
says "critical  failed  '/bin/sh' ended with status 3"
expect 0 "$RUNNEL" report fails -o report.html
grep -q '<td>critical<td>failed<td>&#39;/bin/sh&#39; ended' report.html || fail "not in the report"

# A source that fails is told, and what came in the end is no failure.
mkdir -p served
echo '{"a": 1}' >served/a.jsonl
serve "$work/served" --fault /a.jsonl=503-once
cat >source.yaml <<YAML
runnel: 1
name: source
tag: source
alerts: {}
stages:
  data: {kind: fetch, files: {a: {urls: ["$url/a.jsonl"], check: {format: jsonl}}}}
YAML
expect 0 "$RUNNEL" run source.yaml
says "alert source: rejected a.jsonl"
expect 0 "$RUNNEL" status source
says "source  rejected a.jsonl"

# The run as Prometheus reads it: from a file that is replaced whole, and on loopback when asked.
expect 0 "$RUNNEL" metrics source --to prometheus --out source.prom --every 1s
grep -q '^runnel_stage_state{run="source",stage="data",state="done"} 1$' source.prom ||
    fail "$(cat source.prom)"
expect 2 "$RUNNEL" metrics source --to prometheus --serve 0.0.0.0:0
says "is not on loopback"
expect 2 "$RUNNEL" metrics source --every 1s
"$RUNNEL" metrics source --to prometheus --serve 127.0.0.1:0 >address &
pid=$!
pids+=("$pid")
eventually [ -s address ]
ask() { # METHOD PATH: the answer, head and body
    local port=$(sed 's|.*:\([0-9]*\)/.*|\1|' address)
    exec 3<>"/dev/tcp/127.0.0.1/$port"
    printf '%s %s HTTP/1.0\r\n\r\n' "$1" "$2" >&3
    cat <&3
    exec 3>&-
}
ask GET /metrics | sed '1,/^\r$/d' | cmp - source.prom || fail "/metrics is not the file"
ask GET / | head -n 1 | grep -q ' 404 ' || fail "another path"
ask POST /metrics | head -n 1 | grep -q ' 405 ' || fail "POST"
kill -INT "$pid"
wait "$pid" || fail "exit $? after Ctrl-C"
echo "alerts: ok"
