# Two dead first sources, as on the day of the 403s, and what follows: rejection in the loop,
# fallback, pins, no socket for what is pinned and cached, and no name for what is not proven.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"
data=$(shared data)

cat >p.yaml <<'YAML'
runnel: 1
name: p
vars: {mirror: "http://127.0.0.1:1", rows: 996}
stages:
  data:
    kind: fetch
    retries: 0
    files:
      identity:
        urls:
          - ${vars.mirror}/dead/identity_conversations.jsonl
          - {url: "${vars.mirror}/identity_conversations.jsonl.zip", member: identity_conversations.jsonl}
        check: {format: jsonl, record: conversation, rows: "${vars.rows}"}
      bundle:
        urls: ["${vars.mirror}/dead/eval_bundle.zip", "${vars.mirror}/eval_bundle.zip"]
        check: {format: zip, min_size: 10 MiB}
        unpack: {strip: 1, require: [core.yaml, eval_meta_data.csv]}
YAML

serve "$data" --fault /dead/identity_conversations.jsonl=403-xml --fault /dead/eval_bundle.zip=200-xml
mirror="vars.mirror=$url"
expect 0 "$RUNNEL" run p.yaml "$mirror"
says "rejected identity_conversations.jsonl from ${url#http://}: refused: S3 AccessDenied (403), 243 bytes"
says "rejected eval_bundle.zip from ${url#http://}: error-page: S3 AccessDenied (200), 243 bytes"
same runs/*/stages/data/identity/identity_conversations.jsonl "$data/identity_conversations.jsonl"
[ -f runs/p-*/stages/data/bundle/core.yaml ] || fail "the bundle was not unpacked"
[ -f runs/p-*/quarantine/eval_bundle.zip-error-page/body ] || fail "no evidence was kept"
[ "$(grep -c first-use p.lock)" = 2 ] || fail "two files, two pins"
cp p.lock first.lock

expect 0 "$RUNNEL" run p.yaml "$mirror"
says "up to date"
unserve
rm -rf runs
expect 0 "$RUNNEL" run p.yaml "$mirror" --offline --locked
says "cached eval_bundle.zip"
same p.lock first.lock

rm -rf runs "$RUNNEL_CACHE"
expect 7 "$RUNNEL" run p.yaml "$mirror" --offline
says "identity_conversations.jsonl"
expect 4 "$RUNNEL" run p.yaml "$mirror"
says "transient"

# A source that now gives something else meets the pin.
serve "$data" --fault /dead/identity_conversations.jsonl=cut-close \
    --fault /identity_conversations.jsonl.zip=redirect-html --fault /eval_bundle.zip=cut
expect 4 "$RUNNEL" run p.yaml "vars.mirror=$url"
says "error-page: HTML page"
[ -z "$(find . "$RUNNEL_CACHE" \( -name '*.jsonl' -o -name '*.zip' \) -path '*data/*' -print)" ] ||
    fail "something unproven has a name"
[ -z "$(ls "$RUNNEL_CACHE/sha256" 2>/dev/null)" ] || fail "something unproven is in the cache"
unserve

rm -f p.lock
serve "$data"
expect 4 "$RUNNEL" run p.yaml "vars.mirror=$url" vars.rows=995
says "996 rows"
expect 3 "$RUNNEL" run p.yaml "vars.mirror=$url" --locked
says "--locked"
sed -i 's/check: {format: jsonl.*/name: a/' p.yaml
expect 3 "$RUNNEL" check p.yaml
says "nothing would detect an error page"
echo "403s met, pinned, cached, offline; nothing unproven has a name"
