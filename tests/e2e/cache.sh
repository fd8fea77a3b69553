# runnel cache as a user meets it: path, verify, gc, and serve for a second machine's cache.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"

mkdir www
for i in $(seq 20); do printf '{"text": "row %d of a"}\n' "$i"; done >www/a.jsonl
for i in $(seq 20); do printf '{"text": "row %d of b"}\n' "$i"; done >www/b.jsonl
cat >p.yaml <<'YAML'
runnel: 1
name: p
vars: {from: "http://127.0.0.1:1", file: a}
stages:
  data:
    kind: fetch
    retries: 0
    files:
      it: {urls: ["${vars.from}/${vars.file}.jsonl"], check: {format: jsonl, rows: 20}}
YAML
serve www
expect 0 "$RUNNEL" run p.yaml "vars.from=$url"
expect 0 "$RUNNEL" run p.yaml "vars.from=$url" vars.file=b --yes=data
unserve
expect 0 "$RUNNEL" cache path
says "$RUNNEL_CACHE"
expect 0 "$RUNNEL" cache verify
says "2 good"

# What a run or a lock file names stays; what nobody names and is old goes, after it was shown.
expect 0 "$RUNNEL" cache gc --keep 0
says "removed 0 (0 B), kept 2"
mv p.lock kept.locks
rm -rf runs
touch -d '2 days ago' "$RUNNEL_CACHE"/sha256/*
expect 0 "$RUNNEL" cache gc --dry-run --json
says '"dry_run":true'
says '"removed":2'
expect 0 "$RUNNEL" cache gc kept.locks
says "2 named"
digest=$(sha256sum www/a.jsonl | cut -d' ' -f1)
grep -v "$digest" kept.locks >less.locks
expect 0 "$RUNNEL" cache gc less.locks
says "removed  $digest"
expect 0 "$RUNNEL" cache verify
says "1 good"

# A damaged one is noticed, put aside, and told by the exit code.
file=$(echo "$RUNNEL_CACHE"/sha256/*)
chmod 644 "$file"
echo "damage" >>"$file"
expect 5 "$RUNNEL" cache verify
says "damaged"
[ -f "$file" ] && fail "the damaged content kept its name"
[ "$(find "$RUNNEL_CACHE/damaged" -type f | wc -l)" = 1 ] || fail "it was not put aside"
expect 0 "$RUNNEL" cache verify
expect 2 "$RUNNEL" cache burn
expect 2 "$RUNNEL" cache gc --keep forever
expect 2 "$RUNNEL" cache serve --address nowhere

# A second machine.
serve www
expect 0 "$RUNNEL" run p.yaml "vars.from=$url"
unserve
"$RUNNEL" cache serve --address 127.0.0.1:0 >url2 &
pids+=($!)
eventually [ -s url2 ]
grep -q '^http://127.0.0.1:[0-9]*/sha256/$' url2 || fail "no url: $(cat url2)"
kill -TERM "${pids[-1]}"
wait "${pids[-1]}" || fail "serve did not end well"
echo "cache: verified, swept, damage put aside, served"
