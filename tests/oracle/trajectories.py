"""`runnel replay` on trajectories of odd sizes, made by the formulas restated in JAX (float64).

    trajectories.py RUNNEL [NAME ...]

An independent statement of GPT-2 and of both nanochats, written from the formulas and with automatic
gradients, so that it shares nothing with the program but the mathematics: other depths, head ratios,
windows, row lengths and vocabularies than the golden files have. Every one must replay within the
program's own tolerances.
"""

import json
import math
import struct
import subprocess
import sys
import tempfile

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

jax.config.update("jax_enable_x64", True)
EPS = 1.1920928955078125e-07

# A batch should hold more tokens than the model is wide: Muon orthogonalises gradients of lower rank
# too, and lifts their rounding a thousandfold.
CASES = [
    # name, model, B, T, V, layers, heads, kv heads, width, window pattern
    ("gpt2-one-layer", "gpt2", 1, 17, 31, 1, 1, 1, 16, None),
    ("gpt2-odd", "gpt2", 3, 33, 101, 2, 3, 3, 48, None),
    ("2025-grouped", "n25", 2, 77, 130, 4, 6, 2, 96, None),
    ("2025-one-layer", "n25", 1, 5, 64, 1, 2, 1, 32, None),
    ("2026-odd", "now", 2, 45, 99, 3, 4, 4, 48, "SSSL"),
    ("2026-windows", "now", 1, 301, 70, 5, 6, 3, 48, "SL"),
    ("2026-one-kv-head", "now", 2, 131, 65, 4, 4, 1, 64, "SSL"),
    ("2026-two-layers", "now", 2, 21, 40, 2, 2, 1, 32, "S"),
    ("2026-one-layer", "now", 3, 37, 40, 1, 3, 1, 48, "L"),
]
STEPS = 20


# --- parts ---


def norm(x):
    return x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + EPS)


def layernorm(x, w, b):
    x = x - x.mean(-1, keepdims=True)
    return x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-5) * w + b


def sigmoid(x):
    return 1 / (1 + jnp.exp(-x))


def attend(q, k, v, scale, window):
    """q (B,T,H,D), k and v (B,T,K,D): every H/K heads share a key."""
    T, share = q.shape[1], q.shape[2] // k.shape[2]
    k, v = jnp.repeat(k, share, 2), jnp.repeat(v, share, 2)
    scores = jnp.einsum("bihd,bjhd->bhij", q, k) * scale
    gap = jnp.arange(T)[:, None] - jnp.arange(T)[None, :]
    seen = (gap >= 0) & (gap <= window)
    return jnp.einsum("bhij,bjhd->bihd", jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), -1), v)


def angles(T, D, base, to_bf16):
    """The table is single precision in the original; its rounding belongs to the model."""
    freq = (np.float32(1) / np.float32(base) ** (np.arange(0, D, 2, dtype=np.float32) / np.float32(D)))
    turn = (np.arange(T, dtype=np.float32)[:, None] * freq.astype(np.float32)).astype(np.float64)
    both = [np.cos(turn).astype(np.float32), np.sin(turn).astype(np.float32)]
    if to_bf16:
        both = [t.astype(ml_dtypes.bfloat16).astype(np.float32) for t in both]
    return [t.astype(np.float64)[None, :, None, :] for t in both]


def rotate(x, cos, sin):
    a, b = jnp.split(x, 2, -1)
    return jnp.concatenate([a * cos + b * sin, b * cos - a * sin], -1)


# --- models ---


