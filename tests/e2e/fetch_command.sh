# `runnel fetch`: the files of the fetch stages without a run. What each source gives now, whose
# word a pin rests on, and who may change it.
. "$(dirname "$0")/lib.bash"
. "$SRC/tests/e2e/serve.bash"
export HOME="$work" # nobody's netrc, token or credentials
mkdir www
lines() { # N WORD: a JSON Lines file
    for i in $(seq "$1"); do echo "{\"text\": \"$2 $i\"}"; done
}
lines 3 zero >www/s_0.jsonl
lines 3 one >www/s_1.jsonl
lines 5 packed >www/plain.jsonl
gzip -c www/plain.jsonl >www/plain.gz
(cd www && sha256sum s_0.jsonl s_1.jsonl >SHA256SUMS)

cat >p.yaml <<'YAML'
runnel: 1
name: p
vars: {mirror: "http://127.0.0.1:1"}
stages:
  data:
    kind: fetch
    retries: 0
    files:
      s:
        count: 2
        name: "s_{i}.jsonl"
        urls: ["${vars.mirror}/{file}"]
        sums: "${vars.mirror}/SHA256SUMS"
        check: {format: jsonl}
      packed:
        name: packed.jsonl
        urls: ["${vars.mirror}/dead.jsonl", {url: "${vars.mirror}/plain.gz", pack: gzip}]
        check: {format: jsonl, rows: 5}
YAML
row() { # STATE ID [MORE]: the last output has such a row
    grep -qE "^$1 +$2 .*${3:-}" "$work/out" || fail "no row '$1 $2 .. ${3:-}'"
}

serve www --fault /dead.jsonl=403-xml
mirror="vars.mirror=$url"
expect 0 "$RUNNEL" fetch p.yaml "$mirror"
row fetched data.s/s_0.jsonl sums
row fetched data.packed/packed.jsonl first-use
[ ! -e runs/p-*/journal.jsonl ] || fail "fetching is no run"
[ "$(grep -c ' sums ' p.lock)" = 2 ] || fail "two pins rest on the publisher's list"
grep -q "$(sha256sum <www/plain.jsonl | cut -d' ' -f1)" p.lock || fail "the pin is the payload's"
cp p.lock first.lock
expect 0 "$RUNNEL" fetch p.yaml "$mirror" --json --offline --locked
[ "$(grep -c '"state":"cached"' "$work/out")" = 3 ] || fail "three cached files"

# Every source is asked, also of what the cache holds.
expect 0 "$RUNNEL" fetch p.yaml "$mirror" --check
row ok data.s/s_1.jsonl
row refused data.packed/packed.jsonl AccessDenied
says "127.0.0.1:"
says "(url 1): S3 AccessDenied" # both urls are of one host
says "1 source is not what the pipeline file says"
lines 4 one >www/s_1.jsonl
expect 4 "$RUNNEL" fetch p.yaml data.s "$mirror" --check
row oversize data.s/s_1.jsonl "pinned are"
silent_about packed.jsonl
same p.lock first.lock

# A new version: only --update takes it, and only with consent.
expect 0 "$RUNNEL" fetch p.yaml data.s "$mirror" # the cache has what is pinned
rm -rf "$RUNNEL_CACHE"
expect 4 "$RUNNEL" fetch p.yaml data.s/s_1.jsonl "$mirror"
says "oversize"
expect 2 "$RUNNEL" fetch p.yaml --update "$mirror"
says "needs the NAME"
expect 4 "$RUNNEL" fetch p.yaml data.s/s_1.jsonl --update --yes "$mirror"
says "SHA256SUMS says" # the publisher's list is older than the file
(cd www && sha256sum s_0.jsonl s_1.jsonl >SHA256SUMS)
expect 2 "$RUNNEL" fetch p.yaml data.s/s_1.jsonl --update "$mirror" </dev/null
row changed data.s/s_1.jsonl "was $(grep s_1 first.lock | cut -d' ' -f3 | cut -c1-12)"
says "--yes"
same p.lock first.lock
expect 0 "$RUNNEL" fetch p.yaml data.s/s_1.jsonl --update --yes "$mirror"
[ "$(diff first.lock p.lock | grep -c '^>')" = 1 ] || fail "one pin has changed"
expect 0 "$RUNNEL" fetch p.yaml "$mirror"
expect 0 "$RUNNEL" run p.yaml "$mirror"
same runs/*/stages/data/s/s_1.jsonl www/s_1.jsonl
same runs/*/stages/data/packed/packed.jsonl www/plain.jsonl
unserve

# What is cached is hashed again, whatever is remembered of it.
expect 0 "$RUNNEL" fetch p.yaml "$mirror" --verify
row good data.s/s_0.jsonl sums
row good data.packed/packed.jsonl first-use
held=$(find "$RUNNEL_CACHE" -name "$(grep packed p.lock | cut -d' ' -f3)")
chmod u+w "$held"
printf X | dd of="$held" bs=1 count=1 conv=notrunc 2>/dev/null
expect 5 "$RUNNEL" fetch p.yaml "$mirror" --verify
row damaged data.packed/packed.jsonl
expect 0 "$RUNNEL" fetch p.yaml data.packed "$mirror" --verify
row absent data.packed/packed.jsonl
expect 7 "$RUNNEL" fetch p.yaml "$mirror" --offline

