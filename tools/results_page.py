# SPDX-License-Identifier: BSD-3-Clause
"""What the pages of all GPU results share: their files, tables, and words for numbers."""

import json
import os


def newest_gpu_results(folder, name, gpu=""):
    """Of a GPU whose name in files begins with `gpu`."""
    for file in sorted(folder.glob(f"????-??-??-{gpu}*-{name}.json"), reverse=True):
        result = json.loads(file.read_text(encoding="utf-8"))
        if "gpu" in result.get("machine", {}):
            return file, result
    return None


def matrix_name(matrix):
    return f"{matrix[0]} x {matrix[1]}"


def microseconds(value):
    return f"{value:.0f}" if value >= 1000 else f"{value:.1f}"


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def machine_section(result, file):
    machine = result["machine"]
    return table(["", ""], [
        ["GPU", f"{machine['gpu']}, {machine.get('num_sms', '?')} SMs"],
        ["driver, CUDA", f"{machine['driver']}, {machine['cuda']}"],
        ["read ceiling", f"{machine['read_ceiling_tb_s']:.2f} TB/s"
                         f" ({machine.get('read_ceiling_kernel', '?')}, 2 GiB)"],
        *([["copy ceiling", f"{machine['copy_ceiling_tb_s']:.2f} TB/s read + written"
                           f" ({machine.get('copy_ceiling_kernel', '?')}, 1 GiB to 1 GiB)"]]
          if machine.get("copy_ceiling_tb_s") else []),
        ["date, commit", f"{result.get('date') or '?'}, {result.get('commit') or '?'}"],
        ["all numbers", f"bench/results/{file.name}"],
    ])


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(content, encoding="utf-8")
            print(f"written to {os.path.relpath(folder / name)}")
