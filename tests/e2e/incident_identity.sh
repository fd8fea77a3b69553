# The incident, first half: the identity conversations were gone from the bucket, which answered
# with 243 bytes of XML; they were kept as the file, and hours of training later mid-train died on
# them. Today: refused in the loop, the zip of the second source taken, 996 conversations in place;
# and where there is no second source, nothing is, and the message says what came.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"
data=$(shared data)

cat >p.yaml <<'YAML'
runnel: 1
name: identity
vars: {mirror: "http://127.0.0.1:1"}
stages:
  data:
    kind: fetch
    retries: 0
    files:
      identity:
        urls:
          - ${vars.mirror}/bucket/identity_conversations.jsonl
          - {url: "${vars.mirror}/identity_conversations.jsonl.zip", member: identity_conversations.jsonl}
        check: {format: jsonl, record: conversation, rows: 996}
YAML

for kind in 403-xml 200-xml; do
    rm -rf runs p.lock "$RUNNEL_CACHE"
    serve "$data" --fault "/bucket/identity_conversations.jsonl=$kind"
    expect 0 "$RUNNEL" run p.yaml "vars.mirror=$url"
    unserve
    verdict=$([ $kind = 403-xml ] && echo refused || echo error-page)
    says "rejected identity_conversations.jsonl from ${url#http://}: $verdict: S3 AccessDenied (${kind%-xml})"
    says "accepted identity_conversations.jsonl from ${url#http://}"
    file=$(echo runs/identity-*/stages/data/identity/identity_conversations.jsonl)
    same "$file" "$data/identity_conversations.jsonl"
    [ "$(wc -l <"$file")" -eq 996 ] || fail "996 conversations, not $(wc -l <"$file")"
    kept=$(echo "runs/identity-"*"/quarantine/identity_conversations.jsonl-$verdict")
    [ "$(stat -c %s "$kept/body")" -eq 243 ] || fail "the bucket's answer was not kept"
    grep -q "\"id\": \"data.identity/identity_conversations.jsonl\"" "$kept/meta.json" ||
        fail "the evidence does not name the file"
done

# The day itself: only the bucket.
rm -rf runs p.lock "$RUNNEL_CACHE"
sed -i '/identity_conversations.jsonl.zip/d' p.yaml
serve "$data" --fault "/bucket/identity_conversations.jsonl=200-xml"
expect 4 "$RUNNEL" run p.yaml "vars.mirror=$url"
unserve
says "data.identity/identity_conversations.jsonl"
says "error-page: S3 AccessDenied (200)"
says "3C 3F 78 6D 6C"
[ -e runs/identity-*/stages/data ] && fail "the stage has a result"
[ -s p.lock ] && grep -q identity p.lock && fail "the error page was pinned"
find runs "$RUNNEL_CACHE" -name '*.jsonl' -size -300c -not -path '*/quarantine/*' |
    grep -v -e metrics -e journal | grep -q . && fail "the error page has a name"
echo "identity: refused as 403 and as 200, 996 conversations from the zip; alone, nothing is kept"
