#!/usr/bin/env python3
"""Prints data/tokenizer/unicode_table.inc: the classes of Unicode 16.0 that the split patterns ask for.

    pip install unicodedata2==16.0.0
    python3 tools/unicode_table.py > data/tokenizer/unicode_table.inc

Two stages: a block number per 256 code points, and 64 bytes per distinct block (2 bits each).
"""
import sys

import unicodedata2 as ucd

OTHER, LETTER, NUMBER, SPACE = range(4)
# White_Space of PropList.txt; the module has no such property and str.isspace is another set.
WHITE_SPACE = {*range(0x09, 0x0E), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B),
               0x2028, 0x2029, 0x202F, 0x205F, 0x3000}


def class_of(cp):
    if cp in WHITE_SPACE:
        return SPACE
    return {"L": LETTER, "N": NUMBER}.get(ucd.category(chr(cp))[0], OTHER)


def block(first):
    return tuple(sum(class_of(first + 4 * i + k) << 2 * k for k in range(4)) for i in range(64))


def rows(values, per_line):
    for i in range(0, len(values), per_line):
        print("    " + ", ".join(str(v) for v in values[i:i + per_line]) + ",")


def main():
    if ucd.unidata_version != "16.0.0":
        sys.exit(f"unicodedata2 {ucd.unidata_version}, expected 16.0.0")
    blocks, index = {}, []
    for first in range(0, 0x110000, 256):
        index.append(blocks.setdefault(block(first), len(blocks)))
    assert len(blocks) <= 256
    print("/* Unicode 16.0 classes; written by tools/unicode_table.py, do not edit. */")
    print(f"const uint8_t rn_unicode_block_of[{len(index)}] = {{")
    rows(index, 24)
    print(f"}};\nconst uint8_t rn_unicode_classes[{len(blocks)}][64] = {{")
    for b in blocks:
        print("    {" + ", ".join(str(v) for v in b) + "},")
    print("};")


main()
