"""Are the answers of `runnel eval --out DIR` those of core_peer.py?    core_same.py DIR PEER.jsonl"""
import glob
import json
import sys

own = {}
with open(glob.glob(sys.argv[1] + "/core_*.jsonl")[0]) as f:
    for row in map(json.loads, f):
        own.setdefault(row["task"], []).append(row)
same = close = other = 0
with open(sys.argv[2]) as f:
    for theirs in map(json.loads, f):
        rows = own.pop(theirs["task"])
        assert len(rows) == len(theirs["right"]), theirs["task"]
        for mine, right in zip(rows, theirs["right"]):
            best = sorted(x for x in mine["losses"] if x is not None)[:2]
            if mine["right"] == right:
                same += 1
            elif len(best) == 2 and best[1] - best[0] <= 1e-4:
                close += 1
            else:
                other += 1
                print("other answer:", theirs["task"], mine)
assert not own, own.keys()
print(f"{same} answers are the same, {close} others are closer than 1e-4, {other} differ")
sys.exit(1 if other else 0)
