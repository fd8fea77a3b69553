"""Writes tests/golden/parquet: one table in several encodings, and its rows as JSON.

    python3 tests/golden/make_parquet.py tests/golden/parquet        (pyarrow 26.0.1)
"""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 60


def message(role, i):
    return {"role": role, "content": None if i % 11 == 5 else f"{role} says {i * 7 % 13}, naïve 日本"}


def row(i):
    return {
        "id": i * 1_000_003 - 40_000_000,
        "small": None if i % 9 == 4 else (i * 37 % 101) - 50,
        "unsigned": (1 << 32) - 1 - i,
        "flag": None if i % 7 == 3 else i % 5 < 2,
        "score": None if i % 6 == 0 else i / 8,
        "float": (i - 30) / 4,
        "name": None if i % 10 == 9 else f"https://example.org/shared/prefix/{i // 8}/{i}",
        "fixed": f"{i:04d}",
        "messages": None if i % 13 == 12 else [message(("user", "assistant")[k % 2], i + k) for k in range(i % 4)],
        "choices": [f"choice {k}" if (i + k) % 5 else None for k in range(i % 5)],
        "grid": None if i % 8 == 7 else [list(range(k)) if k != 2 else None for k in range(i % 4)],
        "answer": None if i % 12 == 11 else {"text": ["a"] * (i % 3), "label": {"gold": i % 4, "by": None}},
    }


SCHEMA = pa.schema([
    ("id", pa.int64()), ("small", pa.int32()), ("unsigned", pa.uint32()), ("flag", pa.bool_()),
    ("score", pa.float64()), ("float", pa.float32()), ("name", pa.string()), ("fixed", pa.binary(4)),
    ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
    ("choices", pa.list_(pa.string())),
    ("grid", pa.list_(pa.list_(pa.int32()))),
    ("answer", pa.struct([("text", pa.list_(pa.string())),
                          ("label", pa.struct([("gold", pa.int64()), ("by", pa.string())]))])),
])
STRINGS = ["name", "messages.list.element.role", "messages.list.element.content",
           "choices.list.element", "answer.text.list.element", "answer.label.by"]
INTS = ["id", "small", "unsigned", "grid.list.element.list.element", "answer.label.gold"]
DELTA = dict.fromkeys(INTS, "DELTA_BINARY_PACKED") | {"fixed": "DELTA_BYTE_ARRAY"}

FILES = {
    "dict-snappy-v1": dict(compression="snappy", data_page_version="1.0", use_dictionary=True,
                           write_page_checksum=True),
    "delta-zstd-v2": dict(compression="zstd", data_page_version="2.0", use_dictionary=False,
                          column_encoding=DELTA | dict.fromkeys(STRINGS, "DELTA_BYTE_ARRAY")),
    "delta-none-v1": dict(compression="none", data_page_version="1.0", use_dictionary=False,
                          column_encoding=DELTA | dict.fromkeys(STRINGS, "DELTA_LENGTH_BYTE_ARRAY")),
    "plain-gzip-v2": dict(compression="gzip", data_page_version="2.0", use_dictionary=False),
    "plain-lz4-v1": dict(compression="lz4", data_page_version="1.0", use_dictionary=False),
    "switch-none-v1": dict(compression="none", data_page_version="1.0", use_dictionary=True,
                           dictionary_pagesize_limit=64, data_page_size=64, write_batch_size=8),
}


def main(folder):
    rows = [row(i) for i in range(ROWS)]
    table = pa.Table.from_pylist([r | {"fixed": r["fixed"].encode()} for r in rows], schema=SCHEMA)
    for name, how in FILES.items():
        pq.write_table(table, f"{folder}/{name}.parquet", row_group_size=40, store_schema=False,
                       write_statistics=False, **how)
    with open(f"{folder}/rows.jsonl", "w") as f:
        f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in rows)


main(sys.argv[1])
