# Of gpu_check.sh: how fast is it? The parts speed, monitor and sizes.

# --- power beside a step ---

power_now=$work/power.csv
meter_start() { # needs NVML; without it there is no column of power
    env LD_LIBRARY_PATH="$library_path" "$BUILD/runnel" monitor --hz 50 --format long --gpus 0 \
        --out "$power_now" >>"$OUT/times.txt" 2>&1 &
    helper=$!
}
meter_end() {
    kill -INT "$helper" 2>/dev/null
    wait "$helper" 2>/dev/null
    helper=
    cat "$power_now" >>"$OUT/power.csv" 2>/dev/null
    rm -f "$power_now"
}
# watts_of FROM TO: the mean of what was drawn between two moments of Unix time; nothing if unknown.
watts_of() {
    [ -e "$power_now" ] && awk -F, -v from="$1" -v to="$2" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == "power_inst_w") now = i; else if ($i == "power_avg_w") mean = i }
        NR > 1 && $1 / 1e9 >= from && $1 / 1e9 <= to { w = $now != "" ? $now : $mean; if (w != "") { sum += w; n++ } }
        END { if (n) printf "%.0f", sum / n }' "$power_now"
}

# --- one model ---

fact() { awk -v name="$1" '$1 == name {print $2; exit}' "$2"; } # NAME FILE
# What a release asks of a model on this card; nothing if nobody has said.
must_of() {
    awk -F'\t' -v model="$1" -v card="$(sed -n 's/^\(NVIDIA [^,]*\),.*/\1/p' "$OUT/env.txt" | head -n 1)" '
        $1 == model && index(card, $2) { print $3 }' "$parts_dir/must.tsv"
}
# The op that is farthest from what library rates would give it: 72 % of the data sheet in products,
# 92 % of a copy in memory.
losing_op() { # FILE
    awk '$1 == "peaks" { flops = .72 * $2; bytes = .92 * $4 }
         $1 == "op" { t = flops > 0 ? $6 / flops * 1e3 : 0; m = bytes > 0 ? $8 / bytes * 1e3 : 0
                      lost = $4 - (t > m ? t : m); if (lost > most) { most = lost; name = $2 " " $3 } }
         END { if (name) printf "%s loses %.2f ms", name, most }' "$1"
}
bench_row() { # NAME FILE: what the summary says of it
    local name=$1 file=$2 rate mfu must watts from to
    rate=$(fact batch_tokens "$file")
    mfu=$(fact mfu_llmc "$file")
    mfu=${mfu:-$(fact mfu "$file")}
    must=$(must_of "$name")
    read -r from to < <(awk '$1 == "timed" {print $2, $3}' "$file")
    watts=$(watts_of "${from:-0}" "${to:-0}")
    printf '%s tok/s' "$rate"
    [ -n "$mfu" ] && printf ', MFU %s %%' "$mfu"
    [ -n "$must" ] && awk -v m="$mfu" -v must="$must" \
        'BEGIN { printf ", must %s %%: %s", must, m >= must ? "met" : "short" }'
    [ -n "$watts" ] && awk -v w="$watts" -v r="$(fact tokens "$file")" \
        'BEGIN { printf ", %d W, %.0f tokens/J", w, r / w }'
    awk '$1 == "step" || $1 == "optimizer" { printf ", %s %s ms", $1, $2 }
         $1 == "peak" || $1 == "planned" { printf ", %s %s MiB", $1, $2 }' "$file"
    printf ', %s' "$(losing_op "$file")"
}
bench() { # NAME ARCH DEPTH HEAD_DIM T ROWS VOCAB [PRECISION]
    local name=$1 file="$work/bench.$1" code how=(BENCH_OPS=1)
    [ -n "$emulated" ] && how=(-u BENCH_OPS) # it measures the speed of memory, too
    printf '\n== %s\n' "$*" >>"$OUT/times.txt"
    ours 150 env "${how[@]}" "$BUILD/bench-step" "${@:2:6}" "${8:-$precision}" 0 "$repeats" >"$file" \
        2>>"$OUT/times.txt"
    code=$?
    sed "s/^/$name\t/" "$file" >>"$OUT/perf.tsv"
    case $code in
    0) say "$name" ok "$(bench_row "$name" "$file")" ;;
    124 | 137) say "$name" late "see perf.tsv for what it got" ;;
    *) say "$name" FAILED "$(tail -n 1 "$OUT/times.txt")" ;;
    esac
}

# The models of the targets, at micro-steps of 65,536 tokens (d24: 32,768), V 32768.
speed() {
    local precision=bf16 repeats=30
    [ -n "$emulated" ] && { repeats=1; bench tiny nanochat-2026 1 32 32 2 64; return; }
    meter_start
    bench d12 nanochat-2026 12 128 2048 32 32768
    bench gpt2-124m gpt2 12 64 1024 64 50257
    bench d24 nanochat-2026 24 128 2048 16 32768
    bench d16 nanochat-2026 16 128 2048 32 32768
    bench d20 nanochat-2026 20 128 2048 32 32768
    meter_end
}

# --- the rest ---

# Two seconds of an idle card: is what NVML says plausible?
plausible() {
    ours 30 "$BUILD/runnel" monitor --hz 100 --duration 2s --gpus 0 --out "$work/idle.csv" || return
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
        function within(name, low, high,  v) {
            v = $at["gpu0_" name]
            if (v != "" && (v < low || v > high)) { print name, "is", v; bad = 1 }
            if (v != "") seen[name] = 1
        }
        { within("power_w", 10, 1500); within("temp_c", 5, 120); n++ }
        END {
            print n, "rows, power", seen["power_w"] ? "there" : "missing"
            exit bad || n < 50 || !seen["power_w"] || !seen["temp_c"]
        }' "$work/idle.csv"
}
monitor() {
    [ -n "$emulated" ] && { say monitor absent "no card"; return; }
    judge monitor parity.txt plausible
    say "update rate" ok "$(grep -F renews "$OUT/parity.txt" | tail -n 1)"
}

# What graphs, other batches and determinism change.
sizes() {
    local precision=bf16 repeats=10
    [ -n "$emulated" ] && return
    meter_start
    RUNNEL_CUDA_GRAPHS=0 bench d12-no-graph nanochat-2026 12 128 2048 32 32768
    BENCH_DETERMINISTIC=1 bench d12-deterministic nanochat-2026 12 128 2048 32 32768
    bench d12-rows-8 nanochat-2026 12 128 2048 8 32768
    bench d12-rows-1 nanochat-2026 12 128 2048 1 32768
    bench d12-fp32 nanochat-2026 12 128 2048 8 32768 fp32
    bench d24-rows-32 nanochat-2026 24 128 2048 32 32768
    meter_end
}
