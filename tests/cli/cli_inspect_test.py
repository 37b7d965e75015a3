# SPDX-License-Identifier: BSD-3-Clause
"""inspect and list: table, JSON and the HTML report."""
import math
import re
import unittest
from html.parser import HTMLParser

from cli_harness import CliCase, normal_bf16, small_model


class Table(CliCase):
    def test_lists_every_tensor_with_its_numbers(self):
        self.write_model()
        done = self.run_program("inspect", "model.safetensors")
        self.assertEqual(done.err, "")
        for name in small_model():
            self.assertIn(name, done.out)
        row = next(line for line in done.out.splitlines() if line.startswith("model.layers.0"))
        self.assertRegex(row, r"BF16 +256x256 +2\.\d{3} +(run \d+\.\.\d+|[\d., ]+) +[\d.]+ % +\d+ +16\.00")
        self.assertIn("(estimate)", done.out)
        self.assertFalse(any(line.endswith(" ") for line in done.out.splitlines()))

    def test_list_reads_headers_only(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        for path in ("model.safetensors", "b"):
            first = self.run_program("list", path).out
            self.assertEqual(first, self.run_program("-l", path).out)
            self.assertNotIn("H(EXP)", first)
        self.assertIn("STORED", self.run_program("list", "b").out)
        self.assertNotIn("STORED", self.run_program("list", "model.safetensors").out)

    def test_sort_and_limit(self):
        self.write_model()
        def names(*options):
            out = self.run_program("inspect", "model.safetensors", *options).out
            return [line.split()[0] for line in out.split("\n\n")[0].splitlines()[1:]]
        self.assertEqual(names(), list(small_model()))
        self.assertEqual(names("--sort", "name"), sorted(small_model()))
        self.assertEqual(names("--sort", "size")[0], "model.embed_tokens.weight")
        self.assertEqual(names("--sort", "entropy")[-1], "rotary")
        self.assertEqual(names("--limit", "2"), list(small_model())[:2] + ["..."])

    def test_filter(self):
        self.write_model()
        result = self.run_json("inspect", "model.safetensors", "--include", "*layers*")
        self.assertEqual(len([t for t in result["tensors"] if "analysis" in t]), 2)


class Json(CliCase):
    def test_statistics_are_right(self):
        self.write_model()
        original = {t["name"]: t for t in self.run_json("inspect", "model.safetensors")["tensors"]}
        self.run_program("compress", "model.safetensors", "b")
        packed = {t["name"]: t for t in self.run_json("inspect", "b")["tensors"]}
        for name, (dtype, shape, data) in small_model().items():
            if dtype != "BF16":
                self.assertNotIn("analysis", original[name])
                continue
            counts = {}
            for high, low in zip(data[1::2], data[0::2]):
                exponent = str((high << 1 | low >> 7) & 255)
                counts[exponent] = counts.get(exponent, 0) + 1
            entropy = -sum(c / (len(data) // 2) * math.log2(c / (len(data) // 2)) for c in counts.values())
            for tensors in (original, packed):
                analysis = tensors[name]["analysis"]
                self.assertEqual(analysis["exponent_count"], counts)
                self.assertAlmostEqual(analysis["exponent_entropy_bits"], entropy, places=9)
                self.assertEqual(len(analysis["palette"]), 16)
            self.assertLess(abs(original[name]["stored_bytes"] / packed[name]["stored_bytes"] - 1), 0.01)

    def test_totals(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        result = self.run_json("inspect", "b")
        self.assertTrue(result["is_bundle"])
        self.assertEqual(result["stored_bytes"], (self.dir / "b").stat().st_size)
        self.assertEqual(result["original_bytes"], (self.dir / "model.safetensors").stat().st_size)
        self.assertGreater(result["bits_per_weight"], result["entropy_floor_bits_per_weight"])


class Page(HTMLParser):
    """Collects what could load something or run, and the table's names."""
    VOID = {"meta", "input", "br", "rect", "line", "path", "circle"}

    def __init__(self, text):
        super().__init__()
        self.stack, self.problems, self.scripts, self.names = [], [], 0, []
        self.feed(text)
        self.close()
        if self.stack:
            self.problems.append(f"not closed: {self.stack}")

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("src", "href", "xlink:href", "action", "data") or name.startswith("on"):
                self.problems.append(f"<{tag} {name}={value}>")
        self.scripts += tag == "script"
        if tag in ("link", "iframe", "img", "object", "embed", "base", "form"):
            self.problems.append(f"<{tag}>")
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.stack.pop()

    def handle_endtag(self, tag):
        if not self.stack or self.stack.pop() != tag:
            self.problems.append(f"</{tag}> out of place")

    def handle_data(self, data):
        if self.stack and self.stack[-1] == "bdi" and "td" in self.stack:
            self.names.append(data)


class Html(CliCase):
    HOSTILE = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onload='x",
               "</script></style></svg>", "&lt;b&gt;", "{{7*7}} `${1}`", "layers.0.<b>", "layers.1.<b>",
               "重み.größe"]

    def page(self, tensors, *arguments):
        self.write_model("m.safetensors", tensors)
        self.run_program("inspect", "m.safetensors", "--html", "r.html", *arguments)
        text = (self.dir / "r.html").read_text(encoding="utf-8")
        return text, Page(text)

    def test_self_contained_and_well_formed(self):
        text, page = self.page(small_model())
        self.assertEqual(page.problems, [])
        self.assertEqual(page.scripts, 1)
        self.assertEqual(page.names, list(small_model()))
        self.assertIsNone(re.search(r"https?://|url\(|@import", text))
        self.assertIn("prefers-color-scheme:dark", text)

    def test_hostile_names_stay_text(self):
        tensors = {name: ("BF16", [64, 64], normal_bf16(4096)) for name in self.HOSTILE}
        text, page = self.page(tensors)
        self.assertEqual(page.problems, [])
        self.assertEqual(page.scripts, 1)
        self.assertEqual(page.names, self.HOSTILE)
        self.assertNotIn("<script>alert", text)

    def test_odd_models(self):
        for tensors in ({"x": ("F32", [4], bytes(16))}, {"x": ("BF16", [0, 7], b"")},
                        {"x": ("BF16", [], b"\x80\x3f")}, {"x": ("BF16", [64, 64], bytes(8192))},
                        {"x": ("BF16", [256, 256], bytes(range(256)) * 512)}):
            text, page = self.page(tensors, "-f")
            self.assertEqual(page.problems, [])
            self.assertIsNone(re.search(r'"-?(nan|inf)|>-?nan', text))

    def test_html_with_json_and_quiet(self):
        self.write_model()
        result = self.run_json("inspect", "model.safetensors", "--html", "r.html", "-q")
        self.assertEqual(result["html"], "r.html")
        self.assertIn("</html>", (self.dir / "r.html").read_text())

    def test_unwritable_target(self):
        self.write_model()
        before = self.listing()
        self.run_json("inspect", "model.safetensors", "--html", "no/such/dir/r.html", code=2)
        self.assertEqual(self.listing(), before)


if __name__ == "__main__":
    unittest.main()
