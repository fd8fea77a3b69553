"""runnel and pyarrow decode the same text column in turns; a table of medians. See parquet.sh."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import pyarrow as pa
import pyarrow.parquet as pq


def by_pyarrow(path):
    """Processor seconds, row group by row group on this thread."""
    start = time.process_time()
    file = pq.ParquetFile(path, pre_buffer=False)
    for group in range(file.num_row_groups):
        file.read_row_group(group, columns=["text"], use_threads=False)
    return time.process_time() - start


def by_runnel(program, path):
    """The second round of a process: pyarrow's memory is warm as well."""
    out = subprocess.run([program, path, "text", "2"], capture_output=True, check=True, text=True)
    _, seconds, size = out.stdout.split()
    return float(seconds), int(size)


def variants(source, folder):
    """The same rows in nanochat's recipe and in pyarrow's own."""
    table = pq.read_table(source, columns=["text"])
    plain = {"row_group_size": 1024, "use_dictionary": False, "write_statistics": False}
    recipes = {
        "zstd 3, plain": {**plain, "compression": "zstd", "compression_level": 3},
        "snappy, plain": {**plain, "compression": "snappy"},
        "snappy, dictionary": {"compression": "snappy"},
        "none, plain": {**plain, "compression": "none"},
    }
    for name, options in recipes.items():
        path = os.path.join(folder, name.replace(" ", "_") + ".parquet")
        pq.write_table(table, path, **options)
        yield name, path


def main():
    program, rounds, source = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    print(f"pyarrow {pa.__version__}, {rounds} rounds in turns, processor time")
    print(f"{'':20} {'runnel MB/s':>12} {'pyarrow MB/s':>13} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name, path in variants(source, folder):
            ours, theirs = [], []
            for _ in range(rounds):
                seconds, size = by_runnel(program, path)
                ours.append(seconds)
                theirs.append(by_pyarrow(path))
            a, b = statistics.median(ours), statistics.median(theirs)
            print(f"{name:20} {size / a / 1e6:12.0f} {size / b / 1e6:13.0f} {b / a:6.2f}")


main()
