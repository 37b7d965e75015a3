#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Other GPU decoders on weights like those of codec_gpu_bench, for its results file.

    baselines.py [--results bench/results] [--rows N] [--cols K]

Appends rows with a "baseline" to the newest <date>-<gpu>-codec.json of the folder; what cannot run
here goes to "baselines_not_run" with the reason. Baselines are what pip installs, nothing of them
is in this tree: DFloat11 (its decode kernel) and nvCOMP (ANS; of several settings, the fastest).

The weights are N(0, 0.02), drawn by torch with a fixed seed. A time is that of one decode among many,
between CUDA events, over copies that four times the L2 cache does not hold: median of 50 samples
after 20. Every decoder proves on poisoned memory that it gives the original back, first.
bits_per_weight of a codec of exponents includes the 8 bits that it leaves alone.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import json
import statistics
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
NUM_WARMUPS, NUM_SAMPLES = 20, 50
MIN_LAUNCHES = 8  # of a sample
POISON = 0xA5


class NotRun(Exception):
    """Why a baseline cannot run here."""


def newest_results(folder):
    """The newest codec results of a GPU, or None."""
    for file in sorted(folder.glob("*-codec.json"), reverse=True):
        result = json.loads(file.read_text(encoding="utf-8"))
        if "gpu" in result.get("machine", {}):
            return file, result
    return None


