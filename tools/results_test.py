#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Proves on a small made-up results file that results.py finds, counts and draws what is in it."""

import contextlib
import copy
import io
import json
import sys
import tempfile
import unittest
import xml.etree.ElementTree
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import results  # noqa: E402
from results_svg import round_steps  # noqa: E402


def row(op, us, matrix=(14336, 4096), weights="normal", sms=132, baseline=None, **more):
    num_weights = matrix[0] * matrix[1]
    moved = num_weights * 10.6 / 8 + 2 * num_weights
    return {"op": op, "N": matrix[0], "K": matrix[1], "family": "huffman", "weights": weights,
            "bits_per_weight": 10.6, "us": us, "us_min": us, "us_max": us,
            "bf16_gb_s": 2 * num_weights / us / 1000, "stored_gb_s": 1.0, "moved_bytes": int(moved),
            "x_copy_ceiling": us * 3.0e6 / moved, "num_tensors": 1, "sms": sms,
            "baseline": baseline, **more}


RESULT = {
    "what": "made up", "date": "2026-01-02", "commit": "abc1234",
    "machine": {"gpu": "NVIDIA H100 <made up>", "driver": "580.1", "cuda": "13.0", "num_sms": 132,
                "read_ceiling_tb_s": 3.2, "read_ceiling_kernel": "bulk copies",
                "copy_ceiling_tb_s": 3.0, "copy_ceiling_kernel": "loads"},
    "rows": [
        row("full_decode", 80.0), row("full_decode", 400.0, sms=16),
        row("full_decode", 150.0, (28672, 4096)), row("full_decode", 800.0, (28672, 4096), sms=16),
        row("transcode", 50.0), row("encode_batched", 12345.6),
        row("full_decode", 90.0, weights="student_t"),
        row("full_decode", 240.0, baseline="Slow 1.0 & co", settings="fast = true"),
    ],
    "baselines_not_run": {"Other": "it is not installed"},
}


def matmul_row(us, m=1, path="fused plain", matrix=(4096, 4096), form="palette", baseline_us=12.0):
    return {"N": matrix[0], "K": matrix[1], "M": m, "format": form, "bits_per_weight": 12.0,
            "path": path, "config": "mma t8 <made up>", "us": us, "us_min": us, "us_max": us,
            "baseline": "cublasLt #3" if baseline_us else None, "baseline_us": baseline_us,
            "speedup": baseline_us / us if baseline_us else None, "stored_tb_s": 3.0,
            "pct_of_read_ceiling": 90.0}


MATMUL_RESULT = {**RESULT, "rows": [
    matmul_row(10.0), matmul_row(8.0, path="fused dependent"),
    matmul_row(16.0, matrix=(8192, 4096)), matmul_row(48.0, 256, "decode+cublas", baseline_us=24.0),
    matmul_row(20.0, 256, baseline_us=24.0), matmul_row(12.0, form="bf16-tiles"),
    matmul_row(6.0, path="fused dependent", form="radix"),
]}


class ResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results, self.docs = Path(folder.name) / "results", Path(folder.name) / "docs"
        self.results.mkdir()

    def put(self, name, result):
        (self.results / name).write_text(json.dumps(result))

    def run_it(self, *more):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return results.main(["--results", str(self.results), "--docs", str(self.docs), *more])

    def page(self):
        self.assertEqual(self.run_it(), 0)
        return (self.docs / "codec.md").read_text()

    def line(self, page, begin):
        found = [line for line in page.splitlines() if line.startswith(begin)]
        self.assertEqual(len(found), 1, begin)
        return found[0]

    def test_without_results_it_fails(self):
        self.put("2026-01-01-cpu-codec.json", {"machine": {"processor": "x"}, "rows": []})
        self.assertEqual(self.run_it(), 1)
        self.assertFalse(self.docs.exists())

    def test_newest_of_a_gpu(self):
        older = copy.deepcopy(RESULT)
        older["commit"] = "older"
        self.put("2025-12-31-h200-codec.json", older)
        self.put("2026-01-02-h100-codec.json", RESULT)
        self.put("2026-01-03-cpu-codec.json", {"machine": {"processor": "x"}, "rows": []})
        page = self.page()
        self.assertIn("abc1234", page)
        self.assertIn("bench/results/2026-01-02-h100-codec.json", page)
        self.assertNotIn("older", page)

    def test_tables(self):
        self.put("2026-01-02-h100-codec.json", RESULT)
        page = self.page()
        self.assertIn("| read ceiling | 3.20 TB/s (bulk copies, 2 GiB) |", page)
        decode = self.line(page, "| `full_decode`<br>")
        self.assertIn("80.0 us, 1.47 TB/s, 1.23x", decode)
        self.assertIn("150.0 us, 1.57 TB/s", decode)
        self.assertIn("| - |", self.line(page, "| `transcode`<br>"))
        self.assertIn("12346 us", self.line(page, "| `encode_batched`<br>"))
        self.assertIn("90.0 us", self.line(page, "| `full_decode` |"))
        self.assertIn("400.0 | 0.29 | 18.4 | 20%", self.line(page, "| 14336 x 4096 | 16 |"))

    def test_baselines(self):
        self.put("2026-01-02-h100-codec.json", RESULT)
        page = self.page()
        self.assertIn("240.0 | 0.49 | 3.69x | 3.00x |", self.line(page, "| Slow 1.0 & co"))
        self.assertIn("fast = true", page)
        self.assertIn("- Other: it is not installed", page)

    def test_pictures(self):
        self.put("2026-01-02-h100-codec.json", RESULT)
        self.page()
        for name, words in (("codec-throughput.svg", ("Huffman to palette codes", "Slow & co",
                                                      "copy ceiling 3.00", "2.44  (80.0 us)")),
                            ("codec-sms.svg", ("28672 x 4096: 1.57", "16", "132"))):
            root = xml.etree.ElementTree.parse(self.docs / name).getroot()
            texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
            for word in words:
                self.assertIn(word, texts, name)

    def test_part_of_a_run(self):
        part = {**RESULT, "rows": [row("transcode", 50.0, (1024, 4096))]}
        del part["baselines_not_run"]
        self.put("2026-01-02-h100-codec.json", part)
        self.assertIn("None were run", self.page())
        self.assertEqual([file.name for file in self.docs.iterdir()], ["codec.md"])

    def test_matmul_of_one_gpu(self):
        self.put("2026-01-02-h100-matmul.json", MATMUL_RESULT)
        self.put("2026-01-02-h200-matmul.json", MATMUL_RESULT)
        for arguments, name in (([], "h200"), (["--matmul-gpu", "h100"], "h100")):
            self.assertEqual(self.run_it(*arguments), 0)
            self.assertIn(f"2026-01-02-{name}-matmul.json", (self.docs / "matmul.md").read_text())

    def test_matmul(self):
        self.put("2026-01-02-h100-matmul.json", MATMUL_RESULT)
        self.assertEqual(self.run_it(), 0)
        self.assertEqual(sorted(file.name for file in self.docs.iterdir()),
                         ["matmul-roofline.svg", "matmul-speedup.svg", "matmul.md"])
        page = (self.docs / "matmul.md").read_text()
        # Plain: 1.2 and 0.75, geometric mean 0.95; best: 1.5 and 0.75.
        self.assertIn("| 1 | 1.50x (1.50x) | 0.95x (0.75x) | - | 1.06x (0.75x) | 2.00x (2.00x) | - |", page)
        self.assertIn("| 256 | - | 1.20x (1.20x) | 0.50x (0.50x) | 1.20x (1.20x) | - |", page)
        self.assertIn("| 4096 x 4096 | 1.20x | 1.20x |", page)
        self.assertIn("| 1 | 12.0, cublasLt #3 | 10.0 | 8.0 | - | 3.00 | 90% |", page)
        for name, words in (("matmul-speedup.svg", ("4096 x 4096", "8192 x 4096", "plain launch")),
                            ("matmul-roofline.svg", ("cuBLAS, BF16 weights", "TFLOP/s"))):
            root = xml.etree.ElementTree.parse(self.docs / name).getroot()
            texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
            for word in words:
                self.assertIn(word, texts, name)

    def test_matmul_of_other_weights(self):
        odd = {**matmul_row(9.0, path="fused dependent"), "weights": "student_t",
               "bits_per_weight": 12.4}
        self.put("2026-01-02-h100-matmul.json",
                 {**MATMUL_RESULT, "rows": [*MATMUL_RESULT["rows"], odd]})
        self.assertEqual(self.run_it(), 0)
        page = (self.docs / "matmul.md").read_text()
        self.assertIn("## Other weights", page)
        self.assertIn("| Student's t, 4 degrees of freedom | 12.40 | 1.33x |", page)
        self.assertIn("| N(0, 0.02) | 12.00 | 1.50x |", page)  # and the means are of these alone
        self.assertIn("| 1 | 1.50x (1.50x) |", page)

    def test_matmul_without_baseline(self):
        self.put("2026-01-02-h100-matmul.json",
                 {**MATMUL_RESULT, "rows": [matmul_row(10.0, baseline_us=None)]})
        self.assertEqual(self.run_it(), 0)
        self.assertIn("The run had no baseline", (self.docs / "matmul.md").read_text())
        self.assertFalse((self.docs / "matmul-speedup.svg").exists())
        self.assertTrue((self.docs / "matmul-roofline.svg").exists())

    def test_round_steps(self):
        self.assertEqual(round_steps(3.3), [0, 1, 2, 3])
        self.assertEqual([round(step, 6) for step in round_steps(0.55)],
                         [0, 0.1, 0.2, 0.3, 0.4, 0.5])
        self.assertLess(len(round_steps(4.7)), 8)


if __name__ == "__main__":
    unittest.main()
