# SPDX-License-Identifier: BSD-3-Clause
"""Makes a BF16 Hugging Face model directory out of a trained model that a Python package ships."""

import importlib.util
import json
import shutil
import struct
from pathlib import Path

import numpy as np

from model_readers import read_ctranslate2, read_safetensors, read_torch_zip

READERS = {"model.safetensors": read_safetensors, "pytorch_model.bin": read_torch_zip,
           "model.bin": read_ctranslate2}
SAFETENSORS_NAMES = {"float64": "F64", "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
                     "uint8": "U8", "bool": "BOOL"}


def round_to_bf16(values):
    """BF16 bit patterns (uint16) of float16 or float32 values, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    rounded = ((bits.astype(np.uint64) + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)
    quiet_nan = (bits >> 16).astype(np.uint16) | 0x40
    return np.where(np.isnan(bits.view(np.float32)), quiet_nan, rounded)


def write_safetensors(path, tensors):
    """tensors: name -> (safetensors dtype, array); metadata and order as transformers writes them."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    encoded = json.dumps(header, separators=(",", ":")).encode()
    encoded += b" " * (-len(encoded) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for _, array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes())


def package_model_folder(package, folder):
    """Where the installed package keeps its model; the package is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise FileNotFoundError(f"Python package {package} is not installed")
    return Path(spec.submodule_search_locations[0]) / folder


def make_bf16_model(source, destination):
    """Weights of the folder `source` as BF16 in `destination`/model.safetensors, small files copied.
    Tensors that are not floating point keep their type. Returns the number of weights."""
    weights_name = next(name for name in READERS if (source / name).exists())
    destination.mkdir(parents=True, exist_ok=True)
    tensors, num_weights = {}, 0
    for name, array in READERS[weights_name](source / weights_name).items():
        if array.dtype in (np.float32, np.float16):
            tensors[name] = ("BF16", round_to_bf16(array))
            num_weights += array.size
        else:
            tensors[name] = (SAFETENSORS_NAMES[array.dtype.name], array)
    write_safetensors(destination / "model.safetensors", tensors)

    for path in sorted(source.rglob("*")):
        target = destination / path.relative_to(source)
        if path.is_file() and path.name != weights_name and path.suffix != ".bin":
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    config = destination / "config.json"
    if config.exists():
        settings = json.loads(config.read_text())
        settings["torch_dtype"] = "bfloat16"
        config.write_text(json.dumps(settings, indent=2) + "\n")
    return num_weights
