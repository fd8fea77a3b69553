# Every write, fsync, rename and open of a fetch fails once, in the runs, the cache and the lock
# file, and every call on a connection, and a sample of the places that take memory: the run
# succeeds all the same or ends with its documented code, and the next one has the right bytes.
. "$SRC/tests/e2e/lib.bash"
. "$SRC/tests/e2e/fetch.bash"
scratch=$work
[ -w /dev/shm ] && scratch=$(mktemp -d -p /dev/shm) # hundreds of runs: no need to wait for a disk
trap 'rm -rf "$scratch"; cleanup' EXIT
cd "$scratch" || exit 1
make_www 3 6000
yes "larger than a buffer" | head -c 700000 >www/f001
serve www
write_pipeline p.yaml 3
share=${SHARE:-3} # every n-th point; make soak: all
options=(io=$share memory=$((share * 16)) net=$share all=1)
sanitizer=$(ldd "$RUNNEL" | sed -n 's/.*libasan[^ ]* => \([^ ]*\).*/\1/p')
[ -n "$sanitizer" ] && options=(io=12 memory=0 net=4 all=1 "preload=$sanitizer")
"$BUILD/torture-sweep" "$RUNNEL" "$BUILD/librunnel-faults.so" p.yaml "$scratch/sweep" \
    "${options[@]}" || fail "a fault was not survived"
