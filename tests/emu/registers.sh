#!/usr/bin/env bash
# What ptxas says of each CUDA kernel, against kernels/cuda/registers.tsv: a stack frame, a spill or
# a tenth more registers than there is a fault, and so is a kernel that the table does not know.
# The numbers are those of one compiler: with another only stacks and spills are looked at.
#   registers.sh [ARCH ...]   sm_90a alone if none is named
#   registers.sh --all        every architecture
#   registers.sh --renew      writes the table anew, every architecture; look at the difference
set -u
root=${SRC:-$(cd "$(dirname "$0")/../.." && pwd)}
table=$root/kernels/cuda/registers.tsv
all_archs=(sm_80 sm_89 sm_90a sm_100 sm_120)
nvcc=$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)
[ -x "$nvcc" ] || { echo "SKIP: no nvcc, no kernel is compiled for a GPU"; exit 77; }
compiler="nvcc $("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/\1/p')"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# arch, kernel, registers, bytes of stack and spills: a line for each kernel of a file.
measure() { # FILE ARCH
    "$nvcc" -std=c++17 -arch="$2" -cubin -Xptxas -v -Werror all-warnings -I "$root/base" \
        -I "$root/kernels" -I "$root/kernels/cuda" "$1" -o "$work/cubin" >"$work/said" 2>&1 ||
        { cat "$work/said" >&2; return 1; }
    awk -v arch="$2" '
        /Compiling entry function/ { split($0, q, "\047"); kernel = q[2] }
        /bytes stack frame/ { memory = $1 + $5 + $9 }
        /Used [0-9]+ registers/ { match($0, /Used [0-9]+/)
            print arch "\t" kernel "\t" substr($0, RSTART + 5, RLENGTH - 5) "\t" memory }' "$work/said"
}

measure_all() { # ARCH ...
    local file arch
    for file in "$root"/kernels/cuda/*.cu; do
        for arch; do
            measure "$file" "$arch" || return 1
        done
    done | c++filt | sort -u
}

if [ "${1:-}" = --renew ]; then
    measure_all "${all_archs[@]}" >"$work/found" || exit 1
    { printf '%s' "$compiler" && printf '\t%s' "${all_archs[@]}" && echo
      awk -F'\t' -v archs="${all_archs[*]}" '
        { registers[$2, $1] = $3; kernels[$2] }
        END { n = split(archs, arch, " ")
            for (k in kernels) { printf "%s", k; for (i = 1; i <= n; i++) printf "\t%s", registers[k, arch[i]]; print "" }
        }' "$work/found" | LC_ALL=C sort
    } >"$table"
    exit
fi

archs=("${@:-sm_90a}")
[ "${1:-}" != --all ] || archs=("${all_archs[@]}")
measure_all "${archs[@]}" >"$work/found" || exit 1
[ -s "$work/found" ] || { echo "ptxas said nothing that is understood"; exit 1; }
awk -F'\t' -v compiler="$compiler" '
    FNR == 1 { file++ }
    file == 1 && FNR == 1 { comparable = $1 == compiler }
    file == 1 && FNR == 1 { for (i = 2; i <= NF; i++) arch[i] = $i; next }
    file == 1 { for (i = 2; i <= NF; i++) told[$1, arch[i]] = $i; next }
    { seen[$2, $1]; asked[$1] }
    $4 > 0 { printf "%s %s: %d bytes of stack or spills\n", $1, $2, $4; bad = 1 }
    !comparable { next }
    !(($2, $1) in told) { printf "%s %s: %d registers, not in the table\n", $1, $2, $3; bad = 1; next }
    $3 * 10 > told[$2, $1] * 11 { printf "%s %s: %d registers, %d in the table\n", $1, $2, $3, told[$2, $1]; bad = 1 }
    END {
        for (k in told) { if (!comparable) break; split(k, part, SUBSEP)
            if (part[2] in asked && !(k in seen)) { printf "%s %s: in the table, but there is no such kernel\n", part[2], part[1]; bad = 1 } }
        exit bad
    }' "$table" "$work/found" || { echo "tests/emu/registers.sh --renew writes the table anew"; exit 1; }
[ "$compiler" = "$(head -n 1 "$table" | cut -f 1)" ] && then="registers as in the table" ||
    then="registers not compared, the table is not of $compiler"
echo "$(wc -l <"$work/found") kernels of ${archs[*]}: no stack, no spill, $then"
