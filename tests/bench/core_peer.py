"""CORE by nanochat's own loop and model, for tests/bench/core.sh.

    core_peer.py MODEL_DIR TIKTOKEN_FILE BUNDLE_DIR ITEMS OUT.jsonl

$NANOCHAT names a checkout of nanochat, whose files are imported as they are; the model is one of
ours of arch nanochat-2026. Writes {task, right: [..]} a line and prints seconds of wall and of
processor, without imports and loading.
"""
import base64
import csv
import json
import os
import random
import struct
import sys
import time

import numpy as np
import tiktoken
import torch
import yaml

sys.path.insert(0, os.environ["NANOCHAT"])
from nanochat import core_eval  # noqa: E402
from nanochat.gpt import GPT, GPTConfig  # noqa: E402
from nanochat.tokenizer import SPECIAL_TOKENS, SPLIT_PATTERN, RustBPETokenizer  # noqa: E402


def tensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header, data = json.loads(f.read(size)), f.read()
    header.pop("__metadata__", None)
    for name, t in header.items():
        a, b = t["data_offsets"]
        assert t["dtype"] == "F32", (name, t["dtype"])
        yield name, torch.from_numpy(np.frombuffer(data[a:b], np.float32).reshape(t["shape"]).copy())


def load_model(folder):
    with open(os.path.join(folder, "config.json")) as f:
        c = json.load(f)
    model = GPT(GPTConfig(**{k: c[k] for k in ("sequence_len", "vocab_size", "n_layer", "n_head",
                                               "n_kv_head", "n_embd", "window_pattern")}))
    model.init_weights()
    model.load_state_dict(dict(tensors(os.path.join(folder, "model.safetensors"))), strict=True)
    return model.eval()


def load_tokenizer(path):
    with open(path) as f:
        ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, f)}
    special = {name: len(ranks) + i for i, name in enumerate(SPECIAL_TOKENS)}
    return RustBPETokenizer(tiktoken.Encoding("bench", pat_str=SPLIT_PATTERN, mergeable_ranks=ranks,
                                              special_tokens=special), "<|bos|>")


def measure(model, tokenizer, bundle, items, out):
    """The body of nanochat's base_eval.evaluate_core, keeping what became of each question."""
    answers, ask = [], core_eval.evaluate_example

    def noted(*args):
        answers.append(ask(*args))
        return answers[-1]

    core_eval.evaluate_example = noted
    with open(os.path.join(bundle, "core.yaml")) as f:
        tasks = yaml.safe_load(f)["icl_tasks"]
    with open(os.path.join(bundle, "eval_meta_data.csv")) as f:
        baselines = {r["Eval Task"]: float(r["Random baseline"]) for r in csv.DictReader(f)}
    total = 0
    for task in tasks:
        meta = {"task_type": task["icl_task_type"], "num_fewshot": task["num_fewshot"][0],
                "continuation_delimiter": task.get("continuation_delimiter", " ")}
        with open(os.path.join(bundle, "eval_data", task["dataset_uri"])) as f:
            data = [json.loads(line.strip()) for line in f]
        random.Random(1337).shuffle(data)
        data, answers[:] = data[:items], []
        accuracy = core_eval.evaluate_task(model, tokenizer, data, "cpu", meta)
        base = 0.01 * baselines[task["label"]]
        total += (accuracy - base) / (1 - base)
        out.write(json.dumps({"task": task["label"], "right": [bool(a) for a in answers]}) + "\n")
        out.flush()
    return total / len(tasks)


def main(model_dir, tokenizer, bundle, items, out):
    torch.set_num_threads(int(os.environ.get("THREADS", os.cpu_count())))
    model, tok = load_model(model_dir), load_tokenizer(tokenizer)
    wall, processor = time.perf_counter(), time.process_time()
    with open(out, "w") as f:
        core = measure(model, tok, bundle, int(items), f)
    print(f"core {core:.6f}")
    print(f"wall {time.perf_counter() - wall:.3f} s")
    print(f"processor {time.process_time() - processor:.3f} s")
    print(f"torch {torch.__version__}")


main(*sys.argv[1:])
