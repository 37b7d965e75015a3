# SPDX-License-Identifier: BSD-3-Clause
"""compress, verify and decompress of files and directories, and what they refuse."""
import json
import unittest

from cli_harness import CliCase, normal_bf16, safetensors_bytes, small_model


class RoundTrip(CliCase):
    def test_file_comes_back(self):
        self.write_model()
        before = (self.dir / "model.safetensors").read_bytes()
        for family in ("auto", "raw", "palette", "huffman", "radix"):
            self.run_program("compress", "model.safetensors", "b", "--family", family, "-f")
            self.run_program("verify", "b", "model.safetensors")
            self.run_program("decompress", "b", "back", "-f")
            self.assertEqual((self.dir / "back").read_bytes(), before)
        self.assertEqual((self.dir / "model.safetensors").read_bytes(), before)

    def test_directory_comes_back(self):
        model = self.dir / "model"
        model.mkdir()
        tensors = small_model()
        names = list(tensors)
        files = {"model-00001-of-00002.safetensors": names[:2],
                 "model-00002-of-00002.safetensors": names[2:]}
        for file, part in files.items():
            (model / file).write_bytes(safetensors_bytes({n: tensors[n] for n in part}))
        index = {"metadata": {}, "weight_map": {n: f for f, part in files.items() for n in part}}
        (model / "model.safetensors.index.json").write_text(json.dumps(index))
        (model / "config.json").write_text('{"hidden_size": 256}')
        (model / "tokenizer.json").write_text("{}")
        before = {k[6:]: v for k, v in self.listing().items() if k.startswith("model/")}
        self.run_program("compress", "model", "bundle")
        self.run_program("verify", "bundle", "model")
        self.run_program("-t", "bundle")
        self.run_program("decompress", "bundle", "back")
        after = {k[5:]: v for k, v in self.listing().items() if k.startswith("back/")}
        self.assertEqual(after, before)

    def test_unicode_everywhere(self):
        tensors = {"層.0.重み": ("BF16", [64, 64], normal_bf16(4096)),
                   "größe 🧠": ("BF16", [64, 64], normal_bf16(4096)), "": ("F32", [], bytes(4))}
        self.write_model("модель ü.safetensors", tensors)
        self.run_program("compress", "модель ü.safetensors", "пакет")
        self.run_program("decompress", "пакет", "zurück")
        self.assertEqual((self.dir / "zurück").read_bytes(), safetensors_bytes(tensors))
        names = [t["name"] for t in self.run_json("list", "пакет")["tensors"]]
        self.assertEqual(sorted(names), sorted(tensors))


