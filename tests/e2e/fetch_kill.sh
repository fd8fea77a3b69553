# 200 kills (KILLS; make soak: 2,000) while 200 small files are downloaded: whatever the moment, no
# part is taken for the whole, the same command ends with the same bytes, and nothing is left over.
. "$(dirname "$0")/lib.bash"
. "$SRC/tests/e2e/fetch.bash"
kills=${KILLS:-200}
scratch=$work
[ -w /dev/shm ] && scratch=$(mktemp -d -p /dev/shm) # hundreds of runs: no need to wait for a disk
trap 'rm -rf "$scratch"; cleanup' EXIT
cd "$scratch" || exit 1
export RUNNEL_CACHE="$scratch/cache"
make_www 200 6000
for i in 000 050 100; do yes "a larger file $i" | head -c 3000000 >"www/f$i"; done
serve www
write_pipeline p.yaml 200
RANDOM=20261121

# A process group of its own: the kill reaches the stage's process too.
set -m
start() {
    "$RUNNEL" run p.yaml --runs runs >log 2>&1 &
    group=$!
}
begin=$(date +%s%N)
start
wait "$group" || { cat log; fail "the unbroken run failed"; }
window_ms=$((($(date +%s%N) - begin) / 1000000 + 1))
cache_is_true 200

ended=0 hits=0
for n in $(seq "$kills"); do
    # When everything is there, from the beginning again: half the time with the pins kept.
    if [ "$ended" = 1 ]; then
        rm -rf runs cache
        [ $((RANDOM % 2)) = 0 ] && rm -f p.lock
    fi
    start
    wait_ms=$((RANDOM % window_ms))
    sleep "$(awk -v ms=$wait_ms 'BEGIN {print ms / 1000}')"
    ended=0
    kill -9 -- "-$group" 2>/dev/null || ended=1
    wait "$group" 2>/dev/null && ended=1
    # A run that goes on from partials is shorter than the first: the window follows what is seen.
    [ "$ended" = 1 ] && window_ms=$((window_ms * 4 / 5 + 1)) || window_ms=$((window_ms * 21 / 20 + 1))
    hits=$((hits + 1 - ended))
    [ $((n % 5)) = 0 ] && cache_is_true
done
set +m
cache_is_true
expect 0 "$RUNNEL" run p.yaml --runs runs
diff -r www runs/*/stages/data/f >out || fail "other bytes than were served"
cache_is_true
# Whatever dead processes left is for the collector; the young could be gone on with, by default.
expect 0 "$RUNNEL" cache gc --runs runs --keep 0s
[ -z "$(find "$RUNNEL_CACHE/partial" -type f 2>/dev/null)" ] || fail "orphans after cache gc"
cache_is_true 200
[ "$hits" -ge $((kills / 3)) ] || fail "only $hits of $kills kills came in time"
echo "$hits of $kills kills during a download: the same bytes, no part taken for the whole"
