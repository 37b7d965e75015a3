#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Turns the newest results files of the GPU benchmarks into tables and pictures.

    results.py [--results bench/results] [--docs docs/results]

Reads the newest <date>-<gpu>-codec.json of a GPU, writes codec.md, codec-throughput.svg and
codec-sms.svg; and the newest <date>-<gpu>-matmul.json (matmul_results.py). A benchmark without a
file is left alone. Rows that a run left out are "-" in the tables; a picture without rows is not made.
Python's standard library only.
"""

import argparse
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import matmul_results  # noqa: E402
from results_page import (machine_section, matrix_name, microseconds, newest_gpu_results,  # noqa: E402
                          table, write)
from results_svg import bar_chart, line_chart  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
MAIN_MATRIX = (14336, 4096)
OPERATIONS = {
    "full_decode": "Huffman to BF16, rows",
    "decode_to_tiles": "Huffman to BF16, tile order",
    "decode_exponents": "Huffman to exponent bytes",
    "transcode": "Huffman to palette codes",
    "palette_decode": "palette to BF16, rows",
    "encode_huffman": "BF16 to Huffman",
    "encode_palette": "BF16 to palette",
    "encode_batched": "BF16 to Huffman, 8 tensors at once",
}
WEIGHTS = {
    "normal": "N(0, 0.02)",
    "student_t": "Student's t, 4 dof",
    "row_scaled": "rows scaled, log-normal 0.5",
    "outlier_columns": "1 % of columns x 30",
    "one_percent_zero": "1 % zeros",
}


class CodecResults:
    """Rows of a results file by what they measure."""

    def __init__(self, result):
        self.machine = result["machine"]
        self.ours = [row for row in result["rows"] if not row.get("baseline")]
        self.baselines = [row for row in result["rows"] if row.get("baseline")]
        self.not_run = result.get("baselines_not_run", {})
        self.all_sms = self.machine.get("num_sms") or max(
            (row["sms"] for row in result["rows"]), default=0)

    def find(self, op, matrix=MAIN_MATRIX, weights="normal", sms=None):
        for row in self.ours:
            if (row["op"], (row["N"], row["K"]), row["weights"], row["sms"]) == (
                    op, matrix, weights, sms or self.all_sms):
                return row
        return None

    def matrices(self):
        """In the order of the file."""
        return list(dict.fromkeys((row["N"], row["K"]) for row in self.ours))

    def weights(self):
        return [name for name in WEIGHTS if any(row["weights"] == name for row in self.ours)]

    def limited(self):
        """{matrix: [rows of full decode, fewest SMs first]} where SMs were limited."""
        found = {}
        for row in self.ours:
            if row["op"] == "full_decode" and row["weights"] == "normal":
                found.setdefault((row["N"], row["K"]), []).append(row)
        return {matrix: sorted(rows, key=lambda row: row["sms"])
                for matrix, rows in found.items() if len(rows) > 1}


def moved_tb_s(row):
    return row["moved_bytes"] / row["us"] / 1e6


def bf16_tb_s(row):
    return row["bf16_gb_s"] / 1000


def cell(row):
    """Time, speed, and time against the copy ceiling."""
    if row is None:
        return "-"
    return f"{microseconds(row['us'])} us, {bf16_tb_s(row):.2f} TB/s, {row['x_copy_ceiling']:.2f}x"


# ---- the page -----------------------------------------------------------------------------------


def operations_section(results):
    matrices = results.matrices()
    rows = []
    for op, meaning in OPERATIONS.items():
        found = [results.find(op, matrix) for matrix in matrices]
        if any(found):
            rows.append([f"`{op}`<br>{meaning}", *map(cell, found)])
    return table(["", *map(matrix_name, matrices)], rows)


def weights_section(results):
    names = results.weights()
    rows = []
    for family, op in (("Huffman", "full_decode"), ("palette", "palette_decode")):
        found = [results.find(op, weights=name) for name in names]
        if any(found):
            rows.append([f"bits/weight, {family}",
                         *(f"{row['bits_per_weight']:.3f}" if row else "-" for row in found)])
    for op in OPERATIONS:
        found = [results.find(op, weights=name) for name in names]
        if any(found):
            rows.append([f"`{op}`", *map(cell, found)])
    return table(["", *(WEIGHTS[name] for name in names)], rows)


def sms_section(results):
    rows = []
    for matrix, limited in results.limited().items():
        for row in limited:
            rows.append([matrix_name(matrix), str(row["sms"]), microseconds(row["us"]),
                         f"{bf16_tb_s(row):.2f}", f"{row['bf16_gb_s'] / row['sms']:.1f}",
                         f"{limited[-1]['us'] / row['us']:.0%}"])
    return table(["", "SMs", "us", "TB/s of BF16", "GB/s an SM", "of the speed with all"], rows)


def baselines_section(results):
    rows = []
    for row in results.baselines:
        ours = results.find(row["op"], (row["N"], row["K"]))
        ratio = f"{row['us'] / ours['us']:.2f}x" if ours else "-"
        rows.append([row["baseline"], f"`{row['op']}`", matrix_name((row["N"], row["K"])),
                     f"{row['bits_per_weight']:.3f}", microseconds(row["us"]),
                     f"{bf16_tb_s(row):.2f}", f"{row['x_copy_ceiling']:.2f}x", ratio])
    text = ""
    if rows:
        text = table(["", "does", "matrix", "bits/weight", "us", "TB/s of BF16",
                      "x copy", "its time / ours"], rows)
    notes = [f"{row['baseline']}: {row['settings']}." for row in results.baselines
             if row.get("settings")]
    if notes:
        text += "\nFastest of the settings tried: " + " ".join(notes) + "\n"
    if results.not_run:
        text += "\nNot run:\n\n" + "".join(
            f"- {name}: {why}\n" for name, why in sorted(results.not_run.items()))
    return text or "None were run.\n"


def page(result, file):
    results = CodecResults(result)
    return f"""# GPU codec: results

