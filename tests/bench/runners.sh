#!/usr/bin/env bash
# The same finished graph, asked by several runners what is left to do: wall time and peak memory.
#   tests/bench/runners.sh BUILD [RUNS]              prints a table; medians of RUNS (default 11)
#   UPDATE=1 tests/bench/runners.sh BUILD [RUNS]     puts it into docs/performance.md
# Graphs: the eight stages of tests/pipelines/tiny.yaml; 1,000 stages (one source, 500 behind it, 499
# behind those). runnel really makes them; make, snakemake and dvc get the same edges with `cp`.
# Commands take turns, so that a busy moment of the machine meets all of them.
set -euo pipefail
build=$(realpath "$1")
runs=${2:-11}
src=$(realpath "$(dirname "$0")/../..")
venv="$build/bench-venv"
if ! "$venv/bin/dvc" --version >/dev/null 2>&1 || ! "$venv/bin/snakemake" --version >/dev/null 2>&1; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q snakemake dvc
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" RUNNEL_RUNS=runs CI=true DVC_NO_ANALYTICS=1 PATH="$venv/bin:$PATH"
export XDG_CACHE_HOME="$work/xdg"
cd "$work"
python3 - "$build/runnel" "$src" "$runs" >table <<'PY'
import functools, os, statistics, subprocess, sys, time
print = functools.partial(print, flush=True)
runnel, src, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])

def small():
    edges = {"data": [], "tokenizer": ["data"], "tokens": ["tokenizer", "data"],
             "base": ["tokenizer", "tokens"], "mid": ["base", "tokenizer", "data"],
             "sft": ["mid", "tokenizer", "data"], "eval": ["sft", "tokenizer", "tokens"],
             "export": ["sft"]}
    return edges, open(src + "/tests/pipelines/tiny.yaml").read()

def large(n=1000):
    edges, text = {"data": []}, [
        "runnel: 1", "name: thousand", "stages:",
        "  data: {kind: fetch, files: {text: {urls: ['builtin:tiny-world/shard_00000.parquet'],"
        " check: {format: parquet, columns: [text]}}}}"]
    for i in range(n // 2):
        edges[f"t{i}"] = ["data"]
        text.append(f"  t{i}: {{kind: train-tokenizer, in: {{text: data.text}}, vocab_size: 270,"
                    f" max_chars: 300, doc_chars: {100 + i}}}")
    for i in range(n - 1 - n // 2):
        edges[f"k{i}"] = [f"t{i}", "data"]
        text.append(f"  k{i}: {{kind: tokenize, in: {{tokenizer: t{i}, train: data.text, val: data.text}}}}")
    return edges, "\n".join(text) + "\n"

def write(path, text):
    with open(path, "w") as f:
        f.write(text)

def inputs(deps):
    return [d + ".out" for d in deps] or ["source"]

def prepare(name, edges, pipeline):
    os.makedirs(name)
    os.chdir(name)
    write("pipeline.yaml", pipeline)
    write("source", "x\n")
    write("Makefile", ".PHONY: all\nall: " + " ".join(s + ".out" for s in edges) + "\n" + "".join(
        f"{s}.out: {' '.join(inputs(d))}\n\tcat $^ | head -c 100 > $@\n" for s, d in edges.items()))
    write("Snakefile", "rule all:\n    input: " + repr([s + ".out" for s in edges]) + "\n" + "".join(
        f"rule {s}:\n    input: {inputs(d)!r}\n    output: '{s}.out'\n"
        "    shell: 'cat {input} | head -c 100 > {output}'\n" for s, d in edges.items()))
    write("dvc.yaml", "stages:\n" + "".join(
        f"  {s}:\n    cmd: cat {' '.join(inputs(d))} | head -c 100 > {s}.out\n    deps: {inputs(d)}\n"
        f"    outs: [{{'{s}.out': {{cache: false}}}}]\n" for s, d in edges.items()))
    quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for command in (["make"], ["snakemake", "-c1", "--touch", "--quiet"], ["dvc", "init", "--no-scm", "-q"],
                    ["dvc", "commit", "-f", "-q"], [runnel, "run", "pipeline.yaml"]):
        if subprocess.run(command, **quiet).returncode:
            sys.exit("cannot prepare: " + " ".join(command))

def measure(command):
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit("failed: " + " ".join(command))
    return 1e3 * (time.monotonic() - start), usage.ru_maxrss / 1024

commands = {"make -n": ["make", "-n"], "snakemake -n": ["snakemake", "-n", "--quiet"],
            "dvc status": ["dvc", "status", "-q"], "runnel plan": [runnel, "plan", "pipeline.yaml"],
            "runnel run": [runnel, "run", "pipeline.yaml"]}
first = lambda c: subprocess.run(c, capture_output=True, text=True).stdout.split("\n")[0]
cpu = next((l.split(": ")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name")), "?")
print(f"{cpu}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start, "
      f"{time.strftime('%Y-%m-%d')}; medians of {runs}, taking turns. {first(['make', '--version'])}, "
      f"snakemake {first(['snakemake', '--version'])}, dvc {first(['dvc', '--version'])}.\n")
top = os.getcwd()
for name, (edges, pipeline) in {"8 stages": small(), "1,000 stages": large()}.items():
    prepare(name, edges, pipeline)
    wall = {c: [] for c in commands}
    rss = {c: [] for c in commands}
    for _ in range(runs):
        for c, argv in commands.items():
            ms, mib = measure(argv)
            wall[c].append(ms)
            rss[c].append(mib)
    ours = statistics.median(wall["runnel plan"])
    print(f"| {name} | wall, ms | against runnel plan | peak memory, MiB |\n| --- | --- | --- | --- |")
    for c in commands:
        ms = statistics.median(wall[c])
        print(f"| `{c}` | {ms:.1f} | {ms / ours:.1f} x | {statistics.median(rss[c]):.0f} |")
    print()
    os.chdir(top)
PY
cat table
[ "${UPDATE:-}" = 1 ] || exit 0
page="$src/docs/performance.md"
[ -f "$page" ] || printf '# Performance\n\nMeasured, with the command that measures it. Machines differ and are shared: compare what stands\nin one table.\n' >"$page"
# The section from its heading to the next one is replaced.
awk '/^## /{skip = ($0 == "## What is left to do: against other runners")} !skip' "$page" >page
{
    cat page
    printf '\n## What is left to do: against other runners\n\n`tests/bench/runners.sh BUILD`: '
    cat table
} | cat -s >"$page"
