# Of gpu_check.sh: `publish OUT ...`, what came back into docs/performance-gpu.md, between its marks.
# Several folders are one report, where a machine ended a command and another went on.

mark_begin='<!-- gpu_check: begin -->' mark_end='<!-- gpu_check: end -->'

# What was measured, for readers: the card, the verdicts, the speeds, where the time goes.
report() { # OUT ...
    local out
    set -- "${@%/}"
    echo "## Measured"
    echo
    for out; do
        [ -e "$out/env.txt" ] || continue
        sed -n '/^20..-..-..T/p; /^runnel /p' "$out/env.txt" | sort -u | sed 's/^/- /'
        sed -n '/^name,/{n;s/^/- /;p}' "$out/env.txt" | sort -u
        sed -n 's|^lib[^ ]* *\(/.*\)|\1|p' "$out/env.txt" | sed 's|.*/||' | sort -u | paste -sd' ' |
            sed 's/^/- /'
        break
    done
    printf '\n| step | result | |\n| --- | --- | --- |\n'
    cat "${@/%//summary.tsv}" | awk -F'\t' '$1 != "card" { printf "| %s | %s | %s |\n", $1, $2, $3 }'
    where_it_goes "$@"
}
# The ten longest ops of each model, a micro-step and an update.
where_it_goes() {
    local name rows
    rows=$(cat "${@/%//perf.tsv}" 2>/dev/null | awk -F'\t' '$2 ~ /^op / { print $1, $2 }')
    [ -n "$rows" ] || return 0
    for name in $(awk '!seen[$1]++ { print $1 }' <<<"$rows"); do
        printf '\n%s:\n\n| op | | ms | TFLOP/s | GB/s |\n| --- | --- | --- | --- | --- |\n' "$name"
        awk -v name="$name" '$1 == name && $5 > 0 {
            printf "%.4f\t| %s | %s | %.2f | %.0f | %.0f |\n", $5, $3, $4, $5, $7 / $5, 1e3 * $9 / $5
        }' <<<"$rows" | sort -rn | head -n 10 | cut -f2-
    done
}

publish() { # OUT ...
    local page=$root/docs/performance-gpu.md out
    for out in "${@:?gpu_check.sh publish OUT ...}"; do
        [ -e "$out/summary.tsv" ] || { echo "gpu_check: no results in $out" >&2; return 2; }
    done
    grep -q 'FAILED' "${@/%//summary.tsv}" && echo "gpu_check: not all of it is well" >&2
    if [ "${PAGE:-}" ]; then page=$PAGE; fi
    report "$@" >"$page.report" || return 1
    awk -v from="$mark_begin" -v to="$mark_end" -v file="$page.report" '
        $0 == from { print; while ((getline line < file) > 0) print line; inside = 1 }
        $0 == to { inside = 0 }
        !inside || $0 == to { if ($0 != from) print }' "$page" >"$page.new" &&
        mv "$page.new" "$page" && rm "$page.report" && echo "$page"
}
