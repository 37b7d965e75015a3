// SPDX-License-Identifier: BSD-3-Clause
#include "codec/tile_kernels_avx512.h"

#include "codec/tile_kernel_tables.h"
#include "codec/tile_kernels_portable.h"

namespace unweight::codec {

const TileKernels kAvx512Kernels{
    avx512::count_exponents,      avx512::split_tile,          avx512::join_tile,
    avx512::join_palette_tile,    avx512::pack_codes,          portable::count_pairs,
    avx512::huffman_encode_chunk, avx512::huffman_decode_chunk};

}  // namespace unweight::codec
