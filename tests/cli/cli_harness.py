# SPDX-License-Identifier: BSD-3-Clause
"""Runs the unweight program in a temporary directory and makes small safetensors files."""
import hashlib
import json
import os
import random
import struct
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ["UNWEIGHT"]


def normal_bf16(num_weights, sigma=0.02, seed=1):
    """BF16 bytes of N(0, sigma); a short sequence repeated, Python is slow."""
    rng = random.Random(seed)
    period = min(num_weights, 1 << 15)
    piece = b"".join(struct.pack("<f", rng.gauss(0, sigma))[2:] for _ in range(period))
    return (piece * (num_weights // period + 1))[: 2 * num_weights]


def safetensors_bytes(tensors, metadata=None):
    """tensors: {name: (dtype, shape, bytes)}, stored in that order."""
    header, offset = {}, 0
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def small_model():
    return {
        "model.embed_tokens.weight": ("BF16", [512, 256], normal_bf16(512 * 256, 0.02)),
        "model.layers.0.mlp.weight": ("BF16", [256, 256], normal_bf16(256 * 256, 0.01, 2)),
        "model.layers.1.mlp.weight": ("BF16", [256, 256], normal_bf16(256 * 256, 0.03, 3)),
        "rotary": ("F32", [16], bytes(range(64))),
    }


class CliCase(unittest.TestCase):
    """self.dir is a fresh directory, the program's working directory."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="unweight-cli-")
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)

    def write_model(self, name="model.safetensors", tensors=None):
        (self.dir / name).write_bytes(safetensors_bytes(tensors or small_model()))
        return name

    def run_program(self, *arguments, code=0, **keywords):
        """code: the exit status that must come; None: any."""
        done = subprocess.run([PROGRAM, *arguments], cwd=self.dir, capture_output=True,
                              timeout=300, stdin=subprocess.DEVNULL, **keywords)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        if code is not None:
            self.assertEqual(done.returncode, code, f"{arguments}\n{done.out}\n{done.err}")
        return done

    def run_json(self, *arguments, code=0):
        """The one JSON object on stdout."""
        done = self.run_program(*arguments, "--json", code=code)
        result = json.loads(done.out)
        self.assertIsInstance(result, dict)
        self.assertEqual(result["ok"], code == 0)
        if code != 0:
            self.assertTrue(result["error"]["code"])
            self.assertTrue(result["error"]["message"])
        return result

    def listing(self):
        """Every path below self.dir with a digest of its bytes: what changed, if anything."""
        return {
            str(path.relative_to(self.dir)):
                hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "directory"
            for path in sorted(self.dir.rglob("*"))
        }
