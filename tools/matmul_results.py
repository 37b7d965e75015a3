# SPDX-License-Identifier: BSD-3-Clause
"""The matmul's page and pictures, from <date>-<gpu>-matmul.json: matmul.md, matmul-speedup.svg,
matmul-roofline.svg. results.py runs it."""

from math import exp, log

from matmul_svg import panels_chart, roofline_chart
from results_page import machine_section, matrix_name, microseconds, table

PLAIN, DEPENDENT, DECODE = "fused plain", "fused dependent", "decode+cublas"
NORMAL = "normal"
WEIGHTS = {NORMAL: "N(0, 0.02)", "student_t": "Student's t, 4 degrees of freedom",
           "row_scaled": "rows scaled by a log-normal factor",
           "outlier_columns": "1 % of the columns 30 times larger",
           "one_percent_zero": "1 % zeros: a palette that is no run"}
FORMATS = {"palette": "palette, 12 bits", "radix": "radix, 11.6 bits",
           "exponents": "exponent bytes, 16 bits", "bf16-tiles": "BF16 in tile order"}


class MatmulResults:
    """Rows of a results file by matrix, M, format and path; of one kind of weights."""

    def __init__(self, result, weights=NORMAL):
        rows = [row for row in result["rows"] if row.get("weights", NORMAL) == weights]
        self.rows = {(row["N"], row["K"], row["M"], row["format"], row["path"]): row
                     for row in rows}
        # In the order of the file.
        self.matrices = list(dict.fromkeys((row["N"], row["K"]) for row in rows))
        self.tokens = sorted({row["M"] for row in rows})
        self.has_baseline = any(row["speedup"] for row in rows)

    def find(self, matrix, m, path, form="palette"):
        return self.rows.get((*matrix, m, form, path))

    def speedup(self, matrix, m, path, form="palette"):
        row = self.find(matrix, m, path, form)
        return row["speedup"] if row else None

    def best(self, matrix, m, form="palette"):
        found = [self.speedup(matrix, m, path, form) for path in (PLAIN, DEPENDENT, DECODE)]
        return max((speedup for speedup in found if speedup), default=None)

    def any(self, matrix, m):
        """Some row: all of a matrix and M have the same baseline."""
        return next((row for key, row in self.rows.items() if key[:3] == (*matrix, m)), None)


def times(speedup):
    return f"{speedup:.2f}x" if speedup else "-"


def us(row):
    return microseconds(row["us"]) if row else "-"


def spread(speedups):
    """Geometric mean and least."""
    found = [speedup for speedup in speedups if speedup]
    if not found:
        return "-"
    return f"{exp(sum(map(log, found)) / len(found)):.2f}x ({min(found):.2f}x)"


def means_section(results):
    columns = {
        "dependent launch": lambda matrix, m: results.speedup(matrix, m, DEPENDENT),
        "plain launch": lambda matrix, m: results.speedup(matrix, m, PLAIN),
        "decode, then cuBLAS": lambda matrix, m: results.speedup(matrix, m, DECODE),
        "best of these": results.best,
        "radix, dependent": lambda matrix, m: results.speedup(matrix, m, DEPENDENT, "radix"),
        "BF16 in tile order, dependent": lambda matrix, m: results.speedup(matrix, m, DEPENDENT,
                                                                           "bf16-tiles"),
    }
    rows = [[str(m), *(spread(value(matrix, m) for matrix in results.matrices)
                       for value in columns.values())] for m in results.tokens]
    return table(["M", *columns], rows)


def speedups_section(results, path):
    rows = [[matrix_name(matrix), *(times(results.speedup(matrix, m, path)) for m in results.tokens)]
            for matrix in results.matrices]
    return table(["M", *map(str, results.tokens)], rows)


def weights_section(result):
    """Speed-ups of other weights beside those of normal ones, matrix by matrix; or nothing."""
    others = {kind: MatmulResults(result, kind) for kind in WEIGHTS if kind != NORMAL}
    others = {kind: results for kind, results in others.items() if results.matrices}
    if not others:
        return ""
    normal = MatmulResults(result)
    first = next(iter(others.values()))
    rows = []
    for matrix in first.matrices:
        for kind, results in {NORMAL: normal, **others}.items():
            bits = next((row["bits_per_weight"] for key, row in results.rows.items()
                         if key[:2] == matrix and key[3] == "palette"), None)
            if bits is None:
                continue
            rows.append([matrix_name(matrix), WEIGHTS[kind], f"{bits:.2f}",
                         *(times(results.speedup(matrix, m, DEPENDENT)) for m in first.tokens)])
    return f"""## Other weights
Dependent launch, palette: outliers and zeros are more bits, and more to put right.

{table(["matrix", "weights", "bits a weight", *map(str, first.tokens)], rows)}
"""


def details_of(results, matrix, form):
    rows = []
    for m in results.tokens:
        plain, dependent, decoded = (results.find(matrix, m, path, form)
                                     for path in (PLAIN, DEPENDENT, DECODE))
        shown = dependent or plain
        if not shown:
            continue
        baseline = (f"{microseconds(shown['baseline_us'])}, {shown['baseline']}"
                    if shown["baseline"] else "-")
        rows.append([str(m), baseline, us(plain), us(dependent), us(decoded),
                     f"{shown['stored_tb_s']:.2f}", f"{shown['pct_of_read_ceiling']:.0f}%",
                     f"`{shown['config']}`"])
    if not rows:
        return ""
    header = ["M", "cuBLAS us", "plain us", "dependent us", "decode, then cuBLAS us",
              "TB/s of weights", "of the read ceiling", "config"]
    return f"{FORMATS[form]}:\n\n{table(header, rows)}\n"


