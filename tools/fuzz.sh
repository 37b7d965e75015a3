#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# tools/fuzz.sh SECONDS [NAME ...]: runs the libFuzzer targets of build/asan (all, or fuzz_NAME) for
# SECONDS each, as many at a time as there are cores. Seeds: tests/corpus/NAME where there is
# one, the golden files for packed. New inputs are kept in build/asan/corpus/NAME; a crash stops with its file in
# build/asan/crashes/ and the command that repeats it.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?seconds per target}
shift

if [ $# -gt 0 ]; then
  targets=("${@/#/build/asan/bin/fuzz_}")
else
  targets=(build/asan/bin/fuzz_*)
fi
[ -x "${targets[0]}" ] || { echo "fuzz: no targets in build/asan/bin" >&2; exit 1; }
mkdir -p build/asan/crashes

run_one() {
  local target=$1 seconds=$2 name corpus seeds log status=0
  name=$(basename "$target" | sed 's/^fuzz_//')
  corpus=build/asan/corpus/$name
  seeds=tests/corpus/$name
  log=build/asan/$name.log
  mkdir -p "$corpus"
  [ "$name" != packed ] || seeds="tests/golden/packed tests/golden/refused"
  [ -d "${seeds%% *}" ] || seeds=
  "$target" -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -print_final_stats=1 \
    -artifact_prefix="build/asan/crashes/$name-" "$corpus" $seeds >"$log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log"
    echo "fuzz: $name FAILED; repeat with: $target build/asan/crashes/$name-..."
    return 1
  fi
  printf 'fuzz: %-28s ok, %s runs\n' "$name" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
}
export -f run_one

printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -I{} bash -c 'run_one "$1" "$2"' _ {} "$seconds"
