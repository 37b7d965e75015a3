// SPDX-License-Identifier: BSD-3-Clause
//
// One function per instruction: tensor cores. Names as in the PTX manual.
#pragma once

#include <cstdint>

#ifdef __CUDACC__  // else: tests/gpu_on_cpu/ptx_on_cpu.h
namespace unweight::kernels::ptx {

/// d += a * b: a 16x16 (rows), b 16x8 (columns), BF16; d 16x8 fp32. Lane 4g+t holds of d rows g
/// (d[0], d[1]) and g + 8 (d[2], d[3]), columns 2t and 2t + 1.
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const std::uint32_t (&a)[4],
                                             std::uint32_t b0, std::uint32_t b1) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

}  // namespace unweight::kernels::ptx
#endif
