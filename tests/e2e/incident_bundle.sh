# The incident, second half: the bundle of the evaluation had one source, the bucket that answered
# 403. Today: refused in the loop, the second source taken, unpacked, core.yaml in place.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"
data=$(shared data)

cat >p.yaml <<'YAML'
runnel: 1
name: bundle
vars: {mirror: "http://127.0.0.1:1"}
stages:
  data:
    kind: fetch
    retries: 0
    files:
      eval_bundle:
        urls: ["${vars.mirror}/bucket/eval_bundle.zip", "${vars.mirror}/eval_bundle.zip"]
        check: {format: zip, min_size: 10 MiB}
        unpack: {strip: 1, require: [core.yaml, eval_meta_data.csv]}
YAML

for kind in 403-xml 200-xml; do
    rm -rf runs p.lock "$RUNNEL_CACHE"
    serve "$data" --fault "/bucket/eval_bundle.zip=$kind"
    expect 0 "$RUNNEL" run p.yaml "vars.mirror=$url"
    unserve
    verdict=$([ $kind = 403-xml ] && echo refused || echo error-page)
    says "rejected eval_bundle.zip from ${url#http://}: $verdict: S3 AccessDenied (${kind%-xml})"
    bundle=$(echo runs/bundle-*/stages/data/eval_bundle)
    grep -q '^icl_tasks:' "$bundle/core.yaml" || fail "core.yaml is not in place"
    [ -s "$bundle/eval_meta_data.csv" ] || fail "eval_meta_data.csv is not in place"
    [ "$(find "$bundle/" -name '*.jsonl' | wc -l)" -ge 20 ] || fail "tasks are missing"
    [ -s runs/bundle-*/quarantine/eval_bundle.zip-$verdict/body ] || fail "no evidence was kept"
done

# A bundle that is cut on its way is no bundle, whatever its status says.
rm -rf runs p.lock "$RUNNEL_CACHE"
sed -i 's/, min_size: 10 MiB//; s,"[^"]*/bucket/eval_bundle.zip"\, ,,' p.yaml
serve "$data" --fault "/eval_bundle.zip=cut-close"
expect 4 "$RUNNEL" run p.yaml "vars.mirror=$url"
unserve
says "truncated"
[ -e runs/bundle-*/stages/data ] && fail "the stage has a result"
[ -z "$(ls "$RUNNEL_CACHE/sha256" 2>/dev/null)" ] || fail "something unproven is in the cache"
echo "bundle: refused as 403 and as 200, core.yaml from the second source; cut, nothing is kept"
