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
[ -n "$sanitizer" ] && exit 0

# Memory that is short while an archive or a packed page is read, and while the library for it is
# opened, is not called a fault of theirs.
mkdir texts
head -c 3000 /dev/urandom >texts/a
tar cf texts.tar texts
tar czf texts.tgz texts
cp "$SRC/tests/golden/parquet/dict-snappy-v1.parquet" rows.parquet
cat >p.yaml <<YAML
runnel: 1
name: p
stages:
  data:
    kind: fetch
    retries: 0
    files:
      texts: {urls: ["$PWD/texts.tar"], check: {format: tar}}
      packed: {urls: ["$PWD/texts.tgz"], check: {format: tar}, unpack: {strip: 1, require: [a]}}
      bundle: {name: eval_bundle.zip, urls: ["builtin:tiny-world/{file}"], check: {format: zip}, unpack: {strip: 1}}
      rows: {urls: ["$PWD/rows.parquet"], check: {format: parquet}}
YAML
"$BUILD/torture-sweep" "$RUNNEL" "$BUILD/librunnel-faults.so" p.yaml "$scratch/sweep" \
    io=0 memory=$((share * 8)) all=1 || fail "a lack of memory was not survived"
