"""CORE and HellaSwag scored by Hugging Face's transformers and by `runnel eval`, item by item.

    eval.py RUNNEL [tiny] [wide]

Two GPT-2 models: `tiny` has the weights of tests/golden/gpt2-tiny.safetensors (96 positions: most
prompts are cut), `wide` has four layers of GPT-2's width at random. 50 items of each of CORE's three
types and 200 of HellaSwag: wherever the two best scores differ by more than 1e-3 both must choose
the same, and both must have the same accuracy. Needs the shared data beside the source tree.
$THREADS: of PyTorch. `--write FILE` keeps what transformers found with `tiny`, for the unit tests.
"""

import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import torch
import yaml
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel

HERE = os.path.dirname(os.path.realpath(__file__))
SHARED = os.path.join(HERE, "..", "..", "..", "shared", "data")
GOLDEN = os.path.join(HERE, "..", "golden")
TASKS = ["copa", "arc_easy", "winograd", "winogrande", "lambada_openai", "bigbench_operators"]
ITEMS = int(os.environ.get("ITEMS", 25))  # of each task: two tasks a type
HELLASWAG = 8 * ITEMS
CLOSE = 1e-3


# --- models ---


def tensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(size))
        data = f.read()
    meta = header.pop("__metadata__")
    out = {}
    for name, t in header.items():
        a, b = t["data_offsets"]
        kind = {"F32": np.float32, "I32": np.int32}[t["dtype"]]
        out[name] = torch.from_numpy(np.frombuffer(data[a:b], kind).reshape(t["shape"]).copy())
    return out, json.loads(meta["recipe"])


def tiny():
    all_of_them, recipe = tensors(os.path.join(GOLDEN, "gpt2-tiny.safetensors"))
    c = recipe["config"]
    weights = {k[len("final."):]: v for k, v in all_of_them.items() if k.startswith("final.")}
    model = GPT2LMHeadModel(
        GPT2Config(bos_token_id=256, eos_token_id=256, vocab_size=c["vocab"], n_positions=c["T"], n_embd=c["n_embd"],
                   n_layer=c["n_layer"], n_head=c["n_head"]))
    model.load_state_dict({**weights, "lm_head.weight": weights["transformer.wte.weight"]})
    return model


def wide():
    torch.manual_seed(7)
    model = GPT2LMHeadModel(GPT2Config(n_layer=4))
    with torch.no_grad():  # further apart than at the start of a training
        for p in model.parameters():
            p.mul_(3 if p.dim() > 1 else 1)
    return model


# --- ids: GPT-2's, folded into the vocabulary of the model ---


def gpt2_tokenizer():
    tok = Tokenizer(models.BPE.from_file(os.path.join(SHARED, "tokenizer_gpt2/encoder.json"),
                                         os.path.join(SHARED, "tokenizer_gpt2/vocab.bpe")))
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tok


# --- CORE by nanochat's rules ---


def rows_of(path):
    with open(path) as f:
        rows = [json.loads(line) for line in f]
    order = list(range(len(rows)))
    random.Random(1337).shuffle(order)
    return [rows[i] for i in order[:ITEMS]]


def prompts(task, rows, i):
    delimiter, shots = task.get("continuation_delimiter", " "), task["num_fewshot"][0]
    others = [r for k, r in enumerate(rows) if k != i]
    picked = random.Random(1234 + i).sample(range(len(others)), min(shots, len(others)))
    kind, row, before = task["icl_task_type"], rows[i], ""
    for r in (others[k] for k in picked):
        if kind == "multiple_choice":
            before += r["query"] + delimiter + r["choices"][r["gold"]]
        elif kind == "schema":
            before += r["context_options"][r["gold"]] + delimiter + r["continuation"]
        else:
            before += r["context"].strip() + delimiter + r["continuation"]
        before += "\n\n"
    if kind == "multiple_choice":
        return [before + row["query"] + delimiter + c for c in row["choices"]]
    if kind == "schema":
        return [before + c + delimiter + row["continuation"] for c in row["context_options"]]
    context = before + row["context"].strip() + delimiter
    return [context.strip(), context + row["continuation"]]


