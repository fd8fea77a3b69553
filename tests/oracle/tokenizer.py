"""runnel's tokenizer against tiktoken 0.14.0 and rustbpe 0.1.0.

    tests/oracle/run.sh build/runnel tests/oracle/tokenizer.py      (about two minutes)
    RN_FUZZ=1000000 RN_SEED=7 tests/oracle/run.sh build/runnel tests/oracle/tokenizer.py

Checks, each on seeded random input: every code point's class; ids of RN_FUZZ strings per pattern; the
vocabularies of 300 random corpora; a third of the strings again by patterns as `regex:`, as far as
their characters are the same in this Python's Unicode (14.0 on Debian 12, as in its PCRE2). Stops with status 1 at the first difference and shows it.
"""
import base64
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

import rustbpe
import tiktoken
import unicodedata2
from tiktoken.load import data_gym_to_mergeable_bpe_ranks

RUNNEL = sys.argv[1]
SHARED = pathlib.Path(__file__).resolve().parents[2].parent / "shared"
FUZZ = int(os.environ.get("RN_FUZZ", 150_000))
SEED = int(os.environ.get("RN_SEED", 1))
PATTERNS = {
    "nanochat": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,2}|"
                r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "gpt2": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
    "cl100k": r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+|"
              r" ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
}
# Not ours: o200k's.
OTHER = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def fail(what, **facts):
    print(f"DIFFERENCE: {what}")
    for name, value in facts.items():
        print(f"  {name}: {value!r}")
    sys.exit(1)


def write_ranks(path, ranks):
    with open(path, "wb") as f:
        for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
            f.write(base64.b64encode(token) + b" %d\n" % rank)


def encode(vocab, pattern, texts):
    """Ids of each text by runnel."""
    args = [RUNNEL, "tokenizer", "encode", "--tokenizer", str(vocab), "--pattern", pattern,
            "--json-lines"]
    lines = "".join(json.dumps(t) + "\n" for t in texts)
    out = subprocess.run(args, input=lines, capture_output=True, text=True)
    if out.returncode:
        fail("runnel refused", stderr=out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines()]


def compare(what, vocab, pattern, ranks, texts):
    regex = PATTERNS.get(pattern, pattern.removeprefix("regex:"))
    theirs = tiktoken.Encoding("oracle", pat_str=regex, mergeable_ranks=ranks, special_tokens={})
    ours = encode(vocab, pattern, texts)
    if len(ours) != len(texts):
        fail(what, lines=len(ours), expected=len(texts))
    for text, ids in zip(texts, ours):
        expected = theirs.encode_ordinary(text)
        if ids != expected:
            fail(what, text=text, runnel=ids, tiktoken=expected)


# --- classes of all code points ---

def class_probes(first):
    """One piece exactly if the character is a letter, a number, white space."""
    for cp in range(first, first + 0x10000):
        if not 0xD800 <= cp < 0xE000:
            yield from ("a" + chr(cp), "1" + chr(cp), "\t" + chr(cp))


def check_classes(tmp):
    for first in range(0, 0x110000, 0x10000):
        probes = list(class_probes(first))
        ranks = {bytes([b]): b for b in range(256)}
        for probe in probes:
            ranks.setdefault(probe.encode(), len(ranks))
        write_ranks(tmp / "classes.tiktoken", ranks)
        compare("class of a code point", tmp / "classes.tiktoken", "gpt2", ranks, probes)
    print("classes: 1112064 code points agree")


# --- ids of random strings ---

def assigned():
    return [chr(cp) for cp in range(0x110000) if unicodedata2.category(chr(cp)) not in ("Cn", "Cs")]


def alphabets(everything):
    spaces = " \t\r\n\x0b\x0c\x1c\x85\xa0\u1680\u180e\u2003\u2028\u202f\u3000"
    return [
        " \n\r\t",
        "ab \n",
        "aA1 '.\n",
        "'sdmtlvreSDMTLVRE\u017f\u212ax ",
        "0123456789\u00bd\u0663\u2167 a.",
        spaces + "a1.",
        "".join(chr(c) for c in range(128)),
        "the and ing tion 's don't 2024, (x) -- == \n\n\t\r\n",
        "\u6f22\u5b57\u304b\ud55c\uae00\u0939\u093f\u0928\u094d\u0926\u0440\u0443 \u0e44\u0e17\u0e22",
        "\U0001f600\U0001f468\u200d\U0001f469\ufe0f\u0301e",
        everything,
    ]


