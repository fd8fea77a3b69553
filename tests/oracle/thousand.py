"""A thousand steps of nanochat's d4 on real text: ours in fp32 and in bf16, and nanochat's own code.

    NANOCHAT=CHECKOUT [THREADS=N] [STEPS=1000] thousand.py RUNNEL

nanochat's scripts/base_train.py runs as it is, in compiled fp32, with its own loader, model,
optimizer, schedules and evaluation; only its initial weights are exchanged for ours, and what its
loader gives is digested: the digest of all batches must be the one that our metrics hold. Three
numbers must agree at the end: bf16 within 0.5 % bpb of fp32, both within 1 % of nanochat. Half an
hour or more on two cores. Without the checkout or the shared data it says SKIP.
"""

import base64
import hashlib
import importlib
import json
import os
import pathlib
import pickle
import re
import runpy
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared"
ROWS, T, EVAL_TOKENS = 8, 256, 131072
GROUPS = ["unembedding", "embedding", "value_embeds", "resid_lambdas", "x0_lambdas", "smear", "matrix"]
OURS_TO_EACH_OTHER, OURS_TO_THEIRS = 0.005, 0.01


# --- ours ---


def train(runnel, folder, tag, steps, *overrides):
    """The metrics of a run; its stages lie in folder/runs/TAG/stages."""
    threads = os.environ.get("THREADS", str(os.cpu_count()))
    subprocess.run(
        [runnel, "run", HERE.parent / "soak/curves.yaml", "--runs", folder / "runs",
         "--threads", threads, f"tag={tag}", f"vars.shared={SHARED}", "vars.arch=nanochat-2026",
         "vars.head_dim=64", f"stages.base.horizon.steps={steps}",
         f"stages.base.batch.tokens={ROWS * T}", f"stages.base.batch.device_rows={ROWS}",
         f"stages.base.eval.bpb.every={every(steps)}", *overrides],
        check=True, cwd=folder, env={**os.environ, "RUNNEL_CACHE": str(folder / "cache")})
    rows = subprocess.run([runnel, "metrics", tag, "--runs", folder / "runs", "--stage", "base",
                           "--to", "json"], check=True, capture_output=True, text=True).stdout
    return [json.loads(row) for row in rows.splitlines()]


