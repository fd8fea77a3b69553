#!/bin/bash
# docs/runnel.schema.json is what `runnel schema` prints. UPDATE=1 (or `ninja docs-schema`) renews it.
set -u
doc="$SRC/docs/runnel.schema.json"
if [ "${UPDATE:-}" = 1 ]; then
    "$RUNNEL" schema >"$doc"
    exit
fi
if ! "$RUNNEL" schema | cmp "$doc" -; then
    "$RUNNEL" schema | diff -u "$doc" - | head -40
    echo "FAILED: docs/runnel.schema.json is old: ninja docs-schema"
    exit 1
fi
# An editor's own check of the shipped pipelines, where Python has the validator.
if python3 -c 'import jsonschema, yaml' 2>/dev/null; then
    python3 - "$doc" "$SRC"/pipelines/*.yaml <<'PY'
import glob, json, sys, jsonschema, yaml
schema = json.load(open(sys.argv[1]))
jsonschema.Draft202012Validator.check_schema(schema)
bad = 0
for path in sys.argv[2:]:
    if "*" in path:
        continue
    for e in jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(open(path))):
        print("FAILED:", path, list(e.absolute_path), e.message[:200])
        bad = 1
sys.exit(bad)
PY
else
    echo "SKIP: no Python jsonschema, the pipelines are not checked against the schema"
fi
