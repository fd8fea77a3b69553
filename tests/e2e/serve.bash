# Sourced after lib.bash: the hostile server of tests/server in the background.
# serve FOLDER [--fault PATH=KIND]...: its url in $url.
serve() {
    rm -f "$work/url" # an old one would be taken for the answer
    "$BUILD/test-server" --dir "$@" >"$work/url" &
    server=$!
    pids+=("$server")
    eventually [ -s "$work/url" ]
    url=$(cat "$work/url")
}
unserve() {
    kill "$server"
    wait "$server" 2>/dev/null
}
