// SPDX-License-Identifier: BSD-3-Clause
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/cpu_features.h"
#include "base/hash_kernels.h"

namespace unweight {
namespace {

const HashKernels& kernels() {
#if defined(__x86_64__)
  switch (active_isa()) {
    case Isa::kAvx512:
      return kAvx512Hash;
    case Isa::kAvx2:
      return kAvx2Hash;
    case Isa::kPortable:
      break;
  }
#endif
  return kPortableHash;
}

}  // namespace

struct Xxh3Stream::State {
  XXH3_state_t xxh;  // 64-byte aligned: operator new honours the type's alignment
};

std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept {
  return kernels().xxh3(bytes.data(), bytes.size());
}

Xxh3Stream::Xxh3Stream() : state_(std::make_unique<State>()) {
  XXH3_64bits_reset(&state_->xxh);
}
Xxh3Stream::~Xxh3Stream() = default;
Xxh3Stream::Xxh3Stream(Xxh3Stream&&) noexcept = default;
Xxh3Stream& Xxh3Stream::operator=(Xxh3Stream&&) noexcept = default;

void Xxh3Stream::update(std::span<const std::byte> bytes) noexcept {
  if (!bytes.empty()) kernels().update(&state_->xxh, bytes.data(), bytes.size());
}

std::uint64_t Xxh3Stream::digest() const noexcept {
  return XXH3_64bits_digest(&state_->xxh);
}

}  // namespace unweight
