#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Installs what a task needs and this machine lacks, and nothing else:
#
#   tools/setup.sh build|bench|clang|format|lint|python ...   any number of tasks
#
# Debian packages come through apt-get (as root, or through sudo); Python packages go to ./.venv
# from the requirement files named after `python`. With everything there it takes milliseconds.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }

missing=()
need_command() { command -v "$1" >/dev/null || missing+=("$2"); }                # COMMAND PACKAGE
need_file() { compgen -G "$1" >/dev/null || missing+=("$2"); }                   # GLOB PACKAGE
need_header() { need_file "/usr/include/$1" "$2"; }

need_build() {
  need_command g++ g++
  need_command cmake cmake
  need_command ninja ninja-build
  need_command python3 python3
  need_header fmt/format.h libfmt-dev
  need_header nlohmann/json.hpp nlohmann-json3-dev
  need_header CLI/CLI.hpp libcli11-dev
  need_header xxhash.h libxxhash-dev
  need_header gtest/gtest.h libgtest-dev
}
need_bench() { need_header benchmark/benchmark.h libbenchmark-dev; }
need_clang() {
  need_command clang++ clang
  local version
  version=$(clang++ -dumpversion 2>/dev/null | cut -d. -f1) || true
  version=${version:-14}
  need_file "/usr/lib/llvm-$version/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a" \
    "libclang-rt-$version-dev"
}

install_missing() {
  [ ${#missing[@]} -gt 0 ] || return 0
  say "this machine lacks: ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    say "there is no apt-get here: install their equivalents by hand, then run this again"
    exit 1
  fi
  local root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { say "neither root nor sudo: install them, then run again"; exit 1; }
    root=(sudo)
  fi
  local log
  log=$(mktemp)
  say "apt-get update"
  "${root[@]}" apt-get update -qq >"$log" 2>&1 || { cat "$log" >&2; say "apt-get update failed"; exit 1; }
  say "apt-get install ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$log" 2>&1 ||
    { cat "$log" >&2; say "apt-get install failed"; exit 1; }
  rm -f "$log"
}

# A virtual environment in ./.venv; requirement files are installed once per content. A line
# "# pip: --no-deps" in one keeps out what its packages ask for.
setup_python() {
  if [ ! -x .venv/bin/pip ]; then
    say "python3 -m venv .venv"
    if ! python3 -c 'import ensurepip' 2>/dev/null; then
      missing=(python3-venv)
      install_missing
    fi
    python3 -m venv .venv
  fi
  local file stamp options
  for file in "$@"; do
    stamp=".venv/.installed-$(sha256sum "$file" | cut -c1-16)"
    [ -e "$stamp" ] && continue
    options=(--quiet --disable-pip-version-check)
    if grep -qx '# pip: --no-deps' "$file"; then options+=(--no-deps); fi
    say "pip install -r $file"
    .venv/bin/pip install "${options[@]}" -r "$file"
    touch "$stamp"
  done
}

requirements=()
tasks=("$@")
while [ $# -gt 0 ]; do
  case $1 in
    build) need_build ;;
    bench) need_bench ;;
    clang) need_clang ;;
    format) need_command clang-format clang-format ;;
    lint) need_command clang-tidy clang-tidy ;;
    python) shift; requirements=("$@"); need_command python3 python3; break ;;
    *) say "unknown task '$1' (build bench clang format lint python)"; exit 2 ;;
  esac
  shift
done
[ ${#tasks[@]} -gt 0 ] || { say "name a task: build bench clang format lint python"; exit 2; }

install_missing
if [ ${#requirements[@]} -gt 0 ]; then setup_python "${requirements[@]}"; fi