class Bench:
    """The original weights and how a decoder of them is timed and described."""

    def __init__(self, torch, rows, cols, copy_ceiling_tb_s):
        self.torch, self.rows, self.cols = torch, rows, cols
        self.copy_ceiling_tb_s = copy_ceiling_tb_s
        properties = torch.cuda.get_device_properties(0)
        self.sms = properties.multi_processor_count
        self.l2_bytes = getattr(properties, "L2_cache_size", 64 << 20)
        self.stream = torch.cuda.Stream()
        generator = torch.Generator(device="cuda").manual_seed(2026)
        self.weights = (torch.randn(rows, cols, device="cuda", generator=generator) * 0.02).to(
            torch.bfloat16).flatten()

    def bytes_of_weights(self):
        return self.weights.view(self.torch.uint8)

    def exponents(self):
        return (self.weights.view(self.torch.int16) >> 7 & 0xFF).to(self.torch.uint8)

    def num_copies(self, stored_bytes):
        return max(2, 4 * self.l2_bytes // stored_bytes + 1)

    def poisoned(self, num_bytes):
        return self.torch.full((num_bytes,), POISON, dtype=self.torch.uint8, device="cuda")

    def time(self, decode, num_copies, stream):
        """[median, least, most] microseconds of decode(copy), which enqueues to the stream. The host
        runs ahead of the device, so the time is the device's as long as Python enqueues faster than
        the device decodes."""
        torch = self.torch
        launches = -(-max(MIN_LAUNCHES, num_copies) // num_copies) * num_copies
        events = []
        with torch.cuda.stream(stream):
            for sample in range(NUM_WARMUPS + NUM_SAMPLES):
                begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
                begin.record(stream)
                for launch in range(launches):
                    decode(launch % num_copies)
                end.record(stream)
                if sample >= NUM_WARMUPS:
                    events.append((begin, end))
        stream.synchronize()
        us = [1000 * begin.elapsed_time(end) / launches for begin, end in events]
        return [statistics.median(us), min(us), max(us)]

    def row(self, baseline, op, family, times, stored_bytes, out_bytes, untouched_bits=0, **more):
        """A row of the results file; times as from time()."""
        num_weights = self.rows * self.cols
        moved = stored_bytes + out_bytes
        us = times[0]
        row = {
            "op": op, "N": self.rows, "K": self.cols, "family": family, "weights": "normal",
            "bits_per_weight": untouched_bits + 8 * stored_bytes / num_weights,
            "us": us, "us_min": times[1], "us_max": times[2],
            "bf16_gb_s": 2 * num_weights / us / 1000, "stored_gb_s": stored_bytes / us / 1000,
            "moved_bytes": moved, "x_copy_ceiling": us * self.copy_ceiling_tb_s * 1e6 / moved,
            "num_tensors": 1, "sms": self.sms, "baseline": baseline,
        }
        row = {key: round(value, 3) if isinstance(value, float) else value
               for key, value in row.items()}
        return {**row, **more}


# ---- DFloat11 -----------------------------------------------------------------------------------

DFLOAT11_BYTES_PER_THREAD, DFLOAT11_THREADS = 8, 512


def dfloat11_folder():
    spec = importlib.util.find_spec("dfloat11")
    if spec is None:
        raise NotRun("the Python package dfloat11 is not installed")
    return Path(spec.submodule_search_locations[0])


def dfloat11_utils(folder):
    """The package's encoder, without importing the package, which wants half of a model server."""
    spec = importlib.util.spec_from_file_location("dfloat11_utils", folder / "dfloat11_utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dfloat11_encode(np, exponents, table, end_code, piece=1 << 18):
    """What the package's encode() gives, array by array instead of symbol by symbol: the bytes of
    the codes (most significant bit first), 5-bit gaps (bits of a thread's 8 bytes before its first
    code, packed), and the number of the first weight of each CTA's 4096 bytes."""
    code_bits, code_value = np.zeros(256, np.int64), np.zeros(256, np.uint64)
    for symbol, (bits, value) in table.items():
        if isinstance(symbol, int):
            code_bits[symbol], code_value[symbol] = bits, value
    total = int(code_bits @ np.bincount(exponents, minlength=256))
    num_bytes = -(-total // 8)
    per_thread = 8 * DFLOAT11_BYTES_PER_THREAD
    per_cta = per_thread * DFLOAT11_THREADS

    words = np.zeros(total // 32 + 3, np.uint64)  # of 32 bits
    gaps, positions, offset = [], [], 0

    def note_first(starts, begin):
        """Of each thread's bytes and of each CTA's: where the first code starts."""
        first = np.flatnonzero(np.diff(starts // per_thread, prepend=last_start // per_thread))
        gaps.append(starts[first] % per_thread)
        first = np.flatnonzero(np.diff(starts // per_cta, prepend=last_start // per_cta))
        positions.append(first + begin)

    last_start = -1
    for begin in range(0, exponents.size, piece):
        symbols = exponents[begin:begin + piece]
        bits = code_bits[symbols]
        ends = offset + np.cumsum(bits)
        starts = ends - bits
        # A code lies in one word or reaches into the next; codes come in the order of words.
        window = code_value[symbols] << (64 - (starts & 31) - bits).astype(np.uint64)
        word = starts >> 5
        first = np.flatnonzero(np.diff(word, prepend=-1))
        words[word[first]] += np.add.reduceat(window >> np.uint64(32), first)
        words[word[first] + 1] += np.add.reduceat(window & np.uint64(0xFFFFFFFF), first)
        note_first(starts, begin)
        offset, last_start = int(ends[-1]), int(starts[-1])
    if total % 8:  # the end code is a symbol like any other, cut off at the byte
        note_first(np.array([total]), exponents.size)
        end_bits, end_value = end_code
        window = (end_value << 64 >> end_bits >> (total & 31)) & (2**64 - 1)
        words[total >> 5] += np.uint64(window >> 32)
    encoded = words.astype(">u4").view(np.uint8)[:num_bytes].copy()

    num_threads = -(-num_bytes // (DFLOAT11_BYTES_PER_THREAD * DFLOAT11_THREADS)) * DFLOAT11_THREADS
    gaps = np.concatenate(gaps)
    gaps = np.append(gaps, np.zeros(max(0, num_threads - gaps.size), np.int64))
    gap_bits = (gaps[:, None] >> np.arange(4, -1, -1)) & 1
    positions = np.append(np.concatenate(positions), exponents.size).astype(np.uint32)
    return encoded, np.packbits(gap_bits.astype(np.uint8).ravel()), positions


def dfloat11_encoded(np, utils, exponents):
    """(luts, encoded, gaps, output positions); proves on the beginning of the exponents that they
    are what the package's own encoder gives, which would take minutes for all."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        counts = np.bincount(exponents, minlength=256)
        codec, _, table = utils.get_32bit_codec({int(e): int(counts[e]) for e in counts.nonzero()[0]})
        luts = utils.get_luts(table)
        end_code = table[codec._eof]
        few = exponents[:1 << 18]
        theirs = utils.encode(few.tolist(), codec, DFLOAT11_BYTES_PER_THREAD, DFLOAT11_THREADS)
    ours = dfloat11_encode(np, few, table, end_code)
    if not all(np.array_equal(a, b) for a, b in zip(theirs, ours)):
        raise NotRun("its own encoder gives other bytes than this script's, which is faster")
    return luts, *dfloat11_encode(np, exponents, table, end_code)


def dfloat11_rows(bench):
    folder = dfloat11_folder()
    try:
        import cupy
        import numpy as np
        utils = dfloat11_utils(folder)
    except ImportError as error:
        raise NotRun(f"it needs a package that is not installed: {error}") from error
    torch = bench.torch
    kernel = cupy.RawModule(path=str(folder / "decode.ptx")).get_function("decode")

    words = bench.weights.view(torch.int16)
    sign_mantissa = ((words >> 8 & 0x80) | (words & 0x7F)).to(torch.uint8)
    luts, encoded, gaps, positions = dfloat11_encoded(np, utils, bench.exponents().cpu().numpy())
    shared_bytes = DFLOAT11_THREADS * 4 + 4 + 2 * int(np.diff(positions.astype(np.int64)).max())
    num_ctas = -(-encoded.size // (DFLOAT11_THREADS * DFLOAT11_BYTES_PER_THREAD))

    host = [luts, torch.from_numpy(encoded), sign_mantissa,
            torch.from_numpy(positions.view(np.uint8)), torch.from_numpy(gaps)]
    stored = sum(tensor.numel() for tensor in host)
    copies = bench.num_copies(stored)
    inputs = [[tensor.to("cuda", copy=True) for tensor in host] for _ in range(copies)]
    outputs = [bench.poisoned(2 * bench.weights.numel()) for _ in range(copies)]
    torch.cuda.synchronize()

    def decode(copy):  # on the default stream, which is CuPy's current one and torch's
        pointers = [tensor.data_ptr() for tensor in inputs[copy]] + [outputs[copy].data_ptr()]
        kernel(grid=(num_ctas,), block=(DFLOAT11_THREADS,), shared_mem=shared_bytes,
               args=[*pointers, luts.shape[0], encoded.size, sign_mantissa.numel()])

    for copy in range(copies):
        decode(copy)
    torch.cuda.synchronize()
    if not all(torch.equal(out, bench.bytes_of_weights()) for out in outputs):
        raise NotRun("its kernel does not give the weights back")
    name = f"DFloat11 {importlib.metadata.version('dfloat11')}"
    times = bench.time(decode, copies, torch.cuda.default_stream())
    return [bench.row(name, "full_decode", "dfloat11", times, stored, 2 * bench.weights.numel())]


# ---- nvCOMP -------------------------------------------------------------------------------------


def nvcomp_time(bench, nvcomp, original, data_type, settings):
    """(times, stored bytes) of one group of settings."""
    torch = bench.torch
    torch.cuda.synchronize()
    with torch.cuda.stream(bench.stream):
        codec = nvcomp.Codec(algorithm="ANS", data_type=data_type, device_id=0,
                             cuda_stream=bench.stream.cuda_stream, **settings)
        source = nvcomp.as_array(original)
        packed = [codec.encode(source)]
        bench.stream.synchronize()
        stored = packed[0].buffer_size
        copies = bench.num_copies(stored)
        packed += [codec.encode(source) for _ in range(copies - 1)]
        bench.stream.synchronize()
        config = codec.decompression_config(packed[0])
        num_bytes = original.numel() * original.element_size()
        outputs = [bench.poisoned(num_bytes) for _ in range(copies)]

    def decode(copy):
        codec.decode(packed[copy], out=outputs[copy], decompression_config=config)

    torch.cuda.synchronize()
    for copy in range(copies):
        decode(copy)
    torch.cuda.synchronize()
    if not all(torch.equal(out, original.view(torch.uint8)) for out in outputs):
        raise NotRun("it does not give the data back")
    return bench.time(decode, copies, bench.stream), stored


def nvcomp_rows(bench):
    try:
        from nvidia import nvcomp
    except ImportError as error:
        raise NotRun(f"the Python package nvidia-nvcomp cannot be imported: {error}") from error
    torch = bench.torch
    policies = nvcomp.ExecutionPolicy
    settings = [{"uncomp_chunk_size": chunk, "execution_policy": policy, "skip_validate": True}
                for chunk in (1 << 16, 1 << 18) for policy in (policies.LATENCY, policies.CONCURRENCY)]
    settings.append({})  # as it comes
    name = f"nvCOMP {nvcomp.__version__} ANS"
    rows, problems = [], []
    for what, original, data_type, op, untouched in (
            ("exponent bytes", bench.exponents(), "|u1", "decode_exponents", 8),
            ("BF16 as bytes", bench.bytes_of_weights(), "|u1", "full_decode", 0),
            ("BF16 as 16-bit floats", bench.weights.view(torch.float16), "<f2", "full_decode", 0)):
        best = None
        for group in settings:
            try:
                times, stored = nvcomp_time(bench, nvcomp, original, data_type, group)
            except Exception as error:  # settings that this version refuses
                problems.append(f"{what}, {describe(group)}: {error}")
                continue
            if best is None or times[0] < best[0][0]:
                best = times, stored, describe(group)
        if best is not None:
            rows.append(bench.row(f"{name}, {what}", op, "ans", best[0], best[1],
                                  original.numel() * original.element_size(), untouched,
                                  settings=best[2]))
    for problem in problems:
        print(f"baselines: nvCOMP: {problem}", file=sys.stderr)
    if not rows:
        raise NotRun("; ".join(problems))
    return rows


def describe(settings):
    return ", ".join(f"{key} {getattr(value, 'name', value)}" for key, value in settings.items()) or \
        "defaults"


# ---- both ---------------------------------------------------------------------------------------


def run_all(rows, cols, copy_ceiling_tb_s):
    """(rows, {name: why it did not run})"""
    baselines = {"DFloat11": dfloat11_rows, "nvCOMP ANS": nvcomp_rows}
    try:
        import torch
        if not torch.cuda.is_available():
            raise NotRun("torch finds no GPU")
        bench = Bench(torch, rows, cols, copy_ceiling_tb_s)
    except (ImportError, NotRun) as error:
        return [], {name: str(error) for name in baselines}
    done, not_run = [], {}
    for name, run in baselines.items():
        try:
            done += run(bench)
        except NotRun as error:
            not_run[name] = str(error)
        except Exception as error:  # of somebody else's code: say so, and go on
            traceback.print_exc()
            not_run[name] = f"{type(error).__name__}: {error}"
        torch.cuda.empty_cache()
    return done, not_run


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=ROOT / "bench/results")
    parser.add_argument("--rows", type=int, default=14336)
    parser.add_argument("--cols", type=int, default=4096)
    args = parser.parse_args()
    found = newest_results(args.results)
    if found is None:
        sys.exit(f"baselines: no <date>-<gpu>-codec.json in {args.results}; run codec_gpu_bench first")
    file, result = found
    rows, not_run = run_all(args.rows, args.cols, result["machine"]["copy_ceiling_tb_s"])
    result["rows"] = [row for row in result["rows"] if not row.get("baseline")] + rows
    result["baselines_not_run"] = not_run
    file.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    for row in rows:
        print(f"{row['baseline']}: {row['op']}, {row['bits_per_weight']:.3f} bits/weight,"
              f" {row['us']:.1f} us, {row['bf16_gb_s']:.0f} GB/s of BF16")
    for name, why in not_run.items():
        print(f"{name}: not run: {why}")


if __name__ == "__main__":
    main()
