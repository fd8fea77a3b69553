"""The work behind tokenizer.sh: prints one table a kind of text."""
import base64
import os
import pathlib
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time

import gigatoken
import iree.tokenizer
import numpy
import pyarrow.parquet
import tiktoken
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

BENCH, ROUNDS = sys.argv[1], int(sys.argv[2])
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
MIB = 1 << 20
PATTERNS = {
    "nanochat": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}|"
                r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
              r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
}
IREE_NAMES = {"gpt2": "gpt2"}  # it refuses nanochat's ranks: tokens too long for its buffer
GIGATOKEN_NAMES = ("gpt2", "cl100k")


# --- texts: lists of documents ---

def english():
    docs = []
    for path in sorted((SHARED / "data/base_data").glob("*.parquet")):
        docs += pyarrow.parquet.read_table(path, columns=["text"])["text"].to_pylist()
    return docs


def languages(*names):
    docs = [(SHARED / f"data/text_multi/{name}.dev").read_text() for name in names]
    size = sum(len(doc.encode()) for doc in docs)
    return docs * (8 * MIB // size + 1)


def code():
    files = sorted(pathlib.Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
    texts = [f.read_bytes().decode("utf-8", "replace") for f in files if "site-packages" not in str(f)]
    return texts


TEXTS = {
    "English, `base_data`": english,
    "Chinese, Japanese, Korean": lambda: languages("zho_Hans", "zho_Hant", "jpn_Jpan", "kor_Hang"),
    "Hindi": lambda: languages("hin_Deva"),
    "Python's standard library": code,
}
random_bytes = random.Random(1).randbytes(MIB)
HARD = {
    "one letter": "a" * MIB,
    "spaces, then a letter": " " * (MIB - 1) + "x",
    "newlines": "\n" * MIB,
    "one mark": "=" * MIB,
    "white space of all kinds": "".join(random.Random(2).choices(" \t\n\r\v", k=MIB)),
    "letters a and b": "".join(random.Random(3).choices("ab", k=MIB)),
    "random bytes": random_bytes.decode("utf-8", "replace"),
}


# --- contenders: each gives processor seconds and ids of all documents ---

def measured(encode):
    start = time.process_time()
    ids = encode()
    return time.process_time() - start, ids


class Runnel:
    def __init__(self, vocab, pattern, tmp):
        self.vocab, self.pattern, self.tmp = vocab, pattern, tmp

    def prepare(self, docs):
        with open(self.tmp / "docs", "wb") as f:
            for doc in docs:
                raw = doc.encode()
                f.write(len(raw).to_bytes(4, "little") + raw)

    def encode(self, docs, threads=1, field=1):
        args = [BENCH, self.vocab, self.pattern, self.tmp / "docs", str(threads), self.tmp / "ids"]
        out = subprocess.run(args, check=True, capture_output=True, text=True).stdout
        return float(out.split()[field]), self.read_ids()

    def read_ids(self):
        flat, at, ids = numpy.fromfile(self.tmp / "ids", dtype="<u4"), 0, []
        while at < len(flat):
            ids.append(flat[at + 1:at + 1 + flat[at]])
            at += 1 + int(flat[at])
        return ids


class Tiktoken:
    def __init__(self, ranks, pattern):
        self.encoding = tiktoken.Encoding("bench", pat_str=PATTERNS[pattern], mergeable_ranks=ranks,
                                          special_tokens={})

    def encode(self, docs):
        return measured(lambda: [self.encoding.encode_ordinary(doc) for doc in docs])


class Gigatoken:
    def __init__(self, vocab, pattern):
        self.new = lambda: gigatoken.Tokenizer.from_tiktoken(vocab, pretokenizer=pattern)

    def encode(self, docs):
        tokenizer, raw = self.new(), [doc.encode() for doc in docs]  # a new one: nothing is cached
        return measured(lambda: tokenizer.encode_batch(raw, parallel=False))


class Iree:
    def __init__(self, vocab, pattern):
        self.tokenizer = iree.tokenizer.Tokenizer.from_tiktoken(str(vocab), IREE_NAMES[pattern])

    def encode(self, docs):
        return measured(lambda: [self.tokenizer.encode_to_array(doc) for doc in docs])


def contenders(vocab, ranks, pattern, tmp):
    them = {"runnel": Runnel(vocab, pattern, tmp), "tiktoken": Tiktoken(ranks, pattern)}
    if pattern in GIGATOKEN_NAMES:
        them["gigatoken"] = Gigatoken(vocab, pattern)
    if pattern in IREE_NAMES:
        them["iree"] = Iree(vocab, pattern)
    return them


# --- measuring ---

def same(ours, theirs):
    return len(ours) == len(theirs) and all(
        len(a) == len(b) and bool((a == numpy.asarray(b)).all()) for a, b in zip(ours, theirs))


def compare(them, docs):
    """Medians of all contenders' seconds, and of whom the ids are runnel's."""
    seconds, agrees, ours = {name: [] for name in them}, {}, None
    them["runnel"].prepare(docs)
    for _ in range(ROUNDS):
        for name, contender in them.items():
            try:
                took, ids = contender.encode(docs)
            except BaseException as e:  # panics of the others are no Exception
                if isinstance(e, KeyboardInterrupt) or name == "runnel":
                    raise
                seconds[name].append(float("nan"))
                continue
            seconds[name].append(took)
            if name == "runnel":
                ours = ids
            elif name not in agrees:
                agrees[name] = same(ours, ids)
    return {name: statistics.median(s) for name, s in seconds.items()}, agrees


def cell(name, size, took, agrees, ours):
    if took != took:
        return "fails"
    note = "" if name == "runnel" or agrees.get(name) else ", other ids"
    ratio = "" if name == "runnel" else f" ({took / ours:.2f}x{note})"
    return f"{size / took / 1e6:.1f}{ratio}"


def table(vocabs, texts, tmp):
    names = ["runnel", "tiktoken", "gigatoken", "iree"]
    print("| text | vocabulary, pattern | " + " | ".join(names) + " |\n" + "| --- " * 6 + "|")
    wrong = 0
    for label, docs in texts:
        size = sum(len(doc.encode()) for doc in docs)
        for title, vocab, ranks, pattern in vocabs:
            medians, agrees = compare(contenders(vocab, ranks, pattern, tmp), docs)
            wrong += agrees.get("tiktoken") is False
            cells = [cell(n, size, medians[n], agrees, medians["runnel"]) if n in medians else "-"
                     for n in names]
            print(f"| {label}, {size / 1e6:.0f} MB | {title} | " + " | ".join(cells) + " |", flush=True)
    return wrong


def threads(vocab, pattern, docs, tmp):
    runnel = Runnel(vocab, pattern, tmp)
    runnel.prepare(docs)
    took = {1: [], 2: []}
    for _ in range(ROUNDS):
        for n in took:
            took[n].append(runnel.encode(docs, n, field=0)[0])
    one, two = (statistics.median(took[n]) for n in (1, 2))
    print(f"\nTwo threads against one (wall): {one / two:.2f}x")


def write_ranks(path, ranks):
    with open(path, "wb") as f:
        for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
            f.write(base64.b64encode(token) + b" %d\n" % rank)


def main():
    if not SHARED.exists():
        sys.exit(f"SKIP: no {SHARED}")
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        gpt2 = SHARED / "data/tokenizer_gpt2"
        ranks2 = data_gym_to_mergeable_bpe_ranks(str(gpt2 / "vocab.bpe"), str(gpt2 / "encoder.json"))
        write_ranks(tmp / "gpt2.tiktoken", ranks2)
        path = SHARED / "golden/nanochat-32k.tiktoken"
        ranks = {base64.b64decode(t): int(r) for t, r in map(bytes.split, path.open("rb"))}
        vocabs = [("GPT-2", tmp / "gpt2.tiktoken", ranks2, "gpt2"),
                  ("nanochat-32k", path, ranks, "nanochat"),
                  ("nanochat-32k, cl100k's pattern", path, ranks, "cl100k")]
        print(f"MB/s; in brackets their time by ours. Load {os.getloadavg()[0]:.1f}.\n")
        wrong = table(vocabs, ((label, make()) for label, make in TEXTS.items()), tmp)
        threads(path, "nanochat", english(), tmp)
        print("\n1 MiB each:\n")
        wrong += table(vocabs, ((label, [text]) for label, text in HARD.items()), tmp)
    sys.exit(wrong and f"{wrong} rows differ from tiktoken")


main()