def common(lists, from_end=False):
    lists = [x[::-1] for x in lists] if from_end else lists
    n = 0
    while n < min(map(len, lists)) and len({x[n] for x in lists}) == 1:
        n += 1
    return n


def spans(task, ids):
    if task["icl_task_type"] == "multiple_choice":
        n = common(ids)
        return [(x, n, len(x)) for x in ids]
    if task["icl_task_type"] == "schema":
        n = common(ids, True)
        return [(x, len(x) - n, len(x)) for x in ids]
    return [(ids[1], common(ids), len(ids[1]))]


@torch.no_grad()
def judge(model, ids, start, end):
    over = max(0, len(ids) - model.config.n_positions)
    ids, start, end = ids[over:], max(1, start - over), end - over
    logits = model(torch.tensor([ids])).logits[0]
    losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    likeliest = bool((logits[start - 1:end - 1].argmax(-1) == torch.tensor(ids[start:end])).all())
    return losses[start - 1:end - 1].double(), likeliest


def core(model, encode, bundle):
    found = []
    with open(os.path.join(bundle, "core.yaml")) as f:
        tasks = yaml.safe_load(f)["icl_tasks"]
    for task in tasks:
        rows = rows_of(os.path.join(bundle, "eval_data", task["dataset_uri"]))
        for i in range(len(rows)):
            ids = [[encode.bos] + encode(p) for p in prompts(task, rows, i)]
            judged = [judge(model, *s) for s in spans(task, ids)]
            found.append({"task": task["label"], "losses": [float(x.mean()) for x, _ in judged],
                          "likeliest": judged[0][1], "gold": rows[i].get("gold", 0),
                          "lm": task["icl_task_type"] == "language_modeling"})
    return found


def hellaswag(model, encode):
    found = []
    with open(os.path.join(SHARED, "tasks/hellaswag_val.jsonl")) as f:
        for line, _ in zip(f, range(HELLASWAG)):
            row = json.loads(line)
            ctx = encode(row["ctx"])
            ids = [ctx + encode(" " + e) for e in row["endings"]]
            judged = [judge(model, x, len(ctx), len(x))[0] for x in ids]
            found.append({"sums": [float(x.sum()) for x in judged], "gold": int(row["label"]),
                          "losses": [float(x.mean()) for x in judged]})
    return found


# --- ours ---


def small_bundle(folder):
    with zipfile.ZipFile(os.path.join(SHARED, "eval_bundle.zip")) as z:
        z.extractall(folder)
    bundle = os.path.join(folder, "eval_bundle")
    path = os.path.join(bundle, "core.yaml")
    with open(path) as f:
        doc = yaml.safe_load(f)
    doc["icl_tasks"] = [t for t in doc["icl_tasks"] if t["label"] in TASKS]
    with open(path, "w") as f:
        yaml.safe_dump(doc, f)
    return bundle


