# SPDX-License-Identifier: BSD-3-Clause
"""--device, on machines with and without a GPU, built with and without CUDA."""
import unittest

from cli_harness import CliCase, normal_bf16


class Devices(CliCase):
    def test_cpu_and_auto_for_a_small_model(self):
        self.write_model()
        for flags in ([], ["--device", "auto"], ["--device=cpu"]):
            result = self.run_json("compress", "model.safetensors", "b", "-f", *flags)
            self.assertEqual(result["device"], "cpu")
            self.assertEqual(self.run_json("verify", "b", "model.safetensors", *flags)["device"], "cpu")
            self.assertEqual(self.run_json("decompress", "b", "back", "-f", *flags)["device"], "cpu")
        self.assertEqual(self.run_json("-t", "b")["device"], "cpu")

    def test_verbose_says_the_device(self):
        self.write_model()
        for arguments in (["compress", "model.safetensors", "b"], ["verify", "b"],
                          ["decompress", "b", "back"]):
            self.assertNotIn("device", self.run_program(*arguments).err)
            self.assertIn("unweight: device: cpu\n", self.run_program(*arguments, "-v", *(
                [] if arguments[0] == "verify" else ["-f"])).err)

    def test_cuda_gives_the_same_bytes_or_says_why_not(self):
        self.write_model(tensors={
            "large": ("BF16", [2300, 1024], normal_bf16(2300 * 1024)),  # 4.5 MiB: worth an engine
            "small": ("BF16", [64, 64], normal_bf16(4096))})
        self.run_program("compress", "model.safetensors", "cpu")
        done = self.run_program("compress", "model.safetensors", "gpu", "--device", "cuda", code=None)
        if done.returncode == 2:
            self.assertRegex(done.err, r"^unweight: error: cuda:0: .+\n$")
            for arguments in (["compress", "model.safetensors", "gpu"], ["verify", "cpu"],
                              ["decompress", "cpu", "gpu"]):
                result = self.run_json(*arguments, "--device", "cuda:0", code=2)
                self.assertEqual(result["error"]["code"], "unsupported")
            self.assertEqual(set(self.listing()), {"model.safetensors", "cpu"})
            return
        self.assertEqual(done.returncode, 0, done.err)
        files = {path.name: path.read_bytes() for path in self.dir.iterdir()}
        self.assertEqual(files["gpu"], files["cpu"])
        result = self.run_json("verify", "gpu", "model.safetensors", "--device", "cuda")
        self.assertEqual(result["device"], "cuda:0")
        result = self.run_json("decompress", "gpu", "back", "--device", "cuda:0")
        self.assertEqual(result["device"], "cuda:0")
        self.assertEqual((self.dir / "back").read_bytes(), files["model.safetensors"])

    def test_a_gpu_that_is_not_there(self):
        self.write_model()
        result = self.run_json("compress", "model.safetensors", "b", "--device", "cuda:1000", code=2)
        self.assertEqual(result["error"]["code"], "unsupported")
        self.assertIn("cuda:1000", result["error"]["message"])
        self.assertEqual(set(self.listing()), {"model.safetensors"})


if __name__ == "__main__":
    unittest.main()