def random_text(rng, alphabet):
    length = rng.choice((1, 2, 3, 5, 8, 13, 21, 34, 60, 200))
    if rng.random() < 0.25:
        return "".join(rng.choice(alphabet) * rng.randint(1, 12) for _ in range(length // 4 + 1))
    return "".join(rng.choice(alphabet) for _ in range(length))


def fuzz_texts(rng, count):
    sets = alphabets(assigned())
    return [random_text(rng, rng.choice(sets)) for _ in range(count)]


def fuzz_vocab(texts, pattern):
    """A vocabulary of the fuzz texts themselves, so that most pieces are tokens."""
    t = rustbpe.Tokenizer()
    t.train_from_iterator(iter(texts[:20000]), 4096, pattern=PATTERNS[pattern])
    return {bytes(token): rank for token, rank in t.get_mergeable_ranks()}


def check_fuzz(tmp):
    rng = random.Random(SEED)
    for pattern in PATTERNS:
        texts = fuzz_texts(rng, FUZZ)
        ranks = fuzz_vocab(texts, pattern)
        write_ranks(tmp / "fuzz.tiktoken", ranks)
        compare(f"fuzz, {pattern}", tmp / "fuzz.tiktoken", pattern, ranks, texts)
        print(f"fuzz, {pattern}: {len(texts)} strings agree ({len(ranks)} tokens)")


def known_to_both(text):
    return "\u180e" not in text and all(
        unicodedata.category(c) == unicodedata2.category(c) for c in set(text))


def check_regex(tmp):
    rng = random.Random(SEED + 3)
    texts = [t for t in fuzz_texts(rng, FUZZ // 3) if known_to_both(t)]
    ranks = fuzz_vocab(texts, "cl100k")
    write_ranks(tmp / "regex.tiktoken", ranks)
    for regex in (*PATTERNS.values(), OTHER):
        compare("regex:", tmp / "regex.tiktoken", "regex:" + regex, ranks, texts)
        print(f"regex:{regex[:40]}...: {len(texts)} strings agree")


def check_shared(tmp):
    rng = random.Random(SEED + 1)
    if not SHARED.exists():
        print(f"SKIP: no {SHARED}: GPT-2's and nanochat's vocabularies were not compared")
        return
    texts = fuzz_texts(rng, FUZZ)
    texts += (SHARED / "data/text/blns.txt").read_text().splitlines()
    for path in sorted((SHARED / "data/text_multi").iterdir()):
        texts += path.read_text().splitlines()
    gpt2 = SHARED / "data/tokenizer_gpt2"
    ranks = data_gym_to_mergeable_bpe_ranks(str(gpt2 / "vocab.bpe"), str(gpt2 / "encoder.json"))
    compare("GPT-2", gpt2 / "vocab.bpe", "gpt2", ranks, texts)
    print(f"GPT-2's files: {len(texts)} strings agree")
    path = SHARED / "golden/nanochat-32k.tiktoken"
    ranks = {base64.b64decode(t): int(r) for t, r in map(bytes.split, path.open("rb"))}
    for pattern in PATTERNS:
        compare(f"nanochat-32k, {pattern}", path, pattern, ranks, texts)
        print(f"nanochat-32k, {pattern}: {len(texts)} strings agree")


# --- training on random corpora ---

def random_corpus(rng, everything):
    alphabet = rng.choice(["ab", "abc ", "aab b", "xyz \n'", "01 23", everything[:300] + "  "])
    return ["".join(rng.choice(alphabet) for _ in range(rng.randint(0, 300)))
            for _ in range(rng.randint(1, 12))]


def train(tmp, corpus, pattern, merges):
    path = tmp / "corpus.jsonl"
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in corpus))
    args = [RUNNEL, "tokenizer", "train", str(path), "--pattern", pattern, "--out",
            str(tmp / "trained"), "--vocab-size", str(256 + merges + 9)]
    out = subprocess.run(args, capture_output=True, text=True)
    if out.returncode:
        fail("runnel refused", stderr=out.stderr, corpus=corpus)
    return (tmp / "trained/tokenizer.tiktoken").read_bytes()


def check_training(tmp, rounds=300):
    rng = random.Random(SEED + 2)
    everything = "".join(rng.sample(assigned(), 300))
    for i in range(rounds):
        pattern = rng.choice(list(PATTERNS))
        corpus, merges = random_corpus(rng, everything), rng.choice((1, 5, 40, 300))
        ours = train(tmp, corpus, pattern, merges)
        t = rustbpe.Tokenizer()
        t.train_from_iterator(iter(corpus), 256 + merges, pattern=PATTERNS[pattern])
        ranks = {bytes(token): rank for token, rank in t.get_mergeable_ranks()}
        write_ranks(tmp / "theirs.tiktoken", ranks)
        if ours != (tmp / "theirs.tiktoken").read_bytes():
            fail(f"training round {i}", pattern=pattern, merges=merges, corpus=corpus)
    print(f"training: {rounds} corpora agree with rustbpe")


def main():
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        check_training(tmp)
        check_fuzz(tmp)
        check_regex(tmp)
        check_shared(tmp)
        check_classes(tmp)


main()
