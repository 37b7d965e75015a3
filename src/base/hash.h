// SPDX-License-Identifier: BSD-3-Clause
//
// XXH3-64 (seed 0), the checksum of every section. By the xxHash library; detects accidents, not
// attackers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace unweight {

[[nodiscard]] std::uint64_t xxh3(std::span<const std::byte> bytes) noexcept;

/// The same over pieces: Xxh3Stream h; h.update(a); h.update(b); h.digest() == xxh3(a then b).
class Xxh3Stream {
 public:
  Xxh3Stream();
  ~Xxh3Stream();
  Xxh3Stream(Xxh3Stream&&) noexcept;
  Xxh3Stream& operator=(Xxh3Stream&&) noexcept;

  void update(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::uint64_t digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace unweight
