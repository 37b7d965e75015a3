#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# make gpu-test, make gpu-bench: builds the GPU code and runs it where there is a device. Never green
# without one: exit code 77 says that everything compiled and nothing ran. Needs nvcc, CMake, the
# libraries that every build needs, and Python with torch for the baselines; no network.
#
#   tools/gpu.sh test               every GPU test, then compute-sanitizer over each test binary
#   tools/gpu.sh bench              results file, baselines, docs/results
#   tools/gpu.sh bench OPTION...    part of it, for development: options of codec_gpu_bench; the results
#                                   file goes to build/gpu-results, nothing else happens
#   tools/gpu.sh bench matmul OPTION...   the same with matmul_gpu_bench
#
# Environment:
#   UNWEIGHT_GPU_BUILD       a build folder that is there already (from another machine of the same
#                            kind, say): its binaries are run, nothing is configured or built
#   UNWEIGHT_GPU_SANITIZERS  which of "memcheck racecheck initcheck synccheck" (all); "" for none
#   UNWEIGHT_GPU_RESULTS     folder of the results file (bench/results)
#   UNWEIGHT_COMMIT          the commit in the results file (git's, "-dirty" if the tree has changes)
set -euo pipefail
cd "$(dirname "$0")/.."
task=${1:?test or bench}
shift
unset MAKEFLAGS MAKELEVEL  # what cmake starts is a make of its own
build=${UNWEIGHT_GPU_BUILD:-build/gpu}
kNotRun=77

say() { printf 'gpu-%s: %s\n' "$task" "$*" >&2; }

# nvcc and compute-sanitizer are often installed beside, not on, PATH.
if [ -d /usr/local/cuda/bin ]; then PATH=$PATH:/usr/local/cuda/bin; fi

# Some machines have xxhash.h only among the headers of the Python package pyarrow.
xxhash_option() {
  if echo '#include <xxhash.h>' | "${CXX:-c++}" -E -x c++ - >/dev/null 2>&1; then return; fi
  local folder
  folder=$(python3 - <<'PYTHON'
import importlib.util
package = importlib.util.find_spec("pyarrow")
if package:
    print(package.submodule_search_locations[0] + "/include/arrow/vendored/xxhash")
PYTHON
  )
  if [ -e "$folder/xxhash.h" ]; then printf -- '-DXXHASH_INCLUDE_DIR=%s' "$folder"; fi
}

build_targets() {
  if [ -n "${UNWEIGHT_GPU_BUILD:-}" ]; then
    say "running what $build holds; nothing is built"
    return
  fi
  command -v nvcc >/dev/null || { say "no nvcc on PATH; install the CUDA toolkit"; exit 1; }
  local options=(-DCMAKE_BUILD_TYPE=Release -DUNWEIGHT_CUDA=ON -DUNWEIGHT_GPU_BENCHES=ON) xxhash
  xxhash=$(xxhash_option)
  if [ -n "$xxhash" ]; then options+=("$xxhash"); fi
  if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then options+=(-G Ninja); fi
  mkdir -p build
  cmake -S . -B "$build" "${options[@]}" >build/gpu-configure.log 2>&1 ||
    { cat build/gpu-configure.log >&2; exit 1; }
  cmake --build "$build" -j "${JOBS:-$(nproc)}" --target "$@"
}

commit() {
  local hash
  if hash=$(git rev-parse --short HEAD 2>/dev/null); then
    git diff --quiet HEAD -- 2>/dev/null || hash+=-dirty
    echo "$hash"
  fi
}

# CTest knows the folders in which a build was made; the binaries of a copied one are run directly.
run_tests() {
  if [ -z "${UNWEIGHT_GPU_BUILD:-}" ]; then
    ctest --test-dir "$build" -L gpu --no-tests=error --output-on-failure -j 4
    return
  fi
  local name failed=0
  while read -r name; do
    "$build/bin/$name" || { say "$name FAILED"; failed=1; }
  done <"$build/gpu_tests.txt"
  return $failed
}

# One line for each tool and test binary; the tests reduce their sizes.
run_sanitizers() {
  local tools=${UNWEIGHT_GPU_SANITIZERS-memcheck racecheck initcheck synccheck} tool name log failed=0
  if [ -z "$tools" ]; then
    say "compute-sanitizer: NOT run, none of its tools was asked for"
    return
  fi
  if ! command -v compute-sanitizer >/dev/null; then
    say "compute-sanitizer: NOT run, it is not on PATH"
    return
  fi
  for tool in $tools; do
    # Damaged escapes may name one place twice: any of them may stay there, which racecheck calls a
    # hazard. And it takes minutes over thousands of escapes.
    local filter='*'
    if [ "$tool" = racecheck ]; then filter='-*LeadNowhere*:*DamagedWeights*:*EscapesOfAnyDensity*'; fi
    while read -r name; do
      log=$build/sanitizer-$tool-$name.log
      local start=$SECONDS verdict=ok
      GTEST_FILTER=$filter UNWEIGHT_GPU_TEST_SIZES=small compute-sanitizer --tool "$tool" --error-exitcode 1 \
        "$build/bin/$name" </dev/null >"$log" 2>&1 || { verdict=FAILED; failed=1; }
      say "compute-sanitizer $tool $name: $verdict in $((SECONDS - start)) s," \
        "$(grep -E 'ERROR SUMMARY|RACECHECK SUMMARY' "$log" | tail -1 | sed 's/^=* *//')"
      if [ "$verdict" = FAILED ]; then tail -40 "$log" >&2; fi
    done <"$build/gpu_tests.txt"
  done
  return $failed
}

case $task in
  test)
    build_targets gpu_tests unweight_cli
    status=0
    "$build/bin/tile_order_check" || status=$?
    if [ "$status" -eq "$kNotRun" ]; then
      say "compiled, NOT run. There is no Hopper GPU (H100, H200) here; on one, this runs" \
        "$(tr '\n' ' ' <"$build/gpu_tests.txt")"
      exit "$kNotRun"
    fi
    failed=0
    run_tests || failed=1
    run_sanitizers || failed=1
    if [ "$failed" -ne 0 ]; then say "FAILED"; else say "all passed"; fi
    exit "$failed"
    ;;
  bench)
    build_targets gpu_benches
    results=bench/results
    if [ $# -gt 0 ]; then results=build/gpu-results; fi
    results=${UNWEIGHT_GPU_RESULTS:-$results}
    export UNWEIGHT_COMMIT=${UNWEIGHT_COMMIT:-$(commit)}
    first=codec_gpu_bench only_first=false
    if [ $# -gt 0 ]; then only_first=true; fi
    if [ "${1:-}" = matmul ]; then first=matmul_gpu_bench; shift; fi
    status=0
    "$build/bin/$first" --results "$results" "$@" || status=$?
    if [ "$status" -eq "$kNotRun" ]; then
      say "compiled, NOT run. There is no Hopper GPU (H100, H200) here, so there is nothing to time."
      exit "$kNotRun"
    fi
    if [ "$status" -ne 0 ] || $only_first; then exit "$status"; fi
    # What is wrong has no row in the file; the others' are worth their tables.
    "$build/bin/matmul_gpu_bench" --results "$results" || status=$?
    "$build/bin/load_bench" --results "$results"
    python3 bench/gpu/baselines.py --results "$results"
    python3 tools/results.py --results "$results"
    exit "$status"
    ;;
  *)
    say "test or bench"
    exit 2
    ;;
esac
