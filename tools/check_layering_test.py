#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Proves that check_layering.py passes a good tree and catches every kind of violation."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from check_layering import Checker  # noqa: E402

LICENCE = "// SPDX-License-Identifier: BSD-3-Clause\n"
GOOD = {
    "include/unweight/a.h": LICENCE + '#include <vector>\n#include "unweight/b.h"\n',
    "include/unweight/b.h": LICENCE,
    "src/base/hash.cpp": LICENCE + "#include <xxhash.h>\n#include <fmt/format.h>\n",
    "src/codec/x_format.h": LICENCE + '#include "base/try.h"\n',
    "src/codec/x_encode.cpp": LICENCE + '#include "codec/x_format.h"\n#include "unweight/a.h"\n',
    "src/codec/x_decode.h": LICENCE + '#include "codec/x_format.h"\n',
    "src/codec/x_encode_test.cpp": LICENCE + '#include "codec/x_decode.h"\n#include "y.h"\n',
    "tests/y.h": LICENCE,
    "src/codec/CMakeLists.txt": "# SPDX-License-Identifier: BSD-3-Clause\n"
                                "unweight_room(codec SOURCES x_encode.cpp\n DEPS base layout LIBS fmt)\n",
    "src/cli/main.cpp": LICENCE + "#include <CLI/CLI.hpp>\n#include <nlohmann/json.hpp>\n",
    "src/gpu/stream.cpp": LICENCE + "#include <cuda_runtime.h>\n",
    "docs/page.md": "a/home/ and https://example.org/home/ are not absolute paths\n",
    "golden/tensor.bin": "\0/" + "home/binary",
}


class LayeringTest(unittest.TestCase):
    def problems(self, extra):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**GOOD, **extra}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text)
            return Checker(root).run()

    def assert_caught(self, name, text, *words):
        found = self.problems({name: text})
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(name + ":"), found)
        for word in words:
            self.assertIn(word, found[0])

    def test_good_tree_passes(self):
        self.assertEqual(self.problems({}), [])

    def test_build_folders_are_not_looked_at(self):
        self.assertEqual(self.problems({"build/x.cpp": "no licence"}), [])

    def test_room_on_the_right(self):
        self.assert_caught("src/base/a.cpp", LICENCE + '\n#include "codec/x_format.h"\n', ":3:", "right")

    def test_include_without_room(self):
        self.assert_caught("src/base/a.cpp", LICENCE + '#include "try.h"\n', "room/file.h")
        self.assert_caught("src/base/b.cpp", LICENCE + '#include "../base/try.h"\n', "room/file.h")

    def test_helpers_of_tests_outside_tests(self):
        self.assert_caught("src/base/a.cpp", LICENCE + '#include "y.h"\n', "room/file.h")

    def test_unknown_room(self):
        self.assert_caught("src/cellar/a.cpp", LICENCE, "unknown room")
        self.assert_caught("src/cli/a.cpp", LICENCE + '#include "cellar/a.h"\n', "no such room")

    def test_linking_a_room_on_the_right(self):
        self.assert_caught("src/base/CMakeLists.txt", "# SPDX-License-Identifier: BSD-3-Clause\n"
                           "unweight_room(base SOURCES a.cpp DEPS codec)\n", ":2:", "links codec")

    def test_encode_and_decode_meet(self):
        self.assert_caught("src/codec/y_encode.cpp", LICENCE + '#include "codec/x_decode.h"\n', "x_decode.h")
        self.assert_caught("src/codec/y_decoder.cpp", LICENCE + '#include "codec/y_encoder.h"\n', "y_encoder.h")

    def test_encode_and_decode_meet_through_a_third_header(self):
        found = self.problems({
            "src/codec/y_encode.cpp": LICENCE + '#include "codec/both.h"\n',
            "src/codec/both.h": LICENCE + '#include "codec/x_decode.h"\n'})
        self.assertEqual(len(found), 1, found)
        self.assertIn("y_encode.cpp", found[0])

    def test_third_party_headers_stay_in_their_rooms(self):
        self.assert_caught("src/base/e.h", LICENCE + "#include <fmt/format.h>\n", "fmt")
        self.assert_caught("src/codec/a.cpp", LICENCE + "#include <nlohmann/json.hpp>\n", "nlohmann")
        self.assert_caught("src/cli/f.h", LICENCE + "#include <nlohmann/json.hpp>\n", "json_fwd")
        self.assertEqual(self.problems(
            {"src/cli/f.h": LICENCE + "#include <nlohmann/json_fwd.hpp>\n"}), [])
        self.assert_caught("src/bundle/a.cpp", LICENCE + "#include <CLI/CLI.hpp>\n", "CLI11")
        self.assert_caught("src/codec/b.cpp", LICENCE + "#include <xxhash.h>\n", "xxHash")

    def test_cuda_left_of_gpu(self):
        self.assert_caught("src/codec/a.cpp", LICENCE + "#include <cuda_runtime.h>\n", "CUDA")

    def test_torch_outside_python(self):
        self.assert_caught("src/cli/a.cpp", LICENCE + "#include <torch/extension.h>\n", "torch")
        self.assertEqual(self.problems(
            {"python/ops.cpp": LICENCE + "#include <torch/extension.h>\n"}), [])

    def test_public_headers_need_nothing(self):
        self.assert_caught("include/unweight/c.h", LICENCE + "#include <fmt/core.h>\n", "public header")
        self.assert_caught("include/unweight/d.h", LICENCE + '#include "base/try.h"\n', "public header")

    def test_unique_file_names(self):
        self.assert_caught("tests/x_format.h", LICENCE, "same file name as src/codec/x_format.h")

    def test_licence_line(self):
        self.assert_caught("tools/a.py", "print()\n", "SPDX")
        self.assert_caught("Makefile", "all:\n", "SPDX")

    def test_absolute_paths(self):
        for folder in ("work", "home", "root"):
            self.assert_caught("docs/a.md", f"see /{folder}/me/file\n", "absolute path")


if __name__ == "__main__":
    unittest.main()
