#!/bin/bash
# What the program says about pipeline files, good and bad: every tests/golden/config/NAME.yaml is
# checked (arguments in its first line: "# args: ..") and output and exit code compared with NAME.txt.
# The kinds are those of tests/fake/kinds.c. UPDATE=1 writes the golden texts anew.
set -u
cd "$SRC/tests/golden/config" || exit 1
unset RUNNEL_TEST_UNSET
failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { # NAME COMMAND ARGS..: output and exit code in the order in which a terminal shows them
    local name=$1
    shift
    { "$BUILD/runnel-fake" "$@" 2>&1; echo "exit $?"; } >"$work/$name.txt"
    if [ "${UPDATE:-}" = 1 ]; then
        cp "$work/$name.txt" "$name.txt"
    elif ! diff -u "$name.txt" "$work/$name.txt"; then
        echo "FAILED: runnel $*"
        failed=1
    fi
}

for file in *.yaml; do
    name=${file%.yaml}
    read -r -a args < <(sed -n '1s/^# args: //p' "$file")
    say "$name" check "$file" ${args[@]+"${args[@]}"}
done
say resolved config ok.yaml -p smoke base.seed=7
say resolved_overrides config overrides_ok.yaml vars.depth=3 name=other 'base.model.depth=${vars.depth}'
say resolved_include config include.yaml
say resolved_overrides_more config overrides_more.yaml $(sed -n '1s/^# args: //p' overrides_more.yaml)
say resolved_cell config matrix.yaml --cell 5
say matrix_which config matrix.yaml
say matrix_no_cell check matrix.yaml --cell depth=5
say matrix_none check ok.yaml --cell 1
say matrix_one check matrix.yaml --cell 'depth=2,horizon=#2,seed=1'
for format in text dot mermaid json; do say dag_$format dag dag.yaml --format $format; done
say missing_file check nowhere.yaml
say usage_command chek ok.yaml
say usage_option check --prfile x ok.yaml
say usage_argument check ok.yaml extra
say help_check check --help

# The resolved document is a pipeline of its own, with the same key.
"$BUILD/runnel-fake" config ok.yaml -p smoke >"$work/again.yaml"
one=$("$BUILD/runnel-fake" --json config ok.yaml -p smoke | grep -o '"key8":"[0-9a-f]*"')
two=$("$BUILD/runnel-fake" config --json "$work/again.yaml" | grep -o '"key8":"[0-9a-f]*"')
if [ -z "$one" ] || [ "$one" != "$two" ]; then
    echo "FAILED: key of the file $one, of its resolved form $two"
    failed=1
fi
exit $failed
