#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# make gpu-test, make gpu-bench: compiles the GPU code and runs it where there is a device. Never
# green without one: exit code 77 says that everything compiled and nothing ran.
set -euo pipefail
cd "$(dirname "$0")/.."
task=${1:?test or bench}
unset MAKEFLAGS MAKELEVEL  # what cmake starts is a make of its own

if ! command -v nvcc >/dev/null; then
  echo "gpu-$task: no nvcc on PATH; install the CUDA toolkit" >&2
  exit 1
fi
mkdir -p build
cmake -S tests/gpu -B build/gpu >build/gpu-configure.log 2>&1 ||
  { cat build/gpu-configure.log >&2; exit 1; }
cmake --build build/gpu

if [ "$task" = bench ]; then
  echo "gpu-bench: the GPU code compiles, but there are no kernels yet (they are the next milestone)," \
    "so there is nothing to time. 'make gpu-test' checks the layout that they will be built on." >&2
  exit 1
fi
status=0
build/gpu/bin/tile_order_check || status=$?
if [ "$status" -eq 77 ]; then
  echo "gpu-test: compiled, NOT run. On a Hopper GPU (H100, H200) this runs tile_order_check, which" \
    "holds src/layout/tile_order.h against mma.sync." >&2
fi
exit "$status"
