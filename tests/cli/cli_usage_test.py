# SPDX-License-Identifier: BSD-3-Clause
"""Command line manners: help, exit codes, where output goes."""
import json
import os
import subprocess
import unittest

from cli_harness import PROGRAM, CliCase

COMMANDS = ["compress", "decompress", "verify", "test", "inspect", "list", "version"]


class Help(CliCase):
    def test_help_goes_to_stdout_and_names_every_command(self):
        done = self.run_program("--help")
        self.assertEqual(done.err, "")
        for command in COMMANDS:
            self.assertIn(command, done.out)
        for word in ("Examples:", "Exit status:", "--json", "-t", "-l"):
            self.assertIn(word, done.out)

    def test_every_command_explains_itself(self):
        for command in COMMANDS:
            for flag in ("--help", "-h"):
                done = self.run_program(command, flag)
                self.assertIn("Usage:", done.out)
                self.assertIn("--threads", done.out)
                self.assertEqual(done.err, "")

    def test_options_of_compress(self):
        out = self.run_program("compress", "--help").out
        for option in ("--force", "--dry-run", "--family", "--include", "--exclude", "--no-resume",
                       "--no-self-check", "--no-progress", "--quiet", "--json"):
            self.assertIn(option, out)

    def test_device_is_an_option_where_tensors_are_coded(self):
        for command in COMMANDS:
            out = self.run_program(command, "--help").out
            self.assertEqual("--device" in out, command in ("compress", "decompress", "verify", "test"))

    def test_version(self):
        for arguments in (["--version"], ["-V"], ["version"]):
            self.assertRegex(self.run_program(*arguments).out,
                             r"^unweight \d+\.\d+\.\d+ \((avx512|avx2|portable)\)\n$")
        result = self.run_json("version")
        self.assertRegex(result["version"], r"^\d+\.\d+\.\d+$")

    def test_instruction_set_can_be_lowered(self):
        done = self.run_program("version", env=dict(os.environ, UNWEIGHT_ISA="portable"))
        self.assertIn("(portable)", done.out)


class WrongUsage(CliCase):
    CASES = [
        [], ["bogus"], ["compress"], ["compress", "a"], ["compress", "a", "b", "c"],
        ["compress", "a", "b", "--family", "zip"], ["compress", "a", "b", "--no-such-option"],
        ["compress", "a", "b", "-T", "many"], ["compress", "a", "b", "-T", "-1"],
        ["inspect", "a", "--sort", "colour"], ["inspect", "a", "--limit", "x"],
        ["verify"], ["-t"], ["-t", "a", "-l", "b"], ["-l", "a", "version"],
        ["decompress", "a", "b", "--include", "x"],
        ["compress", "a", "b", "--device", "gpu"], ["decompress", "a", "b", "--device", "cuda:x"],
        ["verify", "a", "--device"], ["inspect", "a", "--device", "cpu"],
    ]

    def test_exit_code_2_and_only_stderr(self):
        for arguments in self.CASES:
            done = self.run_program(*arguments, code=2)
            self.assertEqual(done.out, "", arguments)
            self.assertIn("unweight: error: ", done.err, arguments)
        self.assertEqual(self.listing(), {})

    def test_json_tells_usage(self):
        for arguments in self.CASES:
            if arguments == ["-t"]:
                continue  # takes the next word, whatever it is
            result = self.run_json(*arguments, code=2)
            self.assertEqual(result["error"]["code"], "usage", arguments)


class Errors(CliCase):
    def test_missing_files(self):
        for arguments in (["compress", "none", "out"], ["decompress", "none", "out"],
                          ["verify", "none"], ["inspect", "none"], ["list", "none"],
                          ["-t", "none"], ["-l", "none"]):
            self.assertEqual(self.run_json(*arguments, code=2)["error"]["code"], "not_found")
        self.assertEqual(self.listing(), {})

    def test_not_what_it_claims_to_be(self):
        (self.dir / "text").write_bytes(b"certainly no tensors in here\n" * 99)
        self.write_model()
        for arguments in (["compress", "text", "out"], ["inspect", "text"], ["decompress", "text", "out"],
                          ["decompress", "model.safetensors", "out"]):
            self.run_json(*arguments, code=2)
        self.assertEqual(set(self.listing()), {"text", "model.safetensors"})

    def test_bad_pattern(self):
        self.write_model()
        result = self.run_json("compress", "model.safetensors", "out", "--include", "[a", code=2)
        self.assertEqual(result["error"]["code"], "invalid_argument")

    def test_names_cannot_steer_the_terminal(self):
        done = self.run_program("inspect", "evil\x1b[2J\r\nname", code=2)
        self.assertNotIn("\x1b", done.err)
        self.assertEqual(done.err.count("\n"), 1)

    def test_full_disk_behind_stdout(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        self.assertIn(b"standard output", done.stderr)

    def test_reader_of_stdout_went_away(self):
        self.write_model()
        read_end, write_end = os.pipe()
        os.close(read_end)
        done = subprocess.run([PROGRAM, "inspect", "model.safetensors"], cwd=self.dir,
                              stdout=write_end, stderr=subprocess.PIPE)
        os.close(write_end)
        self.assertEqual(done.returncode, 141)
        self.assertEqual(done.stderr, b"")


class Placement(CliCase):
    def test_common_options_before_and_behind_the_command(self):
        self.write_model()
        for arguments in (["--json", "list", "model.safetensors"], ["list", "--json", "model.safetensors"],
                          ["list", "model.safetensors", "--json"], ["-l", "model.safetensors", "--json"],
                          ["--json", "-l", "model.safetensors"]):
            self.assertEqual(json.loads(self.run_program(*arguments).out)["num_tensors"], 4)

    def test_thread_counts(self):
        self.write_model()
        for threads in (["-T0"], ["-T", "1"], ["--threads=3"], ["--threads", "64"]):
            done = self.run_program("compress", "model.safetensors", "out", "-f", *threads)
            self.assertEqual(done.out, "")

    def test_double_dash_ends_options(self):
        self.write_model("-q")
        self.run_program("list", "--", "-q")


if __name__ == "__main__":
    unittest.main()
