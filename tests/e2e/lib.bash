# Sourced by the end-to-end tests. Gives each a scratch folder, an own cache and short assertions.
set -u
: "${RUNNEL:?path of the program}" "${SRC:?source folder}"
work=$(mktemp -d)
pids=()
cleanup() {
    for pid in "${pids[@]:-}"; do [ -n "$pid" ] && kill "$pid" 2>/dev/null; done
    rm -rf "$work"
}
trap cleanup EXIT
export RUNNEL_CACHE="$work/cache" RUNNEL_RUNS="$work/runs" CI=true
cd "$work" || exit 1

fail() {
    echo "FAIL: $*" >&2
    [ -f "$work/out" ] && tail -n 40 "$work/out" >&2
    exit 1
}
# expect CODE COMMAND...: runs it, output to $work/out, and checks the exit status.
expect() {
    local want=$1 got
    shift
    "$@" >"$work/out" 2>&1
    got=$?
    [ "$got" -eq "$want" ] || fail "exit $got, expected $want: $*"
}
# says TEXT: the output of the last `expect` holds it.
says() {
    grep -qF -- "$1" "$work/out" || fail "the output does not say: $1"
}
silent_about() {
    grep -qF -- "$1" "$work/out" && fail "the output says: $1"
    return 0
}
# same FILE FILE: equal bytes.
same() {
    cmp -s "$1" "$2" || fail "$1 and $2 differ"
}
# eventually COMMAND...: waits until it succeeds. A machine may be slow; two minutes are never.
eventually() {
    for _ in $(seq 2400); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    fail "never came true: $*"
}
# stages_of RUNNER: the processes of its stages. To hold a stage where it is while something is looked
# at: kill -STOP $(stages_of "$runner"), and -CONT.
stages_of() {
    cat "/proc/$1/task/$1/children"
}
# shared NAME: path of shared test data, or a loud skip of the whole test.
shared() {
    local path="$SRC/../shared/$1"
    [ -e "$path" ] || {
        echo "SKIP: $1 of the shared test data is not here"
        exit 0
    }
    realpath "$path"
}
