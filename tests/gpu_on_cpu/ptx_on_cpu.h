// SPDX-License-Identifier: BSD-3-Clause
//
// The functions of kernels/ptx, for kernels that run on the CPU; what they do is said there.
#pragma once

#include <cuda.h>

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "gpu_on_cpu/grid_on_cpu.h"

namespace unweight::on_cpu {

/// What a CUtensorMap holds here, in place of what the driver would put there.
struct TensorMap {
  const std::uint8_t* base;
  std::uint64_t dims[3], strides[2];  ///< elements; bytes
  std::uint32_t box[3], elem_bytes;
  bool is_swizzled;  ///< by 128 bytes
};
static_assert(sizeof(TensorMap) <= sizeof(CUtensorMap));

/// The swizzle of 128 bytes: 16-byte pieces of 8 rows of 128.
[[nodiscard]] inline std::uint32_t swizzled(std::uint32_t address) {
  return address ^ (address >> 7 & 7) << 4;
}
template <typename T>
[[nodiscard]] T load_shared(std::uint32_t address) {
  T v;
  std::memcpy(&v, shared_memory(address, sizeof(v)), sizeof(v));
  return v;
}
template <typename T>
void store_shared(std::uint32_t address, T v) {
  std::memcpy(shared_memory(address, sizeof(v)), &v, sizeof(v));
}
[[nodiscard]] inline float bf16_value(std::uint32_t bits) {
  return std::bit_cast<float>(bits << 16);
}

/// A box, element by element; outside of the tensor there are zeros.
inline void copy_box(const CUtensorMap& opaque, std::array<std::uint32_t, 3> at,
                     std::uint32_t destination) {
  TensorMap map;
  std::memcpy(&map, &opaque, sizeof(map));
  const std::uint32_t elem = map.elem_bytes;
  for (std::uint32_t i = 0; i < map.box[0] * map.box[1] * map.box[2]; ++i) {
    const std::uint64_t x = at[0] + i % map.box[0], y = at[1] + i / map.box[0] % map.box[1];
    const std::uint64_t z = at[2] + i / map.box[0] / map.box[1];
    const bool is_inside = x < map.dims[0] && y < map.dims[1] && z < map.dims[2];
    const std::uint32_t to = destination + i * elem;
    std::uint8_t* const place = shared_memory(map.is_swizzled ? swizzled(to) : to, elem);
    if (is_inside) {
      std::memcpy(place, map.base + x * elem + y * map.strides[0] + z * map.strides[1], elem);
    } else {
      std::memset(place, 0, elem);
    }
  }
}
[[nodiscard]] inline std::uint32_t box_bytes(const CUtensorMap& opaque) {
  TensorMap map;
  std::memcpy(&map, &opaque, sizeof(map));
  return map.box[0] * map.box[1] * map.box[2] * map.elem_bytes;
}

/// Element (row, k) of the 16x16 fragments a of all lanes, in words 0 .. 3.
[[nodiscard]] inline float a_element(const LaneWords& lanes, unsigned row, unsigned k) {
  const std::uint32_t word = lanes[4 * (row % 8) + k % 8 / 2][row / 8 + 2 * (k / 8)];
  return bf16_value(word >> 16 * (k % 2) & 0xffff);
}
/// d += a * b for this lane's four elements of a 16x8 block; b(k, column) is its B operand.
template <typename B>
void multiply_block(float* d, const LaneWords& a, unsigned lane, const B& b) {
  for (unsigned i = 0; i < 4; ++i) {
    const unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
    double sum = 0;
    for (unsigned k = 0; k < 16; ++k) {
      sum += static_cast<double>(a_element(a, row, k)) * static_cast<double>(b(k, column));
    }
    d[i] = static_cast<float>(static_cast<double>(d[i]) + sum);
  }
}

}  // namespace unweight::on_cpu