Written by tools/results.py from one run of `make gpu-bench`; edit neither. Weights are synthetic, every
output was compared with the original on the GPU before it was timed.

{machine_section(result, file)}
A time is that of one launch among many in a CUDA graph, over copies of the data that four times the L2 cache
does not hold: the median of 50 replays. Cells: time, BF16 bytes of the tensor in that time, and the time
divided by that of a copy of as many bytes (read + written, the fewest the operation can do with) at the copy ceiling.

![Bytes moved per second by each operation, beside the ceilings](codec-throughput.svg)

## Operations, N(0, 0.02)
{operations_section(results)}
## Weights, {matrix_name(MAIN_MATRIX)}
Bits a weight are of device memory, record and alignment included.

{weights_section(results)}
## Full decode with some of the SMs
{sms_section(results)}
![Full decode over the number of SMs](codec-sms.svg)

## Baselines
{baselines_section(results)}"""


# ---- the pictures -------------------------------------------------------------------------------


def throughput_picture(result):
    results = CodecResults(result)
    bars = [(OPERATIONS[op], row, True) for op in OPERATIONS
            if (row := results.find(op)) is not None]
    bars += [(re.sub(r" \d[\d.]*", "", row["baseline"], count=1), row, False)
             for row in results.baselines if (row["N"], row["K"]) == MAIN_MATRIX]
    if not bars:
        return None
    machine = result["machine"]
    return bar_chart(
        f"What the operations move, {matrix_name(MAIN_MATRIX)} weights",
        f"TB/s read + written on {machine['gpu']}; blue: unweight, grey: others",
        [(label, moved_tb_s(row), f"{moved_tb_s(row):.2f}  ({microseconds(row['us'])} us)", is_ours)
         for label, row, is_ours in bars],
        [("copy ceiling", machine["copy_ceiling_tb_s"]),
         ("read ceiling", machine["read_ceiling_tb_s"])],
        "TB/s read + written")


def sms_picture(result):
    limited = CodecResults(result).limited()
    if not limited:
        return None
    return line_chart(
        "Full decode with some of the SMs",
        f"Huffman to BF16 rows, N(0, 0.02), {result['machine']['gpu']}",
        [(matrix_name(matrix), [(row["sms"], bf16_tb_s(row)) for row in rows])
         for matrix, rows in list(limited.items())[:2]],
        "SMs that the kernel may occupy", "TB/s of BF16 written")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs/results")
    parser.add_argument("--matmul-gpu", default="", help="h100, h200: of this one only")
    args = parser.parse_args(arguments)
    codec = newest_gpu_results(args.results, "codec")
    matmul = newest_gpu_results(args.results, "matmul", args.matmul_gpu)
    if codec is None and matmul is None:
        print(f"results: no <date>-<gpu>-codec.json or -matmul.json in {args.results}", file=sys.stderr)
        return 1
    if codec is not None:
        file, result = codec
        write(args.docs, {"codec.md": page(result, file),
                          "codec-throughput.svg": throughput_picture(result),
                          "codec-sms.svg": sms_picture(result)})
    if matmul is not None:
        file, result = matmul
        write(args.docs, matmul_results.files(result, file))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
