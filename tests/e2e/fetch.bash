# Sourced by tests of fetching, after lib.bash: a server, a folder to serve, a pipeline that wants
# every file of it, and what must be true of the cache whatever happened.
. "$SRC/tests/e2e/serve.bash"

# make_www COUNT BYTES: files f000.. of different text in www/
make_www() {
    mkdir -p www
    for i in $(seq -f %03.0f 0 $(($1 - 1))); do
        yes "line of file $i" | head -c "$2" >"www/f$i"
    done
}
write_pipeline() { # FILE COUNT
    cat >"$1" <<YAML
runnel: 1
name: p
stages:
  data:
    kind: fetch
    stall: 20 s
    files: {f: {count: $2, name: "f{i:03d}", urls: ["$url/{file}"], check: {min_size: 1 KiB}}}
YAML
}
# cache_is_true [COUNT]: every content has the digest that it is named by; that many of them.
cache_is_true() {
    local folder="$RUNNEL_CACHE/sha256"
    [ -d "$folder" ] || return 0
    find "$folder" -type f | sed 's|.*/\(.*\)|\1 &|; s/ /  /' >sums
    sha256sum --quiet -c sums >out 2>&1 || fail "the cache holds what it does not say"
    [ -z "${1:-}" ] || [ "$(wc -l <sums)" = "$1" ] || fail "$(wc -l <sums) contents, not $1"
}
