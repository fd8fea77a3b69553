#!/usr/bin/env bash
# Compares runnel with the Python originals: tests/oracle/run.sh build/runnel [script.py ...]
# Needs pip; installs tests/oracle/requirements.txt into build/oracle-venv. Never part of make check.
# NANOCHAT=CHECKOUT: nanochat's own training, too (thousand.py; half an hour or more).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
runnel=$(realpath "$1")
shift
venv=$(dirname "$runnel")/oracle-venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --requirement "$here/requirements.txt"
[ $# -gt 0 ] || set -- "$here"/*.py
failed=()
for script in "$@"; do
    echo "== $(basename "$script")"
    "$venv/bin/python" "$script" "$runnel" || failed+=("$(basename "$script")")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
