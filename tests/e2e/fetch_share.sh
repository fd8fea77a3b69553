# Small files share a connection over HTTP/2, large ones have each their own, and what a server gives
# over either is the same.
. "$(dirname "$0")/lib.bash"
. "$SRC/tests/e2e/nginx.bash"
command -v nginx openssl python3 >/dev/null || { echo "SKIP: no nginx, openssl or python3"; exit 0; }

mkdir www logs
for i in $(seq -f %03.0f 0 79); do head -c 9000 /dev/urandom >"www/s$i"; done
for i in 0 1; do head -c 3000000 /dev/urandom >"www/l$i"; done
touch logs/access
serve_nginx www 64 || { echo "SKIP: this nginx does not start with http2"; exit 0; }
pids+=("$server")

cat >p.yaml <<YAML
runnel: 1
name: p
stages:
  data:
    kind: fetch
    per_host: 2
    files:
      s: {count: 80, name: "s{i:03d}", urls: ["$url/{file}"], check: {min_size: 1 KiB}}
      l0: {urls: ["$url/l0"], size: 3000000, check: {min_size: 1 MiB}}
      l1: {urls: ["$url/l1"], size: 3000000, check: {min_size: 1 MiB}}
YAML
expect 0 "$RUNNEL" run p.yaml --runs runs
cat runs/*/stages/data/s/* | cmp - <(cat www/s*) || fail "the small files are others"
cat runs/*/stages/data/l?/l? | cmp - <(cat www/l*) || fail "the large files are others"
[ "$(grep -c '^HTTP/2.0 .* /s' logs/access)" = 80 ] || fail "small files did not come over HTTP/2"
[ "$(grep -c '^HTTP/1.1 .* /l' logs/access)" = 2 ] || fail "large files shared a connection"
shared=$(grep '^HTTP/2.0' logs/access | cut -d' ' -f2 | sort -u | wc -l)
[ "$shared" -le 2 ] || fail "80 small files took $shared connections, of 2 that are allowed"
echo "80 small files over $shared connections, 2 large ones each over its own"