# Locks that a merge or an editor left half done.
printf '<<<<<<< HEAD\n' >>p.lock
expect 3 "$RUNNEL" fetch p.yaml "$mirror"
says "a merge conflict is not resolved"
rm p.lock
expect 3 "$RUNNEL" fetch p.yaml "$mirror" --locked
says "--locked"
expect 2 "$RUNNEL" fetch p.yaml nothing "$mirror"
says "no fetch stage has a file 'nothing'"
expect 2 "$RUNNEL" fetch p.yaml --check --verify "$mirror"

# Many neighbours that say the same share a line, what failed has its own, programs get every file.
rm -rf p.lock "$RUNNEL_CACHE"
mkdir many
for i in $(seq -f %02.0f 0 39); do head -c 1000 /dev/zero >"many/f$i"; done
entry='{count: 40, name: "f{i:02d}", urls: ["${vars.a}/{file}", "${vars.b}/{file}"],
    check: {min_size: 1}}'
cat >many.yaml <<YAML
runnel: 1
name: many
vars: {a: "http://127.0.0.1:1", b: "http://127.0.0.1:1"}
stages:
  data: {kind: fetch, retries: 0, files: {f: $entry, g: $entry}}
YAML
rows() { # N: the last output's table has so many
    [ "$(grep -cE '^[a-z-]+ +data\.' "$work/out")" = "$1" ] || fail "not $1 rows"
}
serve many --fault /f20=404
a="vars.a=$url" b="vars.b=$url"
expect 4 "$RUNNEL" fetch many.yaml data.f "$a" "$b"
row fetched 'data\.f/f00 \.\. f19' '20 files, 19\.5 KiB'
row failed data.f/f20
row fetched 'data\.f/f21 \.\. f39' '19 files, 18\.6 KiB'
rows 3
unserve
serve many
a="vars.a=$url" b="vars.b=$url"
expect 0 "$RUNNEL" fetch many.yaml "$a" "$b"
row cached 'data\.f/f00 \.\. f19'
row fetched 'data\.f/f20'
row fetched 'data\.g/f00 \.\. f39' '40 files'
rows 4
for mode in --offline --check --verify "--update --yes"; do
    # shellcheck disable=SC2086 # two words
    expect 0 "$RUNNEL" fetch many.yaml data.g $mode "$a" "$b" --json
    sed -n 's/.*"file":"data\.g\/\(f[0-9]*\)".*/\1/p' "$work/out" | uniq | diff - <(ls many) ||
        fail "$mode --json: other files, or in another order"
    # shellcheck disable=SC2086
    expect 0 "$RUNNEL" fetch many.yaml data.g $mode "$a" "$b"
    rows $([ "$mode" = --check ] && echo 2 || echo 1)
done

# A mirror that is dead for all is one line; files that have no other come one by one.
expect 0 "$RUNNEL" fetch many.yaml data.g --check "$b"
row transient 'data\.g/f00 \.\. f39' '127\.0\.0\.1:1: '
row ok 'data\.g/f00 \.\. f39' '40 files'
rows 2
expect 4 "$RUNNEL" fetch many.yaml data.g --check
rows 80
unserve

# Nothing was tried after too many failures, and a file that a signal broke off did not fail.
rm -rf many.lock "$RUNNEL_CACHE"
expect 7 "$RUNNEL" fetch many.yaml data.f --offline
row pending 'data\.f/f.. \.\. f39'
row failed data.f/f00

# Of a host that is down the log tells a few files by name and the others by their number.
expect 4 "$RUNNEL" fetch many.yaml data.f
says "rejected f00 from 127.0.0.1:1: transient: "
grep -q "rejected f.. from 127.0.0.1:1: transient: .* more alike)" "$work/out" || fail "no count"
[ "$(grep -c "rejected f" "$work/out")" -lt 16 ] || fail "files are still told one by one"
says "files cannot be had and the rest was not waited for; the first of them: no source gave"
row pending 'data\.f/f.. \.\. f39'
serve many --fault '*=hang' --fault /f00=ok
"$RUNNEL" fetch many.yaml data.f "vars.a=$url" >"$work/out" 2>&1 &
fetching=$!
pids+=("$fetching")
eventually [ -s many.lock ]
kill -INT "$fetching"
wait "$fetching"
[ $? = 75 ] || fail "fetch was stopped"
row fetched data.f/f00
row pending 'data\.f/f01 \.\. f39' '39 files'
rows 2
unserve
# A limit of the size of files is no full disk.
head -c 300000 /dev/zero | tr '\0' x >www/large.txt
cat >large.yaml <<'YAML'
runnel: 1
name: large
vars: {mirror: "http://127.0.0.1:1"}
stages: {data: {kind: fetch, retries: 0, files: {g: {urls: ["${vars.mirror}/large.txt"], check: {min_size: 1}}}}}
YAML
serve www
expect 8 bash -c 'ulimit -f 100; exec "$@"' _ "$RUNNEL" fetch large.yaml "vars.mirror=$url"
says "look for a quota or a limit of file sizes (ulimit -f)"
expect 0 "$RUNNEL" fetch large.yaml "vars.mirror=$url"

echo "fetched, checked, updated and verified without a run"
