#!/bin/bash
# What a run costs that has nothing to do: the smoke pipeline, up to date, and a pipeline of 1,000
# recorded shards, 100 GB together (sparse). Prints median time, processor time and memory of 20
# runs each; the smoke pipeline is made first, which takes a minute.
#
#     tests/bench/noop.sh [build/runnel]
set -u
src=$(cd "$(dirname "$0")/../.." && pwd)
runnel=$(realpath "${1:-$src/build/runnel}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export RUNNEL_CACHE="$work/cache" CI=true
cd "$work" || exit 1

"$runnel" run "$src/pipelines/smoke.yaml" --runs smoke >log 2>&1 || { tail log; exit 1; }
sleep 3 # files younger than two seconds are hashed, not remembered
"$runnel" run "$src/pipelines/smoke.yaml" --runs smoke >log 2>&1

python3 - "$runnel" "$src/pipelines/smoke.yaml" <<'EOPY'
import hashlib, json, os, statistics, struct, subprocess, sys, time

runnel, smoke = sys.argv[1:3]
SHARDS, SIZE = 1000, 100 * 10**6


def memory(*args):
    """Of a child of a small program: a child of Python counts what Python had before the exec."""
    if not os.path.exists("/usr/bin/time"):
        return "? (no /usr/bin/time)"
    done = subprocess.run(["/usr/bin/time", "-f", "%M", runnel, *args], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    return f"{int(done.stderr.split()[-1]) / 1024:5.1f} MiB"


def measure(name, *args):
    """Median of 20: wall time, processor time; memory of one."""
    wall, cpu = [], []
    for _ in range(20):
        start = time.perf_counter()
        pid = os.posix_spawn(runnel, [runnel, *args], os.environ,
                             file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0)
                                           for fd in (1, 2)])
        _, status, use = os.wait4(pid, 0)
        wall.append(time.perf_counter() - start)
        cpu.append(use.ru_utime + use.ru_stime)
        assert status == 0, (name, status)
    print(f"{name:34} {statistics.median(wall) * 1e3:6.1f} ms  {statistics.median(cpu) * 1e3:6.1f}"
          f" ms processor  {memory(*args)}", flush=True)


def zeros(path):
    with open(path, "wb") as f:
        f.truncate(SIZE)
    os.utime(path, (1.6e9, 1.6e9))


def memo(path, files, digest):
    """As base/memo.h draws it: nobody hashes 200 GB of zeros for this."""
    records = b""
    for name in files:
        s = os.stat(name)
        records += struct.pack("=QQQqq", s.st_dev, s.st_ino, s.st_size, s.st_mtime_ns,
                               s.st_ctime_ns) + digest
    with open(path, "wb") as f:
        f.write(b"RNMEMO1\n" + struct.pack("=Q", len(files)) + hashlib.sha256(records).digest())
        f.write(records)


def shards():
    """A store as a run over local shards leaves it."""
    sha = hashlib.sha256()
    for _ in range(SIZE // 10**6):
        sha.update(bytes(10**6))
    names = [f"shard_{i:05d}.bin" for i in range(SHARDS)]
    os.makedirs("shards")
    for n in names:
        zeros(f"shards/{n}")
    with open("big.yaml", "w") as f:
        f.write("runnel: 1\nname: big\nstages:\n  data:\n    kind: fetch\n    files:\n      shards: "
                "{count: %d, name: \"shard_{i:05d}.bin\", urls: [\"shards/{file}\"]}\n" % SHARDS)
    os.makedirs("big")
    memo("big/.memo", [f"shards/{n}" for n in names], sha.digest())
    plan = json.loads(subprocess.check_output([runnel, "plan", "big.yaml", "--runs", "big", "--json"]))
    folder = f"big/.store/fetch-{plan['key'][:16]}"
    os.makedirs(f"{folder}/shards")
    for n in names:
        zeros(f"{folder}/shards/{n}")
    lines = "".join(f"{n} {SIZE} {sha.hexdigest()}\n" for n in names)
    files = [{"name": n, "size": SIZE, "sha256": sha.hexdigest()} for n in names]
    output = {"kind": "files", "digest": hashlib.sha256(lines.encode()).hexdigest(), "files": files}
    with open(f"{folder}/manifest.json", "w") as f:
        json.dump({"runnel": 1, "kind": "fetch", "key": plan["key"], "progress": plan["progress"],
                   "made_from": {}, "metrics": {}, "outputs": {"shards": output}}, f)
    memo("big/.memo", [f"shards/{n}" for n in names] + [f"{folder}/shards/{n}" for n in names],
         sha.digest())


measure("version (starting the program)", "version")
measure("run, smoke pipeline up to date", "run", smoke, "--runs", "smoke")
measure("plan, the same", "plan", smoke, "--runs", "smoke", "--exit-code")
shards()
# plan first: were anything stale, it would end with 10 here and `run` would not copy 100 GB
measure("plan, 1,000 shards of 100 GB", "plan", "big.yaml", "--runs", "big", "--exit-code")
measure("run, the same", "run", "big.yaml", "--runs", "big")
print("load average", *os.getloadavg(), "processors", os.cpu_count())
EOPY
