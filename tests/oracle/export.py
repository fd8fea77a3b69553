"""Exported models, loaded by Hugging Face's own classes, continue texts as `runnel sample` does.

    export.py RUNNEL

Trains one small model of each exportable architecture, exports it, loads the folder with
transformers, and compares what both say greedily after several prompts.
"""

import json
import os
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM

PROMPTS = ["a", "The ", "Where does", "who is the oldest"]
TOKENS = 40
PIPELINE = """
runnel: 1
name: export-oracle
stages:
  data:
    kind: fetch
    files:
      shards: {count: 1, name: "shard_{i:05d}.parquet", urls: ["builtin:tiny-world/{file}"]}
  tokenizer: {kind: train-tokenizer, in: {text: data.shards}, vocab_size: 400}
  tokens: {kind: tokenize, in: {tokenizer: tokenizer, train: data.shards}}
  base:
    kind: base-train
    in: {tokenizer: tokenizer, tokens: tokens}
    model: MODEL
    batch: {tokens: 1024}
    horizon: {steps: 60}
  export: {kind: export, in: {model: base, tokenizer: tokenizer}}
"""
MODELS = {
    "gpt2": "{arch: gpt2, depth: 2, n_embd: 64, n_head: 4, sequence_len: 64}",
    "nanochat-2025": "{arch: nanochat-2025, depth: 3, n_embd: 64, head_dim: 16, n_head: 4, "
    "n_kv_head: 2, sequence_len: 64}",
}


def call(*args, **how):
    return subprocess.run(args, check=True, capture_output=True, text=True, **how).stdout


def find(root, *parts):
    runs = [d for d in os.listdir(root) if d.startswith("export-oracle")]
    return os.path.join(root, runs[0], "stages", *parts)


def compare(runnel, name, model):
    with tempfile.TemporaryDirectory() as folder:
        pipeline, runs = os.path.join(folder, "p.yaml"), os.path.join(folder, "runs")
        with open(pipeline, "w") as f:
            f.write(PIPELINE.replace("MODEL", model))
        call(runnel, "run", pipeline, "--runs", runs, "--threads", "1")
        exported, tokenizer = find(runs, "export", "files"), find(runs, "tokenizer", "tokenizer")
        theirs, info = AutoModelForCausalLM.from_pretrained(exported, output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"], info
        theirs.eval()
        bos = theirs.config.bos_token_id
        for prompt in PROMPTS:
            said = json.loads(
                call(runnel, "sample", find(runs, "base", "model"), "-p", prompt, "--threads", "1",
                     "-n", str(TOKENS), "--tokenizer", tokenizer, "--json")
            )["text"]
            line = json.dumps(prompt) + "\n"
            ids = [bos] + json.loads(
                call(runnel, "tokenizer", "encode", "--tokenizer", tokenizer, "--json-lines", input=line)
            )
            n = len(ids)
            with torch.no_grad():
                for _ in range(min(TOKENS, 64 - n)):
                    best = int(theirs(torch.tensor([ids])).logits[0, -1].argmax())
                    if best == bos:
                        break
                    ids.append(best)
            answer = call(runnel, "tokenizer", "decode", "--tokenizer", tokenizer,
                          input=json.dumps(ids[n:]) + "\n")
            if len(ids) - n < 8:
                sys.exit(f"FAIL {name} says next to nothing after {prompt!r}")
            if answer.strip("\n") != said.strip("\n"):
                sys.exit(f"FAIL {name} after {prompt!r}:\n  ours   {said!r}\n  theirs {answer!r}")
        print(f"ok   {name}: {len(PROMPTS)} texts of up to {TOKENS} tokens are the same")


for name, model in MODELS.items():
    compare(os.path.realpath(sys.argv[1]), name, model)
