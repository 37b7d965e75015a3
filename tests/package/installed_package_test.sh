#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
#
# installed_package_test.sh SOURCE_DIR BUILD_DIR: installs a build, then builds and runs examples/
# against it, by find_package and by pkg-config, from a moved prefix.
set -euo pipefail
source_dir=$1
build_dir=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "installed_package_test: $*" >&2; exit 1; }
quietly() { "$@" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; fail "failed: $*"; }; }

# Installed, then moved: nothing in it may know where it was.
quietly cmake --install "$build_dir" --prefix "$dir/first"
mv "$dir/first" "$dir/prefix"
prefix=$dir/prefix
for file in bin/unweight include/unweight/unweight.h include/unweight/c_api.h; do
  [ -e "$prefix/$file" ] || fail "not installed: $file"
done
archive=$(find "$prefix" -name libunweight.a)
[ -n "$archive" ] || fail "not installed: libunweight.a"
if grep -rIl "$dir/first\|$source_dir" "$prefix"; then fail "installed text files name a build path"; fi

# Nothing in the archive needs a library that a consumer would have to know of.
echo 'int main() {}' >"$dir/empty.cpp"
quietly c++ "$dir/empty.cpp" -o "$dir/whole" \
  -Wl,--whole-archive "$archive" -Wl,--no-whole-archive -pthread

# The examples, by CMake; with every header of the installation compiled alone.
quietly cmake -S "$source_dir/examples" -B "$dir/examples" -DCMAKE_BUILD_TYPE=Release \
  -DCMAKE_PREFIX_PATH="$prefix"
quietly cmake --build "$dir/examples"
for header in "$prefix"/include/unweight/*.h; do
  echo "#include <unweight/$(basename "$header")>" >"$dir/header.cpp"
  quietly c++ -std=c++20 -Wall -Wextra -Werror -fsyntax-only "$dir/header.cpp" -I"$prefix/include"
done
for header in c_api.h c_api_gpu.h; do
  echo "#include <unweight/$header>" >"$dir/header.c"
  quietly cc -std=c11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only "$dir/header.c" \
    -I"$prefix/include"
done
"$dir/examples/pack_tensor"
"$dir/examples/pack_tensor_in_c"

# The GPU library, where it was built: links, starts, and says what it finds or does not find.
cuda_archive=$(find "$prefix" -name libunweight_cuda.a)
if [ -n "$cuda_archive" ]; then
  cuda_dir=$(sed -n 's/^cudadir=//p' "$(find "$prefix" -name unweight_cuda.pc)")
  quietly c++ "$dir/empty.cpp" -o "$dir/whole_cuda" \
    -Wl,--whole-archive "$cuda_archive" "$archive" -Wl,--no-whole-archive \
    -L"$cuda_dir" -lcudart_static -ldl -lrt -pthread
  consumer=$source_dir/tests/package/cuda_consumer
  quietly cmake -S "$consumer" -B "$dir/cuda" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCUDAToolkit_ROOT="$cuda_dir/../../.."
  quietly cmake --build "$dir/cuda"
  "$dir/cuda/cuda_consumer"
  "$dir/cuda/cuda_consumer_in_c"
fi

# A small file through the example, the installed tool reading what it wrote.
python3 - "$dir/model.safetensors" <<'EOF'
import json, struct, sys
data = b"".join(struct.pack("<H", 0x3c00 + (i * 37) % 512) for i in range(256 * 128))
header = json.dumps({"w": {"dtype": "BF16", "shape": [256, 128], "data_offsets": [0, len(data)]}})
with open(sys.argv[1], "wb") as f:
    f.write(struct.pack("<Q", len(header)) + header.encode() + data)
EOF
quietly "$dir/examples/compress_file" "$dir/model.safetensors" "$dir/model.unweight"
quietly "$prefix/bin/unweight" decompress "$dir/model.unweight" "$dir/back.safetensors"
cmp "$dir/model.safetensors" "$dir/back.safetensors" || fail "the tool did not restore the file"

if command -v pkg-config >/dev/null; then
  export PKG_CONFIG_PATH
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name unweight.pc)")
  # shellcheck disable=SC2046  # flags are words
  quietly c++ -std=c++20 "$source_dir/examples/pack_tensor.cpp" -o "$dir/by_pkg_config" \
    $(pkg-config --cflags --libs --static unweight)
  "$dir/by_pkg_config"
  if [ -n "$cuda_archive" ]; then
    # shellcheck disable=SC2046
    quietly c++ -std=c++20 "$consumer/cuda_consumer.cpp" -o "$dir/cuda_by_pkg_config" \
      $(pkg-config --cflags --libs --static unweight_cuda)
    "$dir/cuda_by_pkg_config"
  fi
fi
echo "installed_package_test: passed"
