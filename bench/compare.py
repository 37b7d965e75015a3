#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Size and speed of unweight's families beside ZipNN and zstd, on the same bytes in the same run.

    compare.py [--codec-speed build/bin/codec_speed] [--results bench/results] [--runs R]
               [--rows N] [--cols K]

The bytes are an N x K matrix of BF16 weights drawn from N(0, 0.02) with a fixed seed. A speed is
the median of R runs after a warm-up, in GB/s (1e9) of uncompressed bytes, memory to memory; by one
thread, and by as many as there are CPUs. Unweight makes checksums when it encodes and verifies them
when it decodes; "checked" is encoding with the self-check that is its default. The others have
neither, and get memory that the process already has for their results, which is up to twice as fast
as fresh pages. zstd runs with one thread. Every compressor proves its round trip. Prints a table
and writes RESULTS/<date>-cpu-codec.json.
"""

import argparse
import ctypes
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", category=FutureWarning)  # torch, on import

import zstandard

ROOT = Path(__file__).resolve().parent.parent
# ZipNN imports torch (several GB) but calls nothing of it for bytes: behind a real torch, if there
# is one, a stand-in will do.
sys.path.append(str(ROOT / "bench/torch_stub"))
from zipnn import ZipNN  # noqa: E402


def keep_freed_memory():
    """Makes glibc keep what Python frees, so that no time goes into fresh pages of the kernel;
    codec_speed does the same."""
    m_trim_threshold, m_mmap_max = -1, -4
    mallopt = ctypes.CDLL(None).mallopt
    if not (mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1)):
        sys.exit("compare: mallopt does not work here")


def median_gb_per_s(call, num_bytes, runs, prepare=lambda: None):
    """Median over `runs` calls after a warm-up; `prepare` makes the argument, outside of the time."""
    seconds = []
    for run in range(runs + 1):
        argument = prepare()
        start = time.perf_counter()
        call(argument)
        if run > 0:
            seconds.append(time.perf_counter() - start)
    return num_bytes / statistics.median(seconds) / 1e9


def measure(name, threads, data, runs, encode, decode):
    """One row. Encoders get a copy of the data, because ZipNN writes on its input."""
    packed = bytes(encode(bytearray(data)))
    if bytes(decode(bytearray(packed))) != data:
        sys.exit(f"compare: {name} does not give the data back")
    return {
        "name": name, "threads": threads,
        "original_bytes": len(data), "stored_bytes": len(packed),
        "encode_gb_per_s": median_gb_per_s(encode, len(data), runs, lambda: bytearray(data)),
        "decode_gb_per_s": median_gb_per_s(decode, len(data), runs, lambda: bytearray(packed)),
    }


def unweight_rows(codec_speed, args, path, threads):
    output = subprocess.run(
        [codec_speed, "--rows", str(args.rows), "--cols", str(args.cols), "--runs", str(args.runs),
         "--threads", str(threads), "--dump", path],
        check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [json.loads(line) for line in output.splitlines()]
    return [{"name": f"unweight {row.pop('family')}", **row} for row in rows]


def zipnn_row(data, threads, runs):
    def codec():
        return ZipNN(input_format="byte", bytearray_dtype="bfloat16", threads=threads)

    return measure("zipnn", threads, data, runs, lambda raw: codec().compress(raw),
                   lambda packed: codec().decompress(packed))


def zstd_row(data, level, runs):
    return measure(f"zstd -{level}", 1, data, runs,
                   lambda raw: zstandard.ZstdCompressor(level=level).compress(raw),
                   lambda packed: zstandard.ZstdDecompressor().decompress(packed))


def add_ratios(rows):
    """Speeds relative to ZipNN with as many threads."""
    zipnn = {row["threads"]: row for row in rows if row["name"] == "zipnn"}
    for row in rows:
        peer = zipnn[row["threads"]]
        for what in ("encode", "decode"):
            key = f"{what}_gb_per_s"
            row[f"{what}_vs_zipnn"] = row[key] / peer[key]


def print_table(rows):
    columns = "{:<17} {:>7} {:>8} {:>11} {:>6}  {:>8} {:>8} {:>8}  {:>8} {:>8}".format
    print(columns("", "threads", "size", "bits/weight", "ratio", "encode", "checked", "decode",
                  "encode", "decode"))
    print(columns("", "", "", "", "", "GB/s", "GB/s", "GB/s", "x zipnn", "x zipnn"))
    for row in rows:
        fraction = row["stored_bytes"] / row["original_bytes"]
        checked = row.get("encode_checked_gb_per_s")
        print(columns(row["name"], row["threads"], f"{fraction:.2%}", f"{16 * fraction:.4f}",
                      f"{1 / fraction:.3f}", f"{row['encode_gb_per_s']:.2f}",
                      f"{checked:.2f}" if checked else "-", f"{row['decode_gb_per_s']:.2f}",
                      f"{row['encode_vs_zipnn']:.2f}", f"{row['decode_vs_zipnn']:.2f}"))


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            fields = dict(line.split(":", 1) for line in info if ":" in line)
        return {key.strip(): value.strip() for key, value in fields.items()}
    except OSError:
        return {}


def machine():
    info = processor()
    return {
        "processor": info.get("model name") or platform.processor(),
        "family_model_stepping": [info.get(key) for key in ("cpu family", "model", "stepping")],
        "usable_cpus": len(os.sched_getaffinity(0)),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "load_average_before": os.getloadavg()[0],
    }


def commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()

    try:
        changed = "+changes" if git("status", "--porcelain", "--untracked-files=no") else ""
        return git("rev-parse", "--short=12", "HEAD") + changed
    except (OSError, subprocess.CalledProcessError):
        return None


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--codec-speed", default=str(ROOT / "build/bin/codec_speed"))
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--rows", type=int, default=14336)
    parser.add_argument("--cols", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=7)
    return parser.parse_args()


def main():
    args = parse_arguments()
    where = machine()
    threads = where["usable_cpus"]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "weights.bf16")
        rows = unweight_rows(args.codec_speed, args, path, threads)
        data = Path(path).read_bytes()
    keep_freed_memory()
    for count in sorted({1, threads}):
        rows.append(zipnn_row(data, count, args.runs))
    rows += [zstd_row(data, level, args.runs) for level in (1, 3)]
    add_ratios(rows)
    print_table(rows)

    today = datetime.date.today().isoformat()
    args.results.mkdir(parents=True, exist_ok=True)
    file = args.results / f"{today}-cpu-codec.json"
    result = {
        "what": f"{args.rows} x {args.cols} BF16 weights from N(0, 0.02); median of {args.runs} runs",
        "date": today, "commit": commit(), "machine": where, "rows": rows,
    }
    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {os.path.relpath(file)}")


if __name__ == "__main__":
    main()
