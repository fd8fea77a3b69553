#!/bin/bash
# The pages written from tables say what the program says: docs/runnel.1, docs/commands.md,
# docs/keys.md; the man page has no warnings; every variable that the sources read is in environment.def; every example of
# a command is a line that the program's parser takes. `ninja docs` renews the pages.
. "$(dirname "$0")/lib.bash"
: "${BUILD:?build folder}"

fresh() { # KIND FILE
    "$BUILD/runnel-docs" "$1" >fresh || fail "runnel-docs $1"
    cmp -s fresh "$SRC/docs/$2" && return
    diff -u "$SRC/docs/$2" fresh | head -n 40 >out
    fail "docs/$2 is old: ninja docs"
}
fresh man runnel.1
fresh markdown commands.md
fresh keys keys.md

if man -V >/dev/null 2>&1; then
    LC_ALL=C MANWIDTH=100 man --warnings=w -l "$SRC/docs/runnel.1" >page 2>out
    [ -s out ] && fail "man warns about docs/runnel.1"
    grep -q 'runnel plan FILE' page || fail "the man page lacks a command"
else
    echo "SKIP: no man, docs/runnel.1 is not formatted"
fi

grep -rhoE '\b(getenv|set_in_env|env|given)\("[A-Za-z_]+"\)' "$SRC"/{base,fetch,kernels,data,model,stages,runner} |
    grep -oE '"[^"]+"' | tr -d '"' | sort -u >read
sed -nE 's/^VARIABLE\(([A-Za-z_]+),.*/\1/p' "$SRC/runner/cli/environment.def" | sort -u >known
comm -23 read known >out
[ -s out ] && fail "variables that runner/cli/environment.def does not name"

# The help of every command names the command and each of its options once.
for command in $(sed -nE 's/^COMMAND\(([a-z_]+)\)/\1/p' "$SRC/runner/cli/commands.def"); do
    name=${command//_/-}
    expect 0 "$RUNNEL" "$name" --help
    says "runnel $name - "
    sort out | uniq -d | grep -E '^ +(-., )?--' && fail "$name --help names an option twice"
done
echo "pages and tables agree"
