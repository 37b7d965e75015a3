// SPDX-License-Identifier: BSD-3-Clause
#include "kernels/tensor_record.h"

#include "packed/header_checks.h"

namespace unweight::kernels {

TensorRecord make_record(const packed::PackedHeader& header) {
  TensorRecord record{};
  record.palette = header.palette;
  record.palette_is_run = header.palette_is_run;
  record.padding_code = header.padding_code;
  record.max_code_length = header.max_code_length;
  record.single_symbol = header.single_symbol;
  record.code_lengths = packed::code_lengths(header);
  codec::HuffmanCode code;
  if (codec::build_canonical_code(record.code_lengths, header.single_symbol, code)) {
    const codec::DecodeTable table = codec::build_decode_table(code);
    for (std::size_t i = 0; i < table.size(); ++i) {
      record.decode_table[i] = pack_table_entry(table[i] & 0xff, table[i] >> 8);
    }
  }
  return record;
}

}  // namespace unweight::kernels
