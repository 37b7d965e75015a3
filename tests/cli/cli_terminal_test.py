# SPDX-License-Identifier: BSD-3-Clause
"""Behaviour under a terminal (progress) and under signals (nothing half-written)."""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from cli_harness import PROGRAM, CliCase, normal_bf16, safetensors_bytes

COLUMNS = 72
# Long enough that one thread cannot finish before a signal arrives.
BIG_WEIGHTS = 96 << 20


class Terminal(CliCase):
    def start(self, *arguments, term="xterm"):
        """Starts the program with stderr (only) on a terminal of COLUMNS columns."""
        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
        process = subprocess.Popen([PROGRAM, *arguments], cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=terminal,
                                   env=dict(os.environ, TERM=term))
        os.close(terminal)
        self.addCleanup(os.close, controller)
        self.addCleanup(process.stdout.close)
        return process, controller

    @staticmethod
    def read_all(controller):
        text = b""
        while True:
            try:
                piece = os.read(controller, 65536)
            except OSError:  # EIO: the other end was closed
                return text.decode()
            if not piece:
                return text.decode()
            text += piece

    def on_terminal(self, *arguments, code=0, term="xterm"):
        process, controller = self.start(*arguments, term=term)
        text = self.read_all(controller)
        self.assertEqual(process.stdout.read(), b"")
        self.assertEqual(process.wait(60), code, text)
        return text

    def test_progress_is_drawn_and_erased(self):
        self.write_model()
        text = self.on_terminal("compress", "model.safetensors", "b")
        frames = [f for f in text.split("\r\x1b[2K") if f]
        self.assertGreaterEqual(len(frames), 2, text)
        self.assertRegex(frames[0], r"^compress .*\d+ %")
        for frame in frames[:-1]:
            self.assertNotRegex(frame, r"[\r\n\x1b]")
            self.assertLess(len(frame), COLUMNS)
        # What stays on the screen is the summary and nothing else.
        self.assertRegex(frames[-1], r"^unweight: model\.safetensors: [^\r\n]*\r\n$")

    def test_no_progress_where_it_was_not_wanted(self):
        self.write_model()
        for arguments, term in ((["--no-progress"], "xterm"), (["-q"], "xterm"), ([], "dumb")):
            text = self.on_terminal("compress", "model.safetensors", "b", "-f", *arguments, term=term)
            self.assertNotIn("\x1b", text)
            self.assertNotIn("%", text)

    def test_error_after_progress_starts_on_its_own_line(self):
        self.write_model()
        self.run_program("compress", "model.safetensors", "b")
        bad = bytearray((self.dir / "b").read_bytes())
        bad[len(bad) // 2] ^= 1
        (self.dir / "b").write_bytes(bad)
        text = self.on_terminal("verify", "b", code=1)
        self.assertRegex(text, r"(^|\x1b\[2K)unweight: error: ")


class Interrupted(Terminal):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory(prefix="unweight-cli-")
        cls.addClassCleanup(temporary.cleanup)
        cls.big = Path(temporary.name) / "big.safetensors"
        shape = [BIG_WEIGHTS >> 10, 1 << 10]
        cls.big.write_bytes(safetensors_bytes({"w": ("BF16", shape, normal_bf16(BIG_WEIGHTS))}))

    def setUp(self):
        super().setUp()
        os.link(self.big, self.dir / "big.safetensors")

    def interrupt(self, number, *arguments):
        """Sends a signal once the program reports progress; returns exit code and messages."""
        process, controller = self.start(*arguments, "-T1")
        ready, _, _ = select.select([controller], [], [], 60)
        self.assertTrue(ready, "no progress was drawn")
        first = os.read(controller, 65536)
        process.send_signal(number)
        text = first.decode() + self.read_all(controller)
        return process.wait(60), text, process.stdout.read()

    def test_compress_leaves_nothing(self):
        before = self.listing()
        for number in (signal.SIGINT, signal.SIGTERM):
            code, text, _ = self.interrupt(number, "compress", "big.safetensors", "b")
            self.assertEqual(code, 130, text)
            self.assertRegex(text, r"\x1b\[2Kunweight: error: [^\r\n]*\r\n$")
        self.assertEqual(self.listing(), before)

    def test_json_says_cancelled(self):
        code, _, out = self.interrupt(signal.SIGINT, "compress", "big.safetensors", "b", "--json")
        self.assertEqual(code, 130)
        self.assertRegex(out, rb'"code": ?"cancelled"')

    def test_force_keeps_the_old_destination(self):
        (self.dir / "b").write_text("old")
        code, text, _ = self.interrupt(signal.SIGINT, "compress", "-f", "big.safetensors", "b")
        self.assertEqual(code, 130, text)
        self.assertEqual((self.dir / "b").read_text(), "old")
        self.assertEqual(set(self.listing()), {"b", "big.safetensors"})

    def test_decompress_verify_and_inspect(self):
        self.run_program("compress", "big.safetensors", "b", "--no-self-check")
        before = self.listing()
        for arguments in (["decompress", "b", "back"], ["verify", "b", "big.safetensors"],
                          ["inspect", "big.safetensors", "--html", "r.html"]):
            code, text, _ = self.interrupt(signal.SIGINT, *arguments)
            self.assertEqual(code, 130, (arguments, text))
        self.assertEqual(self.listing(), before)

    def test_signals_ignored_by_the_parent_stay_ignored(self):
        process = subprocess.Popen([PROGRAM, "compress", "big.safetensors", "b", "-T1", "-q"],
                                   cwd=self.dir, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
        time.sleep(0.1)
        process.send_signal(signal.SIGHUP)
        self.assertEqual(process.wait(120), 0)


if __name__ == "__main__":
    unittest.main()