def every(steps):
    return max(1, steps // 4)


def curve(rows):
    return {row["step"]: row["val_bpb"] for row in rows if row.get("val_bpb") is not None}


def initial_weights(runnel, folder):
    """One step at rates of zero: what a training starts from."""
    still = [f"stages.base.optimizer.groups.{group}.lr=0" for group in GROUPS]
    bpb = curve(train(runnel, folder, "start", 1, "stages.base.precision=fp32", *still,
                      "stages.base.eval.bpb.tokens=4096"))
    assert bpb[0] == bpb[1], f"rates of zero moved the weights: {bpb}"
    return folder / "runs/start/stages/base/model/model.safetensors"


# --- theirs ---


def make_base_dir(base):
    """What nanochat's earlier scripts would have left there: text, tokenizer, bytes of each token."""
    import tiktoken
    import torch
    from nanochat.tokenizer import SPECIAL_TOKENS, SPLIT_PATTERN
    (base / "tokenizer").mkdir(parents=True)
    (base / "base_data_climbmix").symlink_to(SHARED / "data/base_data")
    lines = (SHARED / "golden/nanochat-8k.tiktoken").read_text().splitlines()
    ranks = {base64.b64decode(text): int(rank) for text, rank in map(str.split, lines)}
    special = {name: len(ranks) + i for i, name in enumerate(SPECIAL_TOKENS)}
    encoding = tiktoken.Encoding("8k", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks,
                                 special_tokens=special)
    (base / "tokenizer/tokenizer.pkl").write_bytes(pickle.dumps(encoding))
    sizes = [len(text) for text in sorted(ranks, key=ranks.get)] + [0] * len(special)
    torch.save(torch.tensor(sizes, dtype=torch.int32), base / "tokenizer/token_bytes.pt")


def exchange_weights(path):
    from nanochat.gpt import GPT
    from safetensors.torch import load_file
    theirs = GPT.init_weights

    def init(model):
        theirs(model)  # its tables of angles, too
        model.load_state_dict(load_file(path), strict=True)
    GPT.init_weights = init


def digest_batches(orders):
    """As stages/training.c does: the digest of the digest so far and of the ids, x then y."""
    import torch
    loader = importlib.import_module("nanochat.dataloader")
    name = "tokenizing_distributed_data_loader_with_state_bos_bestfit"
    theirs = getattr(loader, name)

    def digested(*args, **kwargs):
        order = hashlib.sha256(b"").hexdigest()
        for x, y, state in theirs(*args, **kwargs):
            ids = b"".join(ids.to(torch.int32).numpy().tobytes() for ids in (x, y))
            order = hashlib.sha256(order.encode() + ids).hexdigest()
            if kwargs.get("split") == "train":
                orders.append(int(order[:12], 16))
            yield x, y, state
    setattr(loader, name, digested)


def run_theirs(weights, orders_path, steps):
    """In a process of its own; prints what base_train prints."""
    orders = []
    make_base_dir(pathlib.Path(os.environ["NANOCHAT_BASE_DIR"]))
    exchange_weights(weights)
    digest_batches(orders)
    sys.argv = ["base_train", "--device-type=cpu", "--depth=4", "--head-dim=64",
                f"--max-seq-len={T}", f"--device-batch-size={ROWS}",
                f"--total-batch-size={ROWS * T}", f"--num-iterations={steps}",
                f"--eval-every={every(steps)}", f"--eval-tokens={EVAL_TOKENS}",
                "--core-metric-every=-1", "--sample-every=-1"]
    runpy.run_module("scripts.base_train", run_name="__main__")
    pathlib.Path(orders_path).write_text(json.dumps(orders))


def theirs(checkout, folder, weights, steps):
    """Their curve, and the digest of the batches up to each step."""
    env = {**os.environ, "PYTHONPATH": checkout, "NANOCHAT_BASE_DIR": str(folder / "nanochat"),
           "NANOCHAT_DTYPE": "float32", "OMP_NUM_THREADS": os.environ.get("THREADS", str(os.cpu_count()))}
    command = [sys.executable, __file__, "--theirs", weights, folder / "orders.json", str(steps)]
    bpb = {}
    with subprocess.Popen(command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE) as child:
        for line in child.stdout:
            at = re.match(r"Step (\d+) \| Validation bpb: ([\d.]+)", line)
            if at or re.match(r"step \d+00/", line):
                print("  nanochat  ", line, end="", flush=True)
            if at:
                bpb[int(at[1])] = float(at[2])
    if child.returncode:
        sys.exit("nanochat's base_train failed")
    return bpb, json.loads((folder / "orders.json").read_text())


# --- the comparison ---


def compare(fp32, bf16, nanochat):
    print("| step | runnel fp32 | runnel bf16 | nanochat fp32 | fp32 / nanochat | bf16 / nanochat | bf16 / fp32 |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for step in sorted(nanochat):
        a, b, c = fp32[step], bf16[step], nanochat[step]
        print(f"| {step} | {a:.6f} | {b:.6f} | {c:.6f} | {a / c:.5f} | {b / c:.5f} | {b / a:.5f} |")
    return (abs(b / a - 1) <= OURS_TO_EACH_OTHER and abs(a / c - 1) <= OURS_TO_THEIRS
            and abs(b / c - 1) <= OURS_TO_THEIRS)


def main(runnel, steps):
    checkout = os.environ.get("NANOCHAT")
    if not checkout or not SHARED.is_dir():
        print("SKIP: NANOCHAT names no checkout, or the shared test data is not here")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        weights = initial_weights(runnel, folder)
        runs = {p: train(runnel, folder, p, steps, f"stages.base.precision={p}") for p in ("fp32", "bf16")}
        bpb, orders = theirs(os.path.realpath(checkout), folder, weights, steps)
    for precision, rows in runs.items():
        ours = {row["step"]: row["data_order"] for row in rows if row.get("data_order") is not None}
        if ours != dict(enumerate(orders[:steps])):
            sys.exit(f"FAIL {precision} trained on other batches than nanochat's loader gives")
    print(f"the same {steps} batches")
    if not compare(*map(curve, runs.values()), bpb):
        sys.exit("FAIL the runs end too far apart")


if __name__ == "__main__":
    if sys.argv[1] == "--theirs":
        run_theirs(*sys.argv[2:4], int(sys.argv[4]))
    else:
        main(os.path.realpath(sys.argv[1]), int(os.environ.get("STEPS", 1000)))