class Reports(CliCase):
    def test_messages_on_stderr_nothing_on_stdout(self):
        self.write_model()
        for arguments in (["compress", "model.safetensors", "b"], ["verify", "b"],
                          ["verify", "b", "model.safetensors"], ["decompress", "b", "back"]):
            done = self.run_program(*arguments)
            self.assertEqual(done.out, "")
            self.assertRegex(done.err, r"^unweight: .*\n$")
            self.assertNotIn("\x1b", done.err)

    def test_quiet_says_nothing(self):
        self.write_model()
        for arguments in (["compress", "model.safetensors", "b", "-q"], ["verify", "b", "-q"],
                          ["decompress", "b", "back", "--quiet"]):
            done = self.run_program(*arguments)
            self.assertEqual((done.out, done.err), ("", ""))
        self.assertNotEqual(self.run_program("compress", "model.safetensors", "b", "-q", code=2).err, "")

    def test_verbose_names_tensors(self):
        self.write_model()
        err = self.run_program("compress", "model.safetensors", "b", "-v").err
        for name in small_model():
            self.assertIn(name, err)

    def test_compress_json(self):
        self.write_model()
        result = self.run_json("compress", "model.safetensors", "b")
        original = (self.dir / "model.safetensors").stat().st_size
        stored = (self.dir / "b").stat().st_size
        self.assertEqual(result["original_bytes"], original)
        self.assertEqual(result["stored_bytes"], stored)
        self.assertAlmostEqual(result["compression_ratio"], original / stored)
        self.assertTrue(10 < result["bits_per_weight"] < 12)
        self.assertEqual([t["name"] for t in result["tensors"]], list(small_model()))
        self.assertEqual(result["tensors"][3]["family"], "raw")
        self.assertEqual(result["tensors"][3]["reason"], "not BF16")
        self.assertEqual(result["num_packed"], 3)
        self.assertFalse(result["dry_run"])

    def test_decompress_and_verify_json(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        verified = self.run_json("verify", "b", "model.safetensors")
        self.assertTrue(verified["compared_with_original"])
        self.assertEqual(verified["problems"], [])
        self.assertEqual((verified["num_tensors"], verified["num_packed"]), (4, 3))
        self.assertFalse(self.run_json("verify", "b")["compared_with_original"])
        restored = self.run_json("decompress", "b", "back")
        self.assertEqual(restored["original_bytes"], (self.dir / "back").stat().st_size)


class Choices(CliCase):
    def families(self, *options):
        result = self.run_json("compress", "model.safetensors", "b", "--dry-run", *options)
        return {t["name"]: t["family"] for t in result["tensors"]}

    def packed(self, *options):
        return sum(family != "raw" for family in self.families(*options).values())

    def test_include_and_exclude(self):
        self.write_model()
        self.assertEqual(self.packed(), 3)
        self.assertEqual(self.packed("--include", "*layers*"), 2)
        self.assertEqual(self.packed("--exclude", "*layers*"), 1)
        self.assertEqual(self.packed("--include", "*.0.*", "--include", "*.1.*"), 2)
        self.assertEqual(self.packed("--include", "*layers*", "--exclude", "*.1.*"), 1)
        self.assertEqual(self.packed("--include", "*.[01].*"), 2)  # not a list of "0" and "1"
        self.assertEqual(self.packed("--include", "[rm]*[st]"), 3)
        self.assertEqual(self.packed("--include", "nothing"), 0)

    def test_patterns_do_not_swallow_paths(self):
        self.write_model()
        self.run_program("compress", "--include", "*", "model.safetensors", "b")
        self.run_program("verify", "b", "model.safetensors")

    def test_family(self):
        self.write_model()
        self.assertEqual(self.packed("--family", "raw"), 0)
        self.assertIn("palette", self.families("--family", "palette").values())
        self.assertNotIn("huffman", self.families("--family", "palette").values())

    def test_radix_by_request_only(self):
        self.write_model()
        self.assertNotIn("radix", self.families().values())
        self.run_program("compress", "model.safetensors", "b", "--family", "radix")
        tensors = {t["name"]: t for t in self.run_json("inspect", "b")["tensors"]}
        packed = [t for t in tensors.values() if t["family"] == "radix"]
        self.assertTrue(packed)
        for tensor in packed:
            self.assertEqual(tensor["stored_bytes"], tensor["analysis"]["radix_bytes"])
            self.assertGreater(tensor["analysis"]["radix_bits_per_weight"], 11.5)
        self.assertIn("radix", self.run_program("list", "b").out)
        self.assertIn("RADIX b/w", self.run_program("inspect", "b").out)


class Refusals(CliCase):
    def test_destination_is_kept_without_force(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        (self.dir / "precious").write_text("mine")
        before = self.listing()
        for arguments in (["compress", "model.safetensors", "precious"], ["decompress", "b", "precious"],
                          ["decompress", "b", "model.safetensors"],
                          ["inspect", "b", "--html", "precious"]):
            result = self.run_json(*arguments, code=2)
            self.assertEqual(result["error"]["code"], "already_exists")
        self.assertIn("-f", self.run_program("compress", "model.safetensors", "precious", code=2).err)
        self.assertEqual(self.listing(), before)
        self.run_program("decompress", "b", "precious", "--force")
        self.assertEqual(self.listing()["precious"], before["model.safetensors"])

    def test_dry_run_writes_nothing(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        before = self.listing()
        dry = self.run_json("compress", "model.safetensors", "new", "--dry-run")
        self.assertTrue(dry["dry_run"])
        wet = (self.dir / "b").stat().st_size
        self.assertLess(abs(dry["stored_bytes"] - wet), 0.02 * wet)
        self.assertTrue(self.run_json("decompress", "b", "new", "--dry-run")["dry_run"])
        self.assertEqual(self.listing(), before)

    def test_verify_finds_every_kind_of_difference(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        good = (self.dir / "b").read_bytes()
        other = small_model()
        name = "model.layers.1.mlp.weight"
        dtype, shape, data = other[name]
        other[name] = (dtype, shape, data[:-1] + bytes([data[-1] ^ 1]))
        self.write_model("other.safetensors", other)
        done = self.run_program("verify", "b", "other.safetensors", code=1)
        self.assertEqual(done.out, "")
        self.assertIn(name, done.err)
        result = self.run_json("test", "b", "other.safetensors", code=1)
        self.assertEqual(result["error"]["code"], "mismatch")
        self.assertTrue(result["problems"])
        for place in (len(good) // 3, len(good) // 2, len(good) - 200):
            bad = bytearray(good)
            bad[place] ^= 0x10
            (self.dir / "bad").write_bytes(bad)
            self.run_program("verify", "bad", code=1)
            self.run_program("-t", "bad", "-q", code=1)
            self.run_program("decompress", "bad", "back", code=2)
        self.assertNotIn("back", self.listing())


if __name__ == "__main__":
    unittest.main()
