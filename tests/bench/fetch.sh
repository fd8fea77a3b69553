#!/usr/bin/env bash
# Downloads from a TLS server on loopback: runnel beside curl --parallel, aria2c and the hub's own
# downloader, same files, same server, taking turns; medians of ROUNDS, of small files
# five times as many.
#   tests/bench/fetch.sh build/runnel [ROUNDS]
# Each turn has a folder of its own and nothing is deleted before the end: ext4 shuns inodes that were
# freed in the last minutes and looks at each of them again for every file that is made, which costs
# whoever comes next several times what he does himself.
# runnel digests every byte and syncs every file: "run" publishes them as the output of a stage, too,
# "fetch" leaves them in the cache, pinned. "no sync" is the same with sync calls that do nothing. The
# others do neither. Needs 15 GB of disk, nginx, openssl and cc; curl, aria2c and a Python with
# huggingface_hub ($HF_PYTHON, default build/hf/bin/python) where they are to be compared.
set -euo pipefail
. "$(realpath "$(dirname "$0")")/../e2e/nginx.bash"
runnel=$(realpath "$1")
rounds=${2:-5}
hf=${HF_PYTHON:-$(dirname "$runnel")/hf/bin/python}
work=$(mktemp -d)
server=
cleanup() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null
    rm -rf "$work"
}
trap cleanup EXIT
cd "$work"
mkdir www logs

# --- the files and the server ---
make_files() { # FOLDER COUNT BYTES
    mkdir "www/$1"
    openssl rand "$(($2 * $3))" | split -b "$3" -a 5 -d - "www/$1/f"
}
make_files large 64 $((16 << 20))
make_files small 2000 $((16 << 10))
make_files many 20000 $((16 << 10))
serve_nginx www 512
export SSL_CERT_FILE=$CURL_CA_BUNDLE CI=true
base=$url

cat >nosync.c <<'C'
int fsync(int fd) { return fd < 0 ? -1 : 0; }
int fdatasync(int fd) { return fd < 0 ? -1 : 0; }
int syncfs(int fd) { return fd < 0 ? -1 : 0; }
int sync_file_range(int fd, long from, long n, unsigned how)
{
    (void)from, (void)n, (void)how;
    return fd < 0 ? -1 : 0;
}
C
cc -shared -fPIC -o nosync.so nosync.c

# --- the contenders: each fetches folder $1 of $2 files; what it is told to fetch is written before ---
write_lists() {
    for i in $(seq -f %05.0f 0 $(($2 - 1))); do
        printf 'url = "%s/%s/f%s"\noutput = "out/f%s"\n' "$base" "$1" "$i" "$i" >&3
        echo "$base/$1/f$i"
    done 3>curl.list >aria2c.list
    cat >p.yaml <<YAML
runnel: 1
name: bench
stages:
  data:
    kind: fetch
    per_host: ${PER_HOST:-4}
    files: {f: {count: $2, name: "f{i:05d}", urls: ["$base/$1/{file}"], check: {min_size: 1 KiB}}}
YAML
}
run_run() {
    "$runnel" run p.yaml --runs out/runs >out/log 2>&1 || { tail out/log; return 1; }
}
run_fetch() {
    "$runnel" fetch p.yaml --runs out/runs >out/log 2>&1 || { tail out/log; return 1; }
}
run_run_nosync() {
    LD_PRELOAD="$work/nosync.so" run_run "$@"
}
run_fetch_nosync() {
    LD_PRELOAD="$work/nosync.so" run_fetch "$@"
}
run_curl() {
    curl -s --parallel --parallel-max "${CURL_MAX:-50}" -K curl.list
}
run_aria2c() {
    aria2c -q -i aria2c.list -d out --ca-certificate="$work/ca.pem" --file-allocation=none -j 16
}
run_hub() {
    "$hf" - "$base/$1" "$2" <<'PY'
import sys
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub.file_download import http_get

def get(i):
    with open(f"out/f{i:05d}", "wb") as f:
        http_get(f"{sys.argv[1]}/f{i:05d}", f, displayed_filename="f", tqdm_class=None)

with ThreadPoolExecutor(8) as pool:  # snapshot_download's number
    list(pool.map(get, range(int(sys.argv[2]))))
PY
}

ours=(run run_nosync fetch fetch_nosync)
contenders=("${ours[@]}")
command -v curl >/dev/null && contenders+=(curl) || echo "SKIP curl: not installed"
command -v aria2c >/dev/null && contenders+=(aria2c) || echo "SKIP aria2c: not installed"
[ -x "$hf" ] && contenders+=(hub) || echo "SKIP huggingface_hub: no $hf"

median() {
    sort -n "$1" | awk '{a[NR] = $1} END {print a[int((NR + 1) / 2)]}'
}
# Short turns are noisy and cheap: TIMES as many rounds, of which the slow take part in the first.
measure() { # FOLDER COUNT LABEL TIMES
    for round in $(seq "$((rounds * $4))"); do
        for c in "${contenders[@]}"; do
            [ "$round" -gt "$rounds" ] && [[ $c = aria2c || $c = hub ]] && continue
            cd "$(mktemp -d -p "$work" turn-XXXXXX)"
            export RUNNEL_CACHE="$PWD/cache"
            mkdir out
            write_lists "$1" "$2"
            sync # what the one before left to write is not this one's work
            start=$(date +%s.%N)
            "run_$c" "$1" "$2" 2>"$work/logs/$c" ||
                { echo "$c failed"; tail -n 3 "$work/logs/$c"; exit 1; }
            awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN {print b - a}' >>"$work/times-$1-$c"
            find . -type f -size +1M -exec chmod u+w {} + -exec truncate -s 0 {} +
            cd "$work"
        done
    done
    local c fastest=
    printf '| %s |' "$3"
    for c in "${contenders[@]}"; do
        local t
        t=$(median "times-$1-$c")
        printf ' %.3f s |' "$t"
        case $c in run* | fetch*) ;; *)
            fastest=$(awk -v a="${fastest:-$t}" -v b="$t" 'BEGIN {print a < b ? a : b}') ;;
        esac
    done
    for c in "${ours[@]}"; do
        [ -n "$fastest" ] && awk -v f="$fastest" -v m="$(median "times-$1-$c")" \
            'BEGIN {printf " %.2f |", f / m}'
    done
    echo
}
printf '| files |'
printf ' %s |' "${contenders[@]}"
printf ' fastest other / %s |' "${ours[@]}"
echo
measure large 64 "64 x 16 MiB" 1
measure small 2000 "2,000 x 16 KiB" 5
if command -v curl >/dev/null; then # the fastest of the others; they take half a minute each
    contenders=("${ours[@]}" curl)
    measure many 20000 "20,000 x 16 KiB" 1
fi
