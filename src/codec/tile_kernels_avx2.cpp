// SPDX-License-Identifier: BSD-3-Clause
#include "codec/tile_kernels_avx2.h"

#include "codec/tile_kernel_tables.h"
#include "codec/tile_kernels_portable.h"

namespace unweight::codec {

const TileKernels kAvx2Kernels{
    avx2::count_exponents,      avx2::split_tile,          avx2::join_tile,
    avx2::join_palette_tile,    avx2::pack_codes,          portable::count_pairs,
    avx2::huffman_encode_chunk, avx2::huffman_decode_chunk};

}  // namespace unweight::codec
