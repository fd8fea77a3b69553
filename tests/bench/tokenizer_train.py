"""The work behind tokenizer_train.sh. Called with one argument it is the other contender."""
import base64
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
SHARDS = sorted((SHARED / "data/base_data").glob("*.parquet"))
PATTERN = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}|"
           r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")
VOCAB, SPECIALS = 32768, 9
DOC_CHARS, MAX_CHARS = 10_000, 2_000_000_000


# --- rustbpe: documents one by one out of row groups, cut and counted as nanochat does ---

def documents():
    import pyarrow.parquet
    chars = 0
    for shard in SHARDS:
        file = pyarrow.parquet.ParquetFile(shard)
        for group in range(file.num_row_groups):
            for text in file.read_row_group(group).column("text").to_pylist():
                text = text[:DOC_CHARS]
                chars += len(text)
                yield text
                if chars > MAX_CHARS:
                    return


def rustbpe_child(out):
    import rustbpe
    start = time.time()
    tokenizer = rustbpe.Tokenizer()
    tokenizer.train_from_iterator(documents(), VOCAB - SPECIALS, pattern=PATTERN)
    ranks = tokenizer.get_mergeable_ranks()
    seconds = time.time() - start
    with open(out, "wb") as f:
        for token, rank in sorted(ranks, key=lambda item: item[1]):
            f.write(base64.b64encode(bytes(token)) + b" %d\n" % rank)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak_bytes": peak}))


# --- both ---

def run(args, threads):
    env = dict(os.environ, RAYON_NUM_THREADS=str(threads))
    out = subprocess.run(args, check=True, capture_output=True, text=True, env=env).stdout
    return json.loads(out.splitlines()[-1])


def main():
    runnel, rounds, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if not SHARDS:
        sys.exit(f"SKIP: no shards in {SHARED}")
    results = {"runnel": [], "rustbpe": []}
    with tempfile.TemporaryDirectory() as tmp:
        ours = [runnel, "tokenizer", "train", *map(str, SHARDS), "--out", f"{tmp}/ours", "--json",
                "--vocab-size", str(VOCAB), "--threads", str(threads)]
        theirs = [sys.executable, __file__, f"{tmp}/theirs"]
        for _ in range(rounds):
            results["runnel"].append(run(ours, threads))
            results["rustbpe"].append(run(theirs, threads))
        same = (pathlib.Path(f"{tmp}/ours/tokenizer.tiktoken").read_bytes()
                == pathlib.Path(f"{tmp}/theirs").read_bytes())
    print(f"Load {os.getloadavg()[0]:.1f}; {threads} threads; {len(SHARDS)} shards, V {VOCAB}.\n")
    print("| | seconds | peak MiB |\n| --- | --- | --- |")
    medians = {}
    for name, rows in results.items():
        medians[name] = [statistics.median(r[key] for r in rows) for key in ("seconds", "peak_bytes")]
        print(f"| {name} | {medians[name][0]:.2f} | {medians[name][1] / 2**20:.0f} |")
    time_ratio, memory_ratio = (t / o for o, t in zip(medians["runnel"], medians["rustbpe"]))
    print(f"| ratio | {time_ratio:.2f}x | {memory_ratio:.2f}x |")
    sys.exit(0 if same else "the vocabularies differ")


if __name__ == "__main__":
    rustbpe_child(sys.argv[1]) if len(sys.argv) == 2 else main()
