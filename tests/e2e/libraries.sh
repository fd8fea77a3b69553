# What is loaded before main is paid for by every command and every stage: what few of them need is
# opened where it is needed, and a machine that lacks it is told so there, and only there.
. "$(dirname "$0")/lib.bash"
. "$(dirname "$0")/serve.bash"
golden=$SRC/tests/golden/parquet

# The program's own libraries, and a sanitizer's.
loaded='lib(c|m|crypto|curl|jansson|lz4|pcre2-8|seccomp|yaml-0|z|zip|zstd|asan|tsan|ubsan)|ld-linux.*'
grep -q __tsan_init "$RUNNEL" && loaded="libgcc_s|$loaded" # which clang's own calls
needed() { # FILE
    LC_ALL=C readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'
}
needed "$RUNNEL" >all
grep -q '^libc\.so' all || fail "readelf does not say what is loaded: $(cat all)"
more=$(grep -vE "^($loaded)\.so" all)
[ -z "$more" ] || fail "every command loads more than it did, open it where it is needed: $more"

# hide SONAME COMMAND...: the command, where the library that begins so cannot be opened.
opened=$(strings -a "$RUNNEL" | grep -E '^lib(archive|cairo|microhttpd|snappy)\.so')
[ "$(grep -vc '^libcairo' <<<"$opened")" = 3 ] || fail "not three libraries are opened: $opened"
hide() {
    local file
    file=$(grep "^$1\." <<<"$opened") || fail "$1 is not opened"
    shift
    mkdir -p "hide-$file"
    : >"hide-$file/$file"
    LD_LIBRARY_PATH="$PWD/hide-$file${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$@"
}

expect 1 hide libsnappy "$RUNNEL" data head "$golden/dict-snappy-v1.parquet"
says "dict-snappy-v1.parquet: i/o: cannot open a library: "
says "libsnappy.so"
says "install libsnappy"
expect 0 hide libsnappy "$RUNNEL" data head "$golden/plain-gzip-v2.parquet"
expect 0 hide libsnappy "$RUNNEL" data info "$golden/dict-snappy-v1.parquet"

expect 1 hide libmicrohttpd "$RUNNEL" cache serve --address 127.0.0.1:0
says "libmicrohttpd.so"
says "install libmicrohttpd"
expect 2 hide libmicrohttpd "$RUNNEL" cache serve --address nowhere

# Who says in the pipeline file that a tar will come is told before anything does, be it the last of
# the files.
mkdir -p www/texts
head -c 100000 /dev/urandom >www/texts/a
tar cf www/texts.tar -C www texts
tar czf www/texts.tgz -C www texts
cp www/texts.tgz www/texts.bin
pipeline() { # NAME FILE...: NAME.yaml fetches these files
    printf '%s\n' 'runnel: 1' "name: $1" 'vars: {from: "http://127.0.0.1:1"}' 'stages:' \
        '  data:' '    kind: fetch' '    retries: 0' '    files:' >"$1.yaml"
    printf '      %s\n' "${@:2}" >>"$1.yaml"
}
pipeline p 'plain: {urls: ["${vars.from}/texts/a"], check: {min_size: 1}}' \
    'texts: {urls: ["${vars.from}/texts.tar"], check: {format: tar}}' \
    'packed: {urls: ["${vars.from}/texts.tgz"], check: {format: tar}, unpack: {strip: 1, require: [a]}}'
pipeline named 'plain: {urls: ["${vars.from}/texts/a"], check: {min_size: 1}}' \
    'packed: {name: texts, urls: ["${vars.from}/texts.tgz?raw=1"], unpack: {strip: 1}}'
serve www
nothing_came() {
    says "libarchive.so"
    says "install libarchive"
    [ -z "$(find "$RUNNEL_CACHE" -name '*.part' -o -path '*/sha256/*' -type f 2>/dev/null)" ] ||
        fail "it was told after a download: $(find "$RUNNEL_CACHE")"
}
expect 1 hide libarchive "$RUNNEL" run p.yaml "vars.from=$url"
nothing_came
expect 1 hide libarchive "$RUNNEL" fetch p.yaml "vars.from=$url"
nothing_came
expect 1 hide libarchive "$RUNNEL" run named.yaml
nothing_came
expect 4 "$RUNNEL" run named.yaml
expect 0 hide libarchive "$RUNNEL" fetch p.yaml data.plain "vars.from=$url"

# What the cache holds is proven, and is there without the library; what is unpacked is not.
expect 0 "$RUNNEL" fetch p.yaml "vars.from=$url"
expect 0 hide libarchive "$RUNNEL" fetch p.yaml "vars.from=$url"
expect 1 hide libarchive "$RUNNEL" run p.yaml "vars.from=$url"
says "install libarchive"
expect 0 "$RUNNEL" run p.yaml "vars.from=$url"
same runs/p-*/stages/data/packed/a www/texts/a

# An archive that nobody announced and that cannot be looked at is neither bad nor good: what came
# of it stays, to be looked at when the library is there.
pipeline bare 'packed: {urls: ["${vars.from}/texts.bin"], unpack: {strip: 1, require: [a]}}'
expect 1 hide libarchive "$RUNNEL" run bare.yaml "vars.from=$url"
says "libarchive.so"
says "install libarchive"
[ -z "$(find runs -name quarantine)" ] || fail "what was not looked at was called bad"
[ -n "$(find "$RUNNEL_CACHE/partial" -name '*.part')" ] || fail "what came is gone"
expect 0 "$RUNNEL" run bare.yaml "vars.from=$url"
same runs/bare-*/stages/data/packed/a www/texts/a

# A picture that cannot be drawn here is asked for in vain, whether the program was built without
# cairo or the machine lacks it: nothing failed, and nothing else is written either.
tag=$(basename runs/p-*)
without_cairo() {
    if grep -q '^libcairo' <<<"$opened"; then hide libcairo "$@"; else "$@"; fi
}
expect 2 without_cairo "$RUNNEL" report "$tag" --md card.md --png run.png --out page.html
says "cairo"
says "install libcairo2"
[ -z "$(ls card.md run.png page.html 2>/dev/null)" ] || fail "a part of what was asked for is there"
expect 0 without_cairo "$RUNNEL" report "$tag" --md card.md --out page.html
echo "three libraries are opened where they are needed"
