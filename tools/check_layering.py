#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Holds the tree to the house rules that a compiler does not check (docs/architecture.md).

    tools/check_layering.py [ROOT]      prints "file:line: what is wrong", exits 1 if anything is

Rules: a room includes and links only rooms on its left; encode and decode of a codec never meet;
third-party headers stay in the rooms that own them; public headers need nothing but the standard
library; no CUDA left of gpu, no torch outside python/; code files have unique names and a licence
line; no file names an absolute path of somebody's machine.
"""

import re
import subprocess
import sys
from pathlib import Path, PurePosixPath

# Data flows from left to right. gpu .. model are the next milestone.
ROOMS = ("base", "layout", "safetensors", "analysis", "codec", "packed", "cpumatmul", "bundle",
         "capi", "gpu", "kernels", "matmul", "load", "gpucapi", "runtime", "model", "cli")
CUDA_ROOMS = ROOMS[ROOMS.index("gpu"):ROOMS.index("cli")]

CODE_SUFFIXES = {".h", ".hpp", ".c", ".cpp", ".cu", ".cuh", ".py", ".sh", ".cmake"}
INCLUDING_SUFFIXES = {".h", ".hpp", ".c", ".cpp", ".cu", ".cuh", ".in"}
LICENSED_NAMES = {"CMakeLists.txt", "Makefile", "run"}
REPEATED_NAMES = {"CMakeLists.txt", "__init__.py"}
IGNORED_FOLDERS = {".git", "build", "out", ".venv", "__pycache__"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
ROOM_CALL = re.compile(r"unweight_room\s*\(\s*(\w+)([^)]*)\)", re.S)
ABSOLUTE_PATH = re.compile(r"(?<![\w.\-/])/(?:work|home|root|Users)/")
CUDA_HEADER = re.compile(r"^(cuda|cublas|cutlass|cute/|nv/|cub/|thrust/|mma\.h|nccl)")
TORCH_HEADER = re.compile(r"^(torch|ATen|c10|pybind11|nanobind)/")


def third_party_problem(header, path, room):
    """What forbids this third-party header in this file, or None."""
    is_source = path.suffix == ".cpp"
    if header.startswith("fmt/") and not is_source:
        return "fmt only in .cpp files"
    if header.startswith("nlohmann/") and room not in ("safetensors", "bundle", "cli"):
        return "nlohmann/json only in safetensors, bundle and cli"
    if header == "nlohmann/json.hpp" and not is_source:
        return "the whole of nlohmann/json only in .cpp files; json_fwd.hpp declares it"
    if header.startswith("CLI/") and room != "cli":
        return "CLI11 only in cli"
    if header.startswith("xxh") and not (room == "base" and path.name.startswith("hash")):
        return "xxHash only in base/hash*"
    if CUDA_HEADER.match(header) and room not in CUDA_ROOMS:
        return "CUDA headers only in " + ", ".join(CUDA_ROOMS)
    return None


def tree_files(root):
    """Every file that is, or could be, committed; relative to root."""
    if (root / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True).stdout.decode()
        files = [Path(name) for name in listing.split("\0") if name]
    else:
        files = [p.relative_to(root) for p in root.rglob("*")]
        files = [p for p in files if not IGNORED_FOLDERS & set(p.parts)]
    return sorted(p for p in files if (root / p).is_file())


def includes_of(text):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1) == '"', match.group(2)


def room_of(path):
    return path.parts[1] if len(path.parts) > 2 and path.parts[0] == "src" else None


def is_test(path):
    """Tests, what only tests use (x_test_support.h), benchmarks and fuzzers."""
    return "_test" in path.stem or path.stem.endswith(("_bench", "_fuzz"))


class Checker:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.files = tree_files(root)
        self.text = {}
        for path in self.files:
            data = (root / path).read_bytes()
            if b"\0" not in data[:8192]:
                self.text[path] = data.decode("utf-8", errors="replace")

    def problem(self, path, line, what):
        self.problems.append(f"{path}:{line}: {what}")

    def check_room_includes(self, path, room):
        if room not in ROOMS:
            self.problem(path, 1, f"unknown room '{room}': add it to ROOMS in its place")
            return
        for line, quoted, header in includes_of(self.text[path]):
            why = third_party_problem(header, path, room)
            if why:
                self.problem(path, line, f"includes {header}: {why}")
            if not quoted:
                continue
            target = PurePosixPath(header).parts[0]
            if is_test(path) and Path("tests") / header in self.text:
                continue
            if "/" not in header or target == "..":
                self.problem(path, line, f'includes "{header}": write "room/file.h"')
            elif target in ROOMS and ROOMS.index(target) > ROOMS.index(room):
                self.problem(path, line, f"{room} includes {header}: {target} is on its right")
            elif target not in ROOMS and target != "unweight":
                self.problem(path, line, f'includes "{header}": no such room')

    def check_public_header(self, path):
        for line, quoted, header in includes_of(self.text[path]):
            own = quoted and header.startswith("unweight/")
            standard = not quoted and "/" not in header and not CUDA_HEADER.match(header)
            if not (own or standard):
                self.problem(path, line, f"public header includes {header}: only the standard library")

    def codec_closure(self, path):
        """Everything in src/codec that this file includes, directly or not."""
        seen, queue = set(), [path]
        while queue:
            for _, quoted, header in includes_of(self.text.get(queue.pop(), "")):
                target = Path("src") / header
                if quoted and header.startswith("codec/") and target not in seen:
                    seen.add(target)
                    queue.append(target)
        return seen

    def check_codec_sides(self, path):
        if is_test(path):
            return
        for mine, other in (("encod", "decod"), ("decod", "encod")):
            if mine in path.stem and other not in path.stem:
                for target in sorted(self.codec_closure(path)):
                    if other in target.stem:
                        self.problem(path, 1, f"reaches {target}: encode and decode share only formats")

    def check_room_links(self, path):
        for match in ROOM_CALL.finditer(self.text[path]):
            room, arguments = match.group(1), match.group(2).split()
            line = self.text[path].count("\n", 0, match.start()) + 1
            if room not in ROOMS:
                self.problem(path, line, f"unknown room '{room}'")
                continue
            section = None
            for word in arguments:
                if word in ("SOURCES", "DEPS", "LIBS"):
                    section = word
                elif section == "DEPS" and (
                        word not in ROOMS or ROOMS.index(word) >= ROOMS.index(room)):
                    self.problem(path, line, f"{room} links {word}, which is not on its left")

    def check_unique_names(self):
        first = {}
        for path in self.files:
            if path.suffix not in CODE_SUFFIXES or path.name in REPEATED_NAMES:
                continue
            if path.name in first:
                self.problem(path, 1, f"same file name as {first[path.name]}")
            first.setdefault(path.name, path)

    def check_text(self, path):
        text = self.text[path]
        licensed = path.suffix in CODE_SUFFIXES or path.name in LICENSED_NAMES
        if licensed and "SPDX-License-Identifier: BSD-3-Clause" not in "\n".join(text.split("\n")[:3]):
            self.problem(path, 1, "no 'SPDX-License-Identifier: BSD-3-Clause' line at the top")
        for line, content in enumerate(text.splitlines(), 1):
            if ABSOLUTE_PATH.search(content):
                self.problem(path, line, "absolute path of one machine")
        if path.parts[0] != "python" and path.suffix in INCLUDING_SUFFIXES:
            for line, _, header in includes_of(text):
                if TORCH_HEADER.match(header):
                    self.problem(path, line, f"includes {header}: torch and bindings only in python/")

    def run(self):
        for path in self.text:
            self.check_text(path)
            room = room_of(path)
            if room and path.suffix in INCLUDING_SUFFIXES:
                self.check_room_includes(path, room)
                if room == "codec":
                    self.check_codec_sides(path)
            if path.parts[0] == "include" and path.suffix == ".h":
                self.check_public_header(path)
            if path.name == "CMakeLists.txt":
                self.check_room_links(path)
        self.check_unique_names()
        return self.problems


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    checker = Checker(root)
    problems = checker.run()
    for line in problems:
        print(line)
    print(f"check_layering: {len(checker.files)} files, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