def ours(runnel, model_dir, tokenizer, bundle, out):
    done = subprocess.run(
        [runnel, "eval", model_dir, "--tokenizer", tokenizer, "--tasks", "core", "--data",
         "core=" + bundle, "--max-per-task", str(ITEMS), "--out", out, "--json"],
        capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    done = subprocess.run(
        [runnel, "eval", model_dir, "--tokenizer", tokenizer, "--tasks", "hellaswag", "--data",
         "hellaswag=" + os.path.join(SHARED, "tasks/hellaswag_val.jsonl"), "--max-per-task",
         str(HELLASWAG), "--out", out, "--json"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    name = os.path.basename(model_dir)
    lines = {}
    for task in ("core", "hellaswag"):
        with open(os.path.join(out, f"{task}_{name}.jsonl")) as f:
            lines[task] = [json.loads(line) for line in f]
    return lines


# --- comparing ---


def lowest(losses):
    best = 0
    for i, x in enumerate(losses):
        if x is not None and losses[best] is not None and x < losses[best]:
            best = i
    return best


def is_close(losses):
    rest = sorted(x for x in losses if x is not None and x == x)
    return len(rest) > 1 and rest[1] - rest[0] <= CLOSE


def compare_core(theirs, own):
    wrong, gap, right = 0, 0.0, [0, 0]
    assert len(theirs) == len(own), (len(theirs), len(own))
    for t, o in zip(theirs, own):
        assert t["task"] == o["task"]
        mine = t["likeliest"] if t["lm"] else lowest(t["losses"]) == t["gold"]
        right[0] += mine
        right[1] += o["right"]
        wrong += mine != o["right"] and not is_close(t["losses"])
        gap = max([gap] + [abs(a - b) for a, b in zip(t["losses"], o["losses"]) if b is not None])
    return wrong, gap, right


def compare_hellaswag(theirs, own):
    wrong, gap, right = 0, 0.0, [0, 0]
    assert len(theirs) == len(own)
    for t, o in zip(theirs, own):
        choice = lowest(t["losses"])
        right[0] += choice == t["gold"]
        right[1] += o["choice"] == o["gold"]
        wrong += choice != o["choice"] and not is_close(t["losses"])
        gap = max([gap] + [abs(a - b) / max(1, abs(a)) for a, b in zip(t["sums"], o["sums"])])
    return wrong, gap, right


def compare(runnel, name, model, folder, write):
    model.eval()
    model_dir = os.path.join(folder, name)
    model.save_pretrained(model_dir)
    encode = Encoder(model.config.vocab_size, model_dir)
    bundle = small_bundle(folder)
    torch.set_num_threads(int(os.environ.get("THREADS", os.cpu_count())))
    own = ours(runnel, model_dir, encode.path, bundle, os.path.join(folder, "out"))
    theirs = {"core": core(model, encode, bundle), "hellaswag": hellaswag(model, encode)}
    failed = 0
    for task, check in (("core", compare_core), ("hellaswag", compare_hellaswag)):
        wrong, gap, right = check(theirs[task], own[task])
        bad = wrong or right[0] != right[1]
        failed += bool(bad)
        print(f"{'FAIL' if bad else 'ok  '} {name} {task}: {len(theirs[task])} items, right "
              f"{right[0]} and {right[1]}, other choices {wrong}, losses within {gap:.1e}", flush=True)
    if write and name == "tiny":
        with open(write, "w") as f:
            for task in ("core", "hellaswag"):
                for row in theirs[task]:
                    f.write(json.dumps(row, sort_keys=True) + "\n")
    return failed


class Encoder:
    """GPT-2's ids, or for a small vocabulary those of the bytes alone."""

    def __init__(self, vocab, folder):
        self.path = os.path.join(SHARED, "tokenizer_gpt2/vocab.bpe")
        self.tok, self.bos = gpt2_tokenizer(), 50256
        if vocab >= 50257:
            return
        self.path = os.path.join(folder, "vocab.bpe")  # the first merges only
        merges = vocab - 257
        with open(os.path.join(SHARED, "tokenizer_gpt2/vocab.bpe")) as f:
            lines = f.read().split("\n")[:1 + merges]
        with open(self.path, "w") as f:
            f.write("\n".join(lines) + "\n")
        with open(os.path.join(SHARED, "tokenizer_gpt2/encoder.json")) as f:
            ids = {k: v for k, v in json.load(f).items() if v < 256 + merges}
        ids["<|endoftext|>"] = self.bos = 256 + merges
        path = os.path.join(folder, "encoder.json")
        with open(path, "w") as f:
            json.dump(ids, f)
        self.tok = Tokenizer(models.BPE.from_file(path, self.path))
        self.tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)

    def __call__(self, text):
        return self.tok.encode(text).ids


def main(runnel, args):
    if not os.path.exists(os.path.join(SHARED, "eval_bundle.zip")):
        print("SKIP: no shared data beside the source tree")
        return
    write = args[args.index("--write") + 1] if "--write" in args else None
    failed = 0
    for name, make in (("tiny", tiny), ("wide", wide)):
        if name in args or not {"tiny", "wide"} & set(args):
            with tempfile.TemporaryDirectory() as folder:
                failed += compare(runnel, name, make(), folder, write)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
