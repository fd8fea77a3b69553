# Two and eight processes that want the same 50 files at once, with locks that everybody gets: one
# copy of each in the cache, all of them right, and nothing left over.
. "$(dirname "$0")/lib.bash"
. "$SRC/tests/e2e/fetch.bash"
make_www 50 20000
serve www
write_pipeline p.yaml 50

together() { # COUNT
    local n=$1 waiting=()
    rm -rf "$RUNNEL_CACHE" each
    for i in $(seq "$n"); do
        mkdir -p "each/$i"
        cp p.yaml "each/$i/"
        (cd "each/$i" && LD_PRELOAD="$BUILD/librunnel-noflock.so" exec "$RUNNEL" run p.yaml \
            --runs runs >out 2>&1) &
        waiting+=($!)
    done
    for i in $(seq "$n"); do
        wait "${waiting[$((i - 1))]}" || { cat "each/$i/out"; fail "process $i of $n failed"; }
        diff -r www "each/$i/runs/$(ls "each/$i/runs")/stages/data/f" >out ||
            fail "process $i of $n has other files"
    done
    cache_is_true 50
    [ -z "$(ls "$RUNNEL_CACHE/partial")" ] || fail "partial files are left"
}
together 2
together 8
echo "2 and 8 processes without locks: 50 files, one copy each"