def gpt2(p, c, x):
    B, T = x.shape
    C, H = c["n_embd"], c["n_head"]
    t = lambda name: p["transformer." + name]
    h = t("wte.weight")[x] + t("wpe.weight")[:T]
    for i in range(c["n_layer"]):
        w = lambda name: t(f"h.{i}.{name}")
        lin = lambda y, name: y @ w(name + ".weight") + w(name + ".bias")
        y = layernorm(h, w("ln_1.weight"), w("ln_1.bias"))
        q, k, v = [z.reshape(B, T, H, C // H) for z in jnp.split(lin(y, "attn.c_attn"), 3, -1)]
        h = h + lin(attend(q, k, v, (C // H) ** -0.5, T).reshape(B, T, C), "attn.c_proj")
        y = lin(layernorm(h, w("ln_2.weight"), w("ln_2.bias")), "mlp.c_fc")
        y = 0.5 * y * (1 + jnp.tanh(math.sqrt(2 / math.pi) * (y + 0.044715 * y**3)))
        h = h + lin(y, "mlp.c_proj")
    return layernorm(h, t("ln_f.weight"), t("ln_f.bias")) @ t("wte.weight").T


def windows(c):
    long, L, pattern = c["T"], c["n_layer"], c["window_pattern"]
    short = math.ceil(long / 4 / 128) * 128
    sizes = [short if pattern[i % len(pattern)] == "S" else long for i in range(L)]
    return sizes[:-1] + [long]


def nanochat(p, c, x):
    now, (B, T) = c["model"] == "now", x.shape
    L, H, K, C = c["n_layer"], c["n_head"], c["n_kv_head"], c["n_embd"]
    D = C // H
    cos, sin = angles(T, D, 100000 if now else 10000, not now)
    h = norm(p["transformer.wte.weight"][x])
    if now:
        gate = sigmoid(h[:, 1:, :24] @ p["smear_gate.weight"].T)
        h = jnp.concatenate([h[:, :1], h[:, 1:] + p["smear_lambda"] * gate * h[:, :-1]], 1)
    h0 = h
    for i in range(L):
        w = lambda name: p[f"transformer.h.{i}.{name}.weight"]
        if now:
            h = p["resid_lambdas"][i] * h + p["x0_lambdas"][i] * h0
        y = norm(h)
        q = norm(rotate((y @ w("attn.c_q").T).reshape(B, T, H, D), cos, sin))
        k = norm(rotate((y @ w("attn.c_k").T).reshape(B, T, K, D), cos, sin))
        v = (y @ w("attn.c_v").T).reshape(B, T, K, D)
        if now:
            q, k = 1.2 * q, 1.2 * k
        if now and i % 2 == (L - 1) % 2:
            gate = 3 * sigmoid(y[..., :12] @ w("attn.ve_gate").T)
            v = v + gate[..., None] * p[f"value_embeds.{i}.weight"][x].reshape(B, T, K, D)
        y = attend(q, k, v, D**-0.5, windows(c)[i] if now else T)
        h = h + y.reshape(B, T, C) @ w("attn.c_proj").T
        h = h + jnp.maximum(norm(h) @ w("mlp.c_fc").T, 0) ** 2 @ w("mlp.c_proj").T
        if i == L // 2:
            middle = h
    if now and L >= 3:  # below, the final norm would undo it
        h = h - p["backout_lambda"] * middle
    return 15 * jnp.tanh(norm(h) @ p["lm_head.weight"].T / 15)


def logits_of(p, c, x):
    return (gpt2 if c["model"] == "gpt2" else nanochat)(p, c, x)[..., : c["vocab"]]


def loss_of(p, c, rows):
    logp = jax.nn.log_softmax(logits_of(p, c, rows[:, :-1]), -1)
    return -jnp.mean(jnp.take_along_axis(logp, rows[:, 1:, None], -1))


# --- weights: every path carries gradient from the first step ---


def shapes(c):
    C, L, V = c["n_embd"], c["n_layer"], c["vocab"]
    s = {}
    if c["model"] == "gpt2":
        s["transformer.wte.weight"], s["transformer.wpe.weight"] = (V, C), (c["T"], C)
        for i in range(L):
            h = f"transformer.h.{i}."
            for name, a, b in (("attn.c_attn", C, 3 * C), ("attn.c_proj", C, C), ("mlp.c_fc", C, 4 * C),
                               ("mlp.c_proj", 4 * C, C)):
                s[h + name + ".weight"], s[h + name + ".bias"] = (a, b), (b,)
            for name in ("ln_1", "ln_2"):
                s[h + name + ".weight"], s[h + name + ".bias"] = (C,), (C,)
        s["transformer.ln_f.weight"], s["transformer.ln_f.bias"] = (C,), (C,)
        return s
    Vp, KD = (V + 63) // 64 * 64, C // c["n_head"] * c["n_kv_head"]
    s["transformer.wte.weight"], s["lm_head.weight"] = (Vp, C), (Vp, C)
    for i in range(L):
        for name, shape in (("attn.c_q", (C, C)), ("attn.c_k", (KD, C)), ("attn.c_v", (KD, C)),
                            ("attn.c_proj", (C, C)), ("mlp.c_fc", (4 * C, C)), ("mlp.c_proj", (C, 4 * C))):
            s[f"transformer.h.{i}.{name}.weight"] = shape
        if c["model"] == "now" and i % 2 == (L - 1) % 2:
            s[f"transformer.h.{i}.attn.ve_gate.weight"] = (c["n_kv_head"], 12)
            s[f"value_embeds.{i}.weight"] = (Vp, KD)
    if c["model"] == "now":
        s.update({"resid_lambdas": (L,), "x0_lambdas": (L,), "smear_gate.weight": (1, 24),
                  "smear_lambda": (1,), "backout_lambda": (1,)})
    return s


def initial(c, rng):
    p = {}
    for name, shape in shapes(c).items():
        std = 0.02 if c["model"] == "gpt2" or "lm_head" in name or "c_proj" in name else shape[-1] ** -0.5
        w = rng.normal(0, 1.0 if "wte" in name and c["model"] != "gpt2" else std, shape)
        if "ln_" in name and name.endswith("weight"):
            w = w + 1
        if "lambda" in name:
            w = 0.05 * rng.normal(0, 1, shape) + {"resid": 1.1, "x0_la": 0.1, "smear": 0.1, "backo": 0.2}[name[:5]]
        p[name] = np.asarray(w, np.float32).astype(np.float64)
    return p


# --- optimizers ---


def adamw(w, g, s, t, lr, betas, eps, decay):
    b1, b2 = betas
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    w = w * (1 - lr * decay)
    return w - lr / (1 - b1**t) * s["m"] / (np.sqrt(s["v"] / (1 - b2**t)) + eps)


def momentum(g, s, m):
    s["buf"] = m * s.get("buf", 0) + (1 - m) * g
    return (1 - m) * g + m * s["buf"]


def polynomial(X, coefs):
    tall = X.shape[0] > X.shape[1]
    X = X.T if tall else X
    for a, b, c in coefs:
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X.T if tall else X


def muon_2025(w, g, s, lr, m):
    X = momentum(g, s, m)
    X = polynomial(X / (np.linalg.norm(X) + 1e-7), 5 * [(3.4445, -4.7750, 2.0315)])
    return w - lr * max(1, w.shape[0] / w.shape[1]) ** 0.5 * X


POLAR = [(8.156554524902461, -22.48329292557795, 15.878769915207462),
         (4.042929935166739, -2.808917465908714, 0.5000178451051316),
         (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
         (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
         (2.3465413258596377, -1.7097828382687081, 0.42323551169305323)]


def muon_2026(w, g, s, lr, m, decay):
    R, C = w.shape
    X = momentum(g, s, m)
    X = X * (np.linalg.norm(X) / math.sqrt(R)) / np.maximum(np.linalg.norm(X, axis=1, keepdims=True), 1e-6)
    X = polynomial(X / (np.linalg.norm(X) * 1.01 + 1e-6), POLAR)
    X = X * math.sqrt(min(R, C)) / max(np.linalg.norm(X), 1e-10)
    mean = np.mean(X * X, axis=1 if R >= C else 0, keepdims=True)
    s["buf2"] = 0.9 * s.get("buf2", 0) + 0.1 * mean
    Y = X / np.sqrt(np.maximum(s["buf2"], 1e-10))
    Y = Y * np.linalg.norm(X) / max(np.linalg.norm(Y), 1e-10)
    lr = lr * max(1, R / C) ** 0.5
    return w - lr * Y - lr * decay * w * (Y * w >= 0)


HYPER = {
    "gpt2": {"max_lr": 1e-3, "min_lr": 1e-4, "warmup_steps": 3, "weight_decay": 0.1, "grad_clip": 0.5},
    "n25": {"unembedding_lr": 0.004, "embedding_lr": 0.2, "matrix_lr": 0.02, "weight_decay": 0.0,
            "grad_clip": 1.0},
    "now": {"unembedding_lr": 0.008, "embedding_lr": 0.3, "matrix_lr": 0.02, "weight_decay": 0.28,
            "scalar_lr": 0.5},
}


def update(name, w, g, s, step, c, row):
    h, width = HYPER[c["model"]], (c["n_embd"] / 768) ** -0.5
    t = step + 1
    if c["model"] == "gpt2":
        return adamw(w, g, s, t, row["lr"], (0.9, 0.95), 1e-8, h["weight_decay"] if w.ndim > 1 else 0)
    lrm = row["lrm"]
    if c["model"] == "n25":
        if "wte" in name or "lm_head" in name:
            lr = h["embedding_lr" if "wte" in name else "unembedding_lr"] * width * lrm
            return adamw(w, g, s, t, lr, (0.8, 0.95), 1e-10, 0)
        return muon_2025(w, g, s, h["matrix_lr"] * lrm, row["muon_momentum"])
    groups = {
        "lm_head": (h["unembedding_lr"] * width, (0.8, 0.96), 0.01),
        "transformer.wte": (h["embedding_lr"] * width, (0.8, 0.995), 0.001),
        "value_embeds": (0.5 * h["embedding_lr"] * width, (0.8, 0.995), 0.01),
        "resid_lambdas": (0.01 * h["scalar_lr"], (0.8, 0.95), 0.05),
        "x0_lambdas": (h["scalar_lr"], (0.96, 0.95), 0),
        "smear": (0.2, (0.8, 0.95), 0),
        "backout": (0.2, (0.8, 0.95), 0),
    }
    for prefix, (lr, betas, decay) in groups.items():
        if name.startswith(prefix):
            return adamw(w, g, s, t, lr * lrm, betas, 1e-10, decay)
    return muon_2026(w, g, s, h["matrix_lr"] * lrm, row["muon_momentum"], row["muon_weight_decay"])


# --- a run ---


def rates(c, step):
    if c["model"] == "gpt2":
        return {"lr": 1e-3 * (step + 1) / STEPS}
    row = {"lrm": min(1, (STEPS - step) / 8), "muon_momentum": 0.85 + 0.1 * step / STEPS}
    if c["model"] == "now":
        row["muon_weight_decay"] = 0.28 * (1 - step / STEPS)
    return row


def write(path, tensors, meta):
    header, at = {"__metadata__": {k: json.dumps(v) for k, v in meta.items()}}, 0
    for name in sorted(tensors):
        t = tensors[name]
        header[name] = {"dtype": "I32" if t.dtype == np.int32 else "F32", "shape": list(t.shape),
                        "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(tensors):
            f.write(tensors[name].tobytes())


def run(path, case, seed):
    name, model, B, T, V, L, H, K, C, pattern = case
    c = {"model": model, "B": B, "T": T, "vocab": V, "steps": STEPS, "n_layer": L, "n_head": H,
         "n_kv_head": K, "n_embd": C, "hyper": HYPER[model]}
    if pattern:
        c["window_pattern"] = pattern
    rng = np.random.default_rng(seed)
    p = initial(c, rng)
    tokens = rng.integers(0, V, (STEPS, B, T + 1)).astype(np.int32)
    tokens[:, :, 1::3] = tokens[:, :, 0:-1:3][:, :, : tokens[:, :, 1::3].shape[2]]  # something to learn
    out = {"init." + k: v for k, v in p.items()}
    out["tokens"] = tokens
    out["logits0"] = logits_of(p, c, tokens[0, :1, :-1])[0]
    step_fn, state, log = jax.jit(jax.value_and_grad(lambda q, rows: loss_of(q, c, rows))), {}, []
    for step in range(STEPS):
        loss, grads = step_fn(p, tokens[step])
        g = {k: np.asarray(v) for k, v in grads.items()}
        if step == 0:
            out.update({"grad0." + k: v for k, v in g.items()})
        total = math.sqrt(sum(float((v * v).sum()) for v in g.values()))
        row = {"step": step, "loss": float(loss), "grad_norm": total, **rates(c, step)}
        log.append(row)
        coef = min(1, c["hyper"].get("grad_clip", math.inf) / (total + 1e-6))
        for k in p:
            p[k] = update(k, p[k], g[k] * coef, state.setdefault(k, {}), step, c, row)
    out.update({"final." + k: v for k, v in p.items()})
    out = {k: np.ascontiguousarray(v if k == "tokens" else np.asarray(v, np.float32)) for k, v in out.items()}
    write(path, out, {"recipe": {"model": model, "config": c}, "log": log})
    return f"loss {log[0]['loss']:.4f} -> {log[-1]['loss']:.4f}"


def replay(runnel, path):
    done = subprocess.run([runnel, "replay", path], capture_output=True, text=True)
    if done.returncode not in (0, 9):
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main(runnel, names):
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for i, case in enumerate(CASES):
            if names and case[0] not in names:
                continue
            path = f"{folder}/{case[0]}.safetensors"
            learned = run(path, case, 100 + i)
            verdict = replay(runnel, path)
            failed += not verdict["ok"]
            numbers = ", ".join(f"{k} {v:.1e}" for k, v in verdict.items() if k.startswith("max"))
            print(f"{'ok  ' if verdict['ok'] else 'FAIL'} {case[0]}: {learned}; {numbers}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
