# SPDX-License-Identifier: BSD-3-Clause
"""Reads the weights of trained models as numpy arrays, from the file formats in which Python packages
ship them, without torch: safetensors, torch's zip archives of plain tensors, and CTranslate2."""

import collections
import json
import math
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np

SAFETENSORS_DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64,
                      "I32": np.int32, "I16": np.int16, "I8": np.int8, "U8": np.uint8,
                      "BOOL": np.bool_}
TORCH_STORAGES = {"DoubleStorage": np.float64, "FloatStorage": np.float32, "HalfStorage": np.float16,
                  "LongStorage": np.int64, "IntStorage": np.int32, "ByteStorage": np.uint8}
CTRANSLATE2_DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)


def read_safetensors(path):
    data = Path(path).read_bytes()
    header_bytes = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + header_bytes])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data, SAFETENSORS_DTYPES[entry["dtype"]],
                             count=math.prod(entry["shape"]), offset=8 + header_bytes + begin)
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


class _TensorUnpickler(pickle.Unpickler):
    """Builds nothing but ordered dictionaries of tensors: any other global is refused."""

    def __init__(self, archive, prefix):
        super().__init__(archive.open(prefix + "data.pkl"))
        self.archive, self.prefix = archive, prefix

    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self.rebuild_tensor
        if module == "torch" and name in TORCH_STORAGES:
            return TORCH_STORAGES[name]
        raise pickle.UnpicklingError(f"refused: {module}.{name}")

    def persistent_load(self, pid):
        _, dtype, key, _, num_elems = pid
        return np.frombuffer(self.archive.read(f"{self.prefix}data/{key}"), dtype, num_elems)

    @staticmethod
    def rebuild_tensor(storage, offset, shape, stride, *_):
        strides = [s * storage.itemsize for s in stride]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False)


def read_torch_zip(path):
    with zipfile.ZipFile(path) as archive:
        pickled = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        return dict(_TensorUnpickler(archive, pickled.removesuffix("data.pkl")).load())


def read_ctranslate2(path):
    """Binary version 6: u32 version, spec name, u32 revision, u32 number of variables, variables."""
    data = Path(path).read_bytes()
    position = 0

    def take(form):
        nonlocal position
        values = struct.unpack_from("<" + form, data, position)
        position += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def take_string():
        return take(f"{take('H')}s").rstrip(b"\0").decode()

    version = take("I")
    if version != 6:
        raise ValueError(f"CTranslate2 binary version {version}, not 6")
    take_string()
    take("I")
    tensors = {}
    for _ in range(take("I")):
        name, rank = take_string(), take("B")
        shape = [take("I") for _ in range(rank)]
        dtype, num_bytes = np.dtype(CTRANSLATE2_DTYPES[take("B")]), take("I")
        flat = np.frombuffer(data, dtype, num_bytes // dtype.itemsize, position)
        tensors[name] = flat.reshape(shape)
        position += num_bytes
    return tensors