namespace unweight::kernels::ptx {

// ---- global_words.cuh, global_signals.cuh
// ---------------------------------------------------------

inline std::uint32_t load_global_1(const void* address) {
  return *static_cast<const std::uint8_t*>(address);
}
inline std::uint32_t load_global_4(const void* address) {
  return *static_cast<const std::uint32_t*>(address);
}
inline uint2 load_global_8(const void* address) {
  return *static_cast<const uint2*>(address);
}
inline void store_release(std::uint32_t* address, std::uint32_t value) {
  *address = value;
}
inline void wait_for(const std::uint32_t* address, std::uint32_t value) {
  on_cpu::wait_until([=] { return *address == value; });
}
inline float4 load_global_16(const float4* address) {
  return *address;
}

// ---- shared_words.cuh
// -----------------------------------------------------------------------------

inline uint4 load_shared_16(std::uint32_t address) {
  return on_cpu::load_shared<uint4>(address);
}
inline uint2 load_shared_8(std::uint32_t address) {
  return on_cpu::load_shared<uint2>(address);
}
inline std::uint32_t load_shared_4(std::uint32_t address) {
  return on_cpu::load_shared<std::uint32_t>(address);
}
inline std::uint32_t load_shared_2(std::uint32_t address) {
  return on_cpu::load_shared<std::uint16_t>(address);
}
inline void store_shared_16(std::uint32_t address, const std::uint32_t (&v)[4]) {
  on_cpu::store_shared(address, uint4{v[0], v[1], v[2], v[3]});
}
inline void store_shared_2(std::uint32_t address, std::uint16_t v) {
  on_cpu::store_shared(address, v);
}

// ---- warp_moves.cuh
// -------------------------------------------------------------------------------

/// Of the CTA's own: dynamic shared memory begins at 0.
inline std::uint32_t shared_address(const void* p) {
  const auto at = static_cast<const std::uint8_t*>(p) - matmul::dynamic;
  return on_cpu::rank_in_cluster() << on_cpu::kRankShift | static_cast<std::uint32_t>(at);
}
inline std::uint32_t keep(std::uint32_t value) {
  return value;
}
inline std::uint32_t warp_uniform(std::uint32_t value) {
  return __reduce_or_sync(~0u, value);
}
inline std::uint32_t thread_index() {
  return threadIdx.x;
}
inline void ldmatrix_x4(std::uint32_t (&r)[4], std::uint32_t address) {
  const unsigned lane = threadIdx.x % on_cpu::kLanes;
  const on_cpu::LaneWords addresses = on_cpu::exchange<1>("ldmatrix", {address});
  for (unsigned i = 0; i < 4; ++i) {
    r[i] = on_cpu::load_shared<std::uint32_t>(addresses[8 * i + lane / 4][0] + 4 * (lane % 4));
  }
}
inline void stmatrix_x4_trans(std::uint32_t address, std::uint32_t r0, std::uint32_t r1,
                              std::uint32_t r2, std::uint32_t r3) {
  const unsigned lane = threadIdx.x % on_cpu::kLanes;
  const std::uint32_t r[4] = {r0, r1, r2, r3};
  const on_cpu::LaneWords addresses = on_cpu::exchange<1>("stmatrix", {address});
  for (unsigned i = 0; i < 4; ++i) {
    for (unsigned half = 0; half < 2; ++half) {
      const std::uint32_t row = addresses[8 * i + 2 * (lane % 4) + half][0];
      on_cpu::store_shared(row + 2 * (lane / 4), static_cast<std::uint16_t>(r[i] >> 16 * half));
    }
  }
}
inline void mbarrier_init(std::uint32_t barrier, std::uint32_t arrivals) {
  on_cpu::mbarrier_init(barrier, arrivals);
}
inline void fence_mbarrier_init() {}
inline void mbarrier_arrive_expect_tx(std::uint32_t barrier, std::uint32_t bytes) {
  on_cpu::mbarrier_arrive(barrier, bytes);
}
inline void mbarrier_wait(std::uint32_t barrier, std::uint32_t parity) {
  on_cpu::wait_until([=] { return on_cpu::mbarrier_is_over(barrier, parity); });
}
inline bool mbarrier_test(std::uint32_t barrier, std::uint32_t parity) {
  return on_cpu::mbarrier_is_over(barrier, parity);
}
inline void bulk_copy_to_shared(std::uint32_t destination, const void* source, std::uint32_t bytes,
                                std::uint32_t barrier) {
  on_cpu::copy_later(barrier, bytes, [=] {
    std::memcpy(on_cpu::shared_memory(destination, bytes), source, bytes);
  });
}
inline void fence_proxy_async_shared() {}

// ---- grid_moves.cuh
// -------------------------------------------------------------------------------

inline void griddepcontrol_wait() {}
inline void griddepcontrol_launch_dependents() {}
inline std::uint32_t cluster_ctarank() {
  return on_cpu::rank_in_cluster();
}
inline void cluster_arrive() {
  on_cpu::cluster_arrive();
}
inline void cluster_wait() {
  on_cpu::cluster_wait();
}
inline std::uint32_t mapa(std::uint32_t address, std::uint32_t rank) {
  return rank << on_cpu::kRankShift | (address & ((1u << on_cpu::kRankShift) - 1));
}
inline void bulk_copy_to_cluster(std::uint32_t destination, std::uint32_t source,
                                 std::uint32_t bytes, std::uint32_t barrier) {
  on_cpu::copy_later(barrier, bytes, [=] {
    std::memmove(on_cpu::shared_memory(destination, bytes), on_cpu::shared_memory(source, bytes),
                 bytes);
  });
}
inline void mbarrier_arrive(std::uint32_t barrier) {
  on_cpu::mbarrier_arrive(barrier, 0);
}
inline void mbarrier_arrive_cluster(std::uint32_t mapped) {
  on_cpu::mbarrier_arrive(mapped, 0);
}
inline void tensor_copy_to_shared(std::uint32_t destination, const CUtensorMap& map,
                                  std::uint32_t x, std::uint32_t y, std::uint32_t z,
                                  std::uint32_t barrier) {
  on_cpu::copy_later(barrier, on_cpu::box_bytes(map), [=, &map] {
    on_cpu::copy_box(map, {x, y, z}, destination);
  });
}
inline void tensor_multicast_to_shared(std::uint32_t destination, const CUtensorMap& map,
                                       std::uint32_t x, std::uint32_t y, std::uint32_t z,
                                       std::uint32_t barrier, std::uint32_t ctas) {
  for (std::uint32_t rank = 0; rank < 32; ++rank) {
    if ((ctas >> rank & 1) == 0) continue;
    tensor_copy_to_shared(mapa(destination, rank), map, x, y, z, mapa(barrier, rank));
  }
}
inline void prefetch_tensormap(const CUtensorMap&) {}
inline void named_barrier(std::uint32_t id, std::uint32_t num_threads) {
  on_cpu::barrier_arrive_and_wait(id, num_threads);
}
inline void named_barrier_arrive(std::uint32_t id, std::uint32_t num_threads) {
  on_cpu::barrier_arrive(id, num_threads);
}

// ---- tensor_core.cuh, warpgroup_products.cuh
// ------------------------------------------------------

inline void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                         std::uint32_t b1) {
  const on_cpu::LaneWords lanes = on_cpu::exchange<6>("mma", {a[0], a[1], a[2], a[3], b0, b1});
  on_cpu::multiply_block(d, lanes, threadIdx.x % on_cpu::kLanes, [&](unsigned k, unsigned column) {
    const std::uint32_t word = lanes[4 * column + k % 8 / 2][4 + k / 8];
    return on_cpu::bf16_value(word >> 16 * (k % 2) & 0xffff);
  });
}

