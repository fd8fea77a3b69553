"""Event files and offline runs as TensorBoard's and wandb's own code reads them.

    tests/oracle/run.sh build/runnel tests/oracle/curves_of_others.py

Every scalar is compared with the run's metrics files, of a training that was killed twice."""
import glob
import json
import math
import os
import signal
import struct
import subprocess
import sys
import tempfile
import zlib

from tensorboard.backend.event_processing import event_accumulator as ea
from wandb.proto import wandb_internal_pb2 as pb

BLOCK = 32768
TAGS = {"loss": "train/loss", "val_bpb": "val/bpb", "mfu": "train/mfu", "core": "eval/core"}


def metrics(path):
    rows = {}
    for line in open(path):
        doc = json.loads(line)
        for name, value in doc.items():
            if name not in ("step", "time") and not isinstance(value, str):
                rows.setdefault(name, {})[doc["step"]] = math.nan if value is None else value
    return rows


def check_events(folder, rows):
    board = ea.EventAccumulator(folder, size_guidance={ea.SCALARS: 0, ea.TENSORS: 0})
    board.Reload()
    for name, tag in TAGS.items():
        if name not in rows:
            continue
        events = board.Scalars(tag)
        steps = [e.step for e in events]
        assert steps == sorted(set(steps)), f"{folder} {tag}: a zig-zag"
        assert steps == sorted(rows[name]), f"{folder} {tag}: other steps"
        for e in events:
            want = rows[name][e.step]
            assert abs(e.value - want) <= 1e-6 * abs(want), (folder, tag, e.step)
    return len(board.Tags()["scalars"]), len(board.Tags()["tensors"])


def records(path):
    data = open(path, "rb").read()
    assert data[:7] == b":W&B" + struct.pack("<HB", 0xBEE1, 0)
    at, whole = 7, b""
    while at < len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        crc, n, kind = struct.unpack("<IHB", data[at : at + 7])
        part = data[at + 7 : at + 7 + n]
        assert zlib.crc32(bytes([kind]) + part) == crc
        at += 7 + n
        whole += part
        if kind in (1, 4):
            record = pb.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def check_offline(path, rows):
    seen = {}
    for record in records(path):
        if record.WhichOneof("record_type") == "history":
            values = {i.key: json.loads(i.value_json) for i in record.history.item}
            for name in rows:
                if name in values:
                    seen.setdefault(name, {})[values["_step"]] = values[name]
    assert {k: sorted(v) for k, v in seen.items()} == {k: sorted(v) for k, v in rows.items()}, path


def check_run(runnel, run):
    tag, runs = os.path.basename(run), os.path.dirname(run)
    with tempfile.TemporaryDirectory() as out:
        for to in ("tensorboard", "wandb-offline"):
            subprocess.run([runnel, "metrics", tag, "--runs", runs, "--to", to, "-o", f"{out}/{to}"],
                           check=True, stdout=subprocess.DEVNULL)
        for path in sorted(glob.glob(f"{run}/metrics/*.jsonl")):
            stage = os.path.basename(path)[: -len(".jsonl")]
            rows = metrics(path)
            live = check_events(f"{run}/tensorboard/{stage}", rows)
            made = check_events(f"{out}/tensorboard/{stage}", rows)
            assert live == made, (stage, live, made)
            [offline] = glob.glob(f"{out}/wandb-offline/*-{stage}/run-*.wandb")
            check_offline(offline, rows)
            print(f"{stage}: {live[0]} curves, {live[1]} texts: the same live, made again and offline")


def main(runnel):
    """A training killed twice on its way: several event files, one curve."""
    smoke = os.path.join(os.path.dirname(__file__), "../../pipelines/smoke.yaml")
    with tempfile.TemporaryDirectory() as work:
        command = [runnel, "run", smoke, "--runs", f"{work}/runs", "--until", "base",
                   "base.checkpoint.every=7 steps"]
        for wait_s in (4, 4, None):
            started = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
            try:
                started.wait(wait_s)
            except subprocess.TimeoutExpired:
                os.killpg(started.pid, signal.SIGKILL)
                started.wait()
        assert started.returncode == 0
        [run] = glob.glob(f"{work}/runs/smoke-*")
        print(len(glob.glob(f"{run}/tensorboard/base/*")), "event files of base")
        check_run(runnel, run)


if __name__ == "__main__":
    main(sys.argv[1])
