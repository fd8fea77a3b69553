"""One micro-step and one optimizer step in PyTorch, for tests/bench/train.sh.

    train_peer.py nanochat|gpt2 DEPTH HEAD_DIM T ROWS VOCAB fp32|bf16 eager|compile REPEATS

nanochat     the original, from the checkout that $NANOCHAT names
gpt2         124M's shapes as PyTorch users write them; bf16 by autocast

Prints "name value unit" lines as bench-step does; medians; random tokens. BENCH_DEVICE: cpu or cuda.
"""
import contextlib
import os
import resource
import statistics
import sys
import time

kind, depth, head_dim, T, rows, vocab = sys.argv[1], *map(int, sys.argv[2:7])
precision, mode, repeats = sys.argv[7], sys.argv[8], int(sys.argv[9])
os.environ["NANOCHAT_DTYPE"] = {"fp32": "float32", "bf16": "bfloat16"}[precision]

import torch  # noqa: E402
import torch.nn as nn  # noqa: E402
import torch.nn.functional as F  # noqa: E402

torch.manual_seed(1)
device = os.environ.get("BENCH_DEVICE", "cpu")
if device == "cuda":
    torch.set_default_device(device)
    torch.set_float32_matmul_precision("high")


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        B, L, C = x.shape
        q, k, v = (z.view(B, L, self.heads, -1).transpose(1, 2)
                   for z in self.qkv(self.ln_1(x)).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(B, L, C))
        return x + self.proj(F.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, width), nn.Embedding(1024, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.view(-1, vocab), targets.view(-1))


def make_nanochat():
    sys.path.insert(0, os.environ["NANOCHAT"])
    from nanochat.gpt import GPT, GPTConfig
    heads = 64 * depth // head_dim
    model = GPT(GPTConfig(sequence_len=T, vocab_size=vocab, n_layer=depth, n_head=heads,
                          n_kv_head=heads, n_embd=64 * depth, window_pattern="L"))
    model.init_weights()
    return model, model.setup_optimizer()


def make_gpt2():
    model = GPT2(768, 768 // head_dim)
    return model, torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)


model, optimizer = make_nanochat() if kind == "nanochat" else make_gpt2()
for p in model.parameters():  # no zeros: they multiply faster than numbers
    if p.dim() > 1 and not p.any():
        nn.init.normal_(p, std=0.02)
run = torch.compile(model) if mode == "compile" else model
ids = torch.randint(0, vocab, (rows, T))
autocast = precision == "bf16" and kind == "gpt2"


def step():
    with torch.autocast(device, torch.bfloat16) if autocast else contextlib.nullcontext():
        loss = run(ids, ids)
    loss.backward()


def timed(what):
    start = time.perf_counter()
    what()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


for _ in range(3 if device == "cuda" else 1):
    step()
    optimizer.step()
steps = [timed(step) for _ in range(repeats)]
updates = [timed(optimizer.step) for _ in range(max(1, min(repeats, 3)))]
print(f"step {statistics.median(steps):.2f} ms")
print(f"optimizer {statistics.median(updates):.2f} ms")
print(f"rss {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
print(f"torch {torch.__version__}")
if device == "cuda":
    print(f"peak {torch.cuda.max_memory_allocated() >> 20} MiB")
    print("attention torch's, no windows" if kind == "nanochat" else "attention torch's")