def details_section(results):
    text = ""
    for matrix in results.matrices:
        text += f"### {matrix_name(matrix)}\n"
        text += "".join(details_of(results, matrix, form) for form in FORMATS)
    return text


def page(result, file, pictures):
    results = MatmulResults(result)
    against = ("" if results.has_baseline else
               "\n**The run had no baseline: cuBLAS was not there when the benchmark was built.**\n")
    drawn = "\n".join(f"![{words}]({name})\n" for name, words in (
        ("matmul-speedup.svg", "Speed-up over cuBLAS by number of tokens, for each matrix"),
        ("matmul-roofline.svg", "Arithmetic speed by operations a byte, below the ceilings"),
    ) if pictures[name])
    return f"""# Matmul from compressed weights: results

Written by tools/results.py from one run of `make gpu-bench`; edit neither. Weights and activations are
synthetic. Every result was checked on the GPU before it was timed: against plain loops in fp32, against
cuBLAS, and bit for bit against a second run and between forms of the weights.

{machine_section(result, file)}
A time is that of one launch among many back to back in a CUDA graph, over copies of the weights that four times
the L2 cache does not hold: the median of the replays. Speed-ups are over the fastest of cublasGemmEx and the 8
first heuristics of cuBLASLt on BF16 weights, same run, same way to time, 64 MiB of workspace; all of a case take
turns, without a pause (runs before commit 6a2cafb: one after the other). A *dependent* launch fetches weights while
the kernel before it still runs. M: tokens.
{against}
{drawn}
## By number of tokens
Geometric mean over matrices, in brackets the least. Weights as palette (12 bits) where no other form is named.

{means_section(results)}
## Dependent launch, palette
{speedups_section(results, DEPENDENT)}
## Plain launch, palette
{speedups_section(results, PLAIN)}
{weights_section(result)}## All times
{details_section(results)}"""


# ---- the pictures -------------------------------------------------------------------------------


def speedup_picture(result):
    results = MatmulResults(result)
    lines = ((DECODE, "other-line", "decode, then cuBLAS"),
             (PLAIN, "ours-line dashed", "plain launch"),
             (DEPENDENT, "ours-line", "dependent launch"))
    panels, drawn = [], set()
    for matrix in results.matrices:
        panel = []
        for path, css, _ in lines:
            points = [(m, speedup) for m in results.tokens
                      if (speedup := results.speedup(matrix, m, path))]
            if points:
                panel.append((points, css))
                drawn.add(path)
        if panel:
            panels.append((matrix_name(matrix), panel))
    if not panels:
        return None
    entries = [(label, css) for path, css, label in reversed(lines) if path in drawn]
    return panels_chart(
        "Matmul from 12-bit weights: time of the best cuBLAS / our time",
        f"over M tokens, for each matrix N x K; {result['machine']['gpu']}",
        panels, entries + [("cuBLAS, BF16 weights", "ceiling")], results.tokens, 1.0)


def roofline_point(row, us_taken, weight_bytes):
    """(operations a byte, TFLOP/s): weights, activations and outputs cross the memory bus once."""
    n, k, m = row["N"], row["K"], row["M"]
    operations = 2 * n * k * m
    return operations / (weight_bytes + 2 * m * (n + k)), operations / us_taken / 1e6


def roofline_picture(result):
    results = MatmulResults(result)
    ours, blas = [], []
    for matrix in results.matrices:
        for m in results.tokens:
            found = (results.find(matrix, m, DEPENDENT) or results.find(matrix, m, PLAIN))
            if found:
                weight_bytes = found["N"] * found["K"] * found["bits_per_weight"] / 8
                ours.append(roofline_point(found, found["us"], weight_bytes))
            row = results.any(matrix, m)
            if row and row["baseline_us"]:
                blas.append(roofline_point(row, row["baseline_us"], 2 * row["N"] * row["K"]))
    series = [("cuBLAS, BF16 weights", blas, "other"), ("unweight, 12-bit weights", ours, "ours")]
    series = [entry for entry in series if entry[1]]
    if not series:
        return None
    machine = result["machine"]
    fastest = max(y for _, points, _ in series for _, y in points)
    return roofline_chart(
        "Roofline", f"every matrix and M on {machine['gpu']}; ceilings: memory at "
        f"{machine['read_ceiling_tb_s']:.2f} TB/s, and the fastest matmul of the run, {fastest:.0f} TFLOP/s",
        series, machine["read_ceiling_tb_s"], fastest,
        "operations a byte of weights, activations and outputs", "TFLOP/s")


def files(result, file):
    """{name: content, or None} of everything that the docs have of this results file."""
    pictures = {"matmul-speedup.svg": speedup_picture(result),
                "matmul-roofline.svg": roofline_picture(result)}
    return {"matmul.md": page(result, file, pictures), **pictures}