inline void wgmma_fence() {}
inline void wgmma_commit_group() {}
template <int kPending>
void wgmma_wait_group() {}
/// Address / 16, all of it.
inline std::uint64_t wgmma_descriptor(std::uint32_t address_16) {
  return address_16;
}
/// At once: a GPU may take its time.
template <std::uint32_t kTokens>
void wgmma_m64k16(float (&d)[kTokens / 2], const std::uint32_t (&a)[4], std::uint64_t b) {
  const on_cpu::LaneWords lanes = on_cpu::exchange<4>("wgmma", {a[0], a[1], a[2], a[3]});
  const auto first = static_cast<std::uint32_t>(b) * 16;
  for (std::uint32_t j = 0; j < kTokens / 8; ++j) {
    const auto element = [&](unsigned k, unsigned column) {
      const std::uint32_t address = first + (8 * j + column) * 128 + 2 * k;
      return on_cpu::bf16_value(on_cpu::load_shared<std::uint16_t>(on_cpu::swizzled(address)));
    };
    on_cpu::multiply_block(d + 4 * j, lanes, threadIdx.x % on_cpu::kLanes, element);
  }
}
template <std::uint32_t kRegisters>
void setmaxnreg_inc() {}
template <std::uint32_t kRegisters>
void setmaxnreg_dec() {}

}  // namespace unweight::kernels::ptx
