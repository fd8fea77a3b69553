"""tokenizer.json as runnel writes it, read by Hugging Face's tokenizers, gives runnel's ids.

    tests/oracle/run.sh build/runnel tests/oracle/tokenizer_json.py      (RN_FUZZ=20000, RN_SEED=3)
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

import tokenizers

RUNNEL = sys.argv[1]
HERE = pathlib.Path(__file__).resolve().parents[2]
RANKS = HERE / "tests/golden/nanochat-32k.tiktoken"
MERGES = HERE.parent / "shared/data/tokenizer_gpt2/vocab.bpe"
REGEX_PATTERNS = [r"regex:'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"
                  r"\s++$|\s*[\r\n]|\s+(?!\S)|\s",
                  r"regex:(?:\p{L}|[a-c])++| {2,3}+|^\s|[\s\S]"]
PARTS = ["'s", "'\u017fx", "'LL", " ", "  ", "\n", "\r\n", "a", "\u00e9", "\u6f22", "\u5b57",
         "\U0001f600", "1", "23", "4567", "\u00bd", "\u2028", "\t", "!", "...", "_", "\u0928\u092e",
         "\u0301", "\x1c", "\u180e", "Z", "the ", " don't", " thou", "ing"]


def texts(n):
    return ["".join(random.choices(PARTS, k=random.randrange(1, 30))) for _ in range(n)]


def ours(path, lines, *option):
    args = [RUNNEL, "tokenizer", "encode", "--tokenizer", path, "--json-lines", *option]
    told = "".join(json.dumps(line) + "\n" for line in lines)
    out = subprocess.run(args, input=told, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def main():
    random.seed(int(os.environ.get("RN_SEED", 3)))
    lines = texts(int(os.environ.get("RN_FUZZ", 20_000)))
    sources = [(str(RANKS), pattern) for pattern in ("nanochat", "cl100k", "gpt2")]
    sources += [(str(RANKS), pattern) for pattern in REGEX_PATTERNS]
    sources += [(str(MERGES), None)] if MERGES.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        for source, pattern in sources:
            path = os.path.join(folder, "tokenizer.json")
            option = ["--pattern", pattern] if pattern else []
            subprocess.run([RUNNEL, "tokenizer", "convert", source, "--out", path, *option],
                           check=True)
            theirs = tokenizers.Tokenizer.from_file(path)
            own = pattern in REGEX_PATTERNS
            # U+180E is white space in PCRE2 alone.
            texts_here = [line for line in lines if not (own and "\u180e" in line)]
            # A regex: is written for theirs, which we do not read back.
            got = ours(source, texts_here, *option) if own else ours(path, texts_here)
            for line, ids in zip(texts_here, got, strict=True):
                expected = theirs.encode(line, add_special_tokens=False).ids
                if ids != expected:
                    print("DIFFERENCE:", source, pattern, repr(line), ids, expected, sep="\n  ")
                    return 1
            print(f"{os.path.basename(source)} {pattern or ''}: {len(texts_here)} texts, the same ids")
    return 0


sys.exit(main())
