# Every write, fsync, rename and open below the runs directory fails once, and places that take
# memory: the run succeeds all the same or ends with its documented code and a message, never says
# done of what is not, and the next run ends with the bytes of the unbroken one. Under a sanitizer a
# sample of it, without a leak.
. "$SRC/tests/e2e/lib.bash"
scratch=$work
[ -w /dev/shm ] && scratch=$(mktemp -d -p /dev/shm) # hundreds of runs: no need to wait for a disk
trap 'rm -rf "$scratch"; cleanup' EXIT

options=(io=1 memory=4)
sanitizer=$(ldd "$BUILD/runnel-torture" | sed -n 's/.*libasan[^ ]* => \([^ ]*\).*/\1/p')
[ -n "$sanitizer" ] && options=(io=8 memory=0 "preload=$sanitizer") # it has an allocator of its own
"$BUILD/torture-sweep" "$BUILD/runnel-torture" "$BUILD/librunnel-faults.so" \
    "$SRC/tests/torture/fake.yaml" "$scratch/sweep" "${options[@]}" || fail "a fault was not survived"
