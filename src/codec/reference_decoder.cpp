// SPDX-License-Identifier: BSD-3-Clause
//
// Follows docs/format/packed-tensor.md section by section; the constants are the document's.
#include "codec/reference_decoder.h"

#include <array>
#include <string>

#include "base/try.h"

namespace unweight::codec {
namespace {

// "Header": byte offsets.
constexpr std::uint64_t kHeaderBytes = 512;
constexpr std::uint64_t kMagicAt = 0, kVersionAt = 8, kFamilyAt = 10, kDtypeAt = 11;
constexpr std::uint64_t kSingleSymbolAt = 15;
constexpr std::uint64_t kRowsAt = 16, kColsAt = 24, kPaletteAt = 32, kNumVerbatimRowsAt = 48;
constexpr std::uint64_t kSectionTableAt = 80, kSectionEntryBytes = 24, kCodeLengthsAt = 256;
constexpr char kMagicText[] = "UNWEIGHT";
constexpr std::uint64_t kPaletteFamily = 1, kHuffmanFamily = 2, kRadixFamily = 3;
constexpr std::uint64_t kBf16 = 1, kVersion = 1;

// "Sections": indices in the section table.
enum Section : std::uint64_t {
  kChunkStreamsSection = 0,
  kVerbatimIndexSection = 1,
  kVerbatimPositionsSection = 2,
  kVerbatimRowsSection = 3,
  kSignMantissaSection = 4,
  kCodesSection = 5,
  kStreamSection = 6,
};

// "Tile order".
constexpr std::uint64_t kStripRows = 16, kTileWidth = 64, kTileWeights = 1024;
constexpr std::uint64_t kTilesPerChunk = 32, kLaneCount = 32, kLaneWeights = 32;
constexpr std::uint64_t kMaxTiles = std::uint64_t{1} << 27;

// "Huffman stream": a chunk's entry in chunk_streams, 8 bytes of bit fields and a byte per lane.
constexpr std::uint64_t kStreamEntryBytes = 40, kLaneDeltasAt = 8;
constexpr int kOffsetBits = 48, kMinLengthBits = 13;
constexpr std::uint64_t kPairCount = 256;
constexpr std::uint64_t kLongestCode = 13;

// "Radix family": 448 bytes a tile, counted in words of 4 bytes, and what is left of step 3.
constexpr std::uint64_t kRadixTileWords = 112, kRadixStep2At = 64, kRadixTileBytes = 448;
constexpr std::uint64_t kRadixRestAt = 384, kDigits = 11;

// "Verbatim rows": 8 weights of a lane.
constexpr std::uint64_t kVerbatimRowWeights = 8;

Error invalid(std::string what) {
  return {ErrorCode::kInvalidFormat, "reference decoder: " + std::move(what)};
}

/// One lane's bit string, in bits from the beginning of the stream section.
struct LaneString {
  std::uint64_t next = 0;
  std::uint64_t end = 0;
};

class ReferenceDecoder {
 public:
  explicit ReferenceDecoder(std::span<const std::byte> blob) : blob_(blob) {}

  Result<ReferenceTensor> decode() {
    UNWEIGHT_TRY(read_header());
    UNWEIGHT_TRY(check_section(kSignMantissaSection, num_tiles_ * kTileWeights));
    tensor_.weights.assign(tensor_.rows * tensor_.cols, 0);
    const std::uint64_t num_chunks = (num_tiles_ + kTilesPerChunk - 1) / kTilesPerChunk;
    for (std::uint64_t chunk = 0; chunk < num_chunks; ++chunk) UNWEIGHT_TRY(decode_chunk(chunk));
    return std::move(tensor_);
  }

 private:
  // ---- Bytes of the blob ----

  [[nodiscard]] std::uint64_t byte_at(std::uint64_t offset) const {
    return std::to_integer<std::uint64_t>(blob_[offset]);
  }
  /// Little-endian.
  [[nodiscard]] std::uint64_t integer_at(std::uint64_t offset, int num_bytes) const {
    std::uint64_t value = 0;
    for (int b = num_bytes; b-- > 0;) value = value << 8 | byte_at(offset + b);
    return value;
  }
  [[nodiscard]] std::uint64_t section_offset(Section s) const {
    return integer_at(kSectionTableAt + s * kSectionEntryBytes, 8);
  }
  [[nodiscard]] std::uint64_t section_bytes(Section s) const {
    return integer_at(kSectionTableAt + s * kSectionEntryBytes + 8, 8);
  }
  /// The section lies in the blob and has its first `needed_bytes` bytes.
  [[nodiscard]] Result<void> check_section(Section s, std::uint64_t needed_bytes) const {
    const std::uint64_t offset = section_offset(s), bytes = section_bytes(s);
    if (offset > blob_.size() || bytes > blob_.size() - offset || needed_bytes > bytes) {
      return invalid("section " + std::to_string(s) + " is too short or outside the blob");
    }
    return {};
  }
  Result<std::uint64_t> section_integer(Section s, std::uint64_t index, int num_bytes) const {
    if (index > blob_.size()) return invalid("an index leads outside its section");
    UNWEIGHT_TRY(check_section(s, (index + 1) * num_bytes));
    return integer_at(section_offset(s) + index * num_bytes, num_bytes);
  }

  // ---- Header ----

  Result<void> read_header() {
    if (blob_.size() < kHeaderBytes) return invalid("shorter than a header");
    for (std::uint64_t i = 0; i < 8; ++i) {
      if (byte_at(kMagicAt + i) != static_cast<std::uint64_t>(kMagicText[i])) {
        return invalid("wrong magic");
      }
    }
    if (integer_at(kVersionAt, 2) != kVersion) return invalid("unknown version");
    if (byte_at(kDtypeAt) != kBf16) return invalid("unknown dtype");
    family_ = byte_at(kFamilyAt);
    if (family_ != kPaletteFamily && family_ != kHuffmanFamily && family_ != kRadixFamily) {
      return invalid("unknown family");
    }
    tensor_.rows = integer_at(kRowsAt, 8);
    tensor_.cols = integer_at(kColsAt, 8);
    constexpr std::uint64_t kMaxDimension = kMaxTiles * kTileWeights;
    if (tensor_.rows > kMaxDimension || tensor_.cols > kMaxDimension) return invalid("too large");
    const std::uint64_t strips = (tensor_.rows + kStripRows - 1) / kStripRows;
    tiles_per_strip_ = (tensor_.cols + kTileWidth - 1) / kTileWidth;
    if (strips != 0 && tiles_per_strip_ > kMaxTiles / strips) return invalid("too large");
    num_tiles_ = strips * tiles_per_strip_;
    return assign_codes();
  }

  /// Canonical codes as RFC 1951 assigns them: shorter codes first, then by pair. So the codes of
  /// one length are consecutive numbers, and only their count and order need be known.
  Result<void> assign_codes() {
    std::uint64_t unused = 1;  // bit strings of `length` bits that no code begins
    for (std::uint64_t length = 1; length <= kLongestCode; ++length) {
      for (std::uint64_t pair = 0; pair < kPairCount; ++pair) {
        if (code_length(pair) != length) continue;
        pairs_in_order_.push_back(pair);
        ++num_codes_[length];
      }
      if (num_codes_[length] > 2 * unused) return invalid("more codes than there are bit strings");
      unused = 2 * unused - num_codes_[length];
    }
    for (std::uint64_t pair = 0; pair < kPairCount; ++pair) {
      if (code_length(pair) > kLongestCode) return invalid("a code is too long");
    }
    if (!pairs_in_order_.empty() && unused != 0) return invalid("the code is not complete");
    return {};
  }
  /// A nibble a pair, the low one first.
  [[nodiscard]] std::uint64_t code_length(std::uint64_t pair) const {
    return byte_at(kCodeLengthsAt + pair / 2) >> (4 * (pair % 2)) & 0xf;
  }

  // ---- One chunk: 32 tiles, 32 bit strings ----

  Result<void> decode_chunk(std::uint64_t chunk) {
    if (family_ == kHuffmanFamily) UNWEIGHT_TRY(find_strings(chunk));
    for (std::uint64_t t = 0; t < kTilesPerChunk; ++t) {
      const std::uint64_t tile = chunk * kTilesPerChunk + t;
      if (tile < num_tiles_) UNWEIGHT_TRY(decode_tile(tile));
    }
    if (family_ == kHuffmanFamily) UNWEIGHT_TRY(check_ends());
    return overwrite_verbatim_rows(chunk);
  }

  /// The chunk's rows, or escapes, end where the next chunk's begin.
  Result<void> overwrite_verbatim_rows(std::uint64_t chunk) {
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t first,
                        section_integer(kVerbatimIndexSection, 2 * chunk, 4));
    std::uint64_t end = integer_at(kNumVerbatimRowsAt, 8);
    if ((chunk + 1) * kTilesPerChunk < num_tiles_) {
      UNWEIGHT_TRY_ASSIGN(end, section_integer(kVerbatimIndexSection, 2 * (chunk + 1), 4));
    }
    for (std::uint64_t n = first; n < end; ++n) {
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t position,
                          section_integer(kVerbatimPositionsSection, n, 2));
      if (family_ == kRadixFamily) {
        UNWEIGHT_TRY(overwrite_escape(chunk, position, n));
        continue;
      }
      const std::uint64_t lane = position & 31, step = position >> 5 & 3;
      const std::uint64_t tile = chunk * kTilesPerChunk + (position >> 7);
      if (position >> 12 != 0 || tile >= num_tiles_) return invalid("a verbatim row in no tile");
      for (std::uint64_t k = 0; k < kVerbatimRowWeights; ++k) {
        UNWEIGHT_TRY_ASSIGN(const std::uint64_t exponent,
                            section_integer(kVerbatimRowsSection, n * kVerbatimRowWeights + k, 1));
        put(tile, lane, kVerbatimRowWeights * step + k, exponent);
      }
    }
    return {};
  }

  /// Escape n is one weight; its position has the tile's number modulo 64.
  Result<void> overwrite_escape(std::uint64_t chunk, std::uint64_t position, std::uint64_t n) {
    const std::uint64_t k = position & 7, lane = position >> 3 & 31, step = position >> 8 & 3;
    const std::uint64_t tile = chunk * kTilesPerChunk + (position >> 10 & 31);
    if (tile % 64 != position >> 10 || tile >= num_tiles_) return invalid("an escape in no tile");
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t exponent, section_integer(kVerbatimRowsSection, n, 1));
    put(tile, lane, 8 * step + k, exponent);
    return {};
  }

  /// The lanes' strings lie back to back.
  Result<void> find_strings(std::uint64_t chunk) {
    const std::uint64_t entry = chunk * kStreamEntryBytes;
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t fields,
                        section_integer(kChunkStreamsSection, entry / 8, 8));
    const std::uint64_t offset = fields & ((std::uint64_t{1} << kOffsetBits) - 1);
    const std::uint64_t min_bits = fields >> kOffsetBits & ((1u << kMinLengthBits) - 1);
    length_shift_ = fields >> (kOffsetBits + kMinLengthBits);
    std::uint64_t next = 8 * offset;
    for (std::uint64_t lane = 0; lane < kLaneCount; ++lane) {
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t delta,
                          section_integer(kChunkStreamsSection, entry + kLaneDeltasAt + lane, 1));
      lanes_[lane] = {next, next + min_bits + (delta << length_shift_)};
      next = lanes_[lane].end;
    }
    return {};
  }

  /// A string has less filling behind its codes than its length is rounded to.
  [[nodiscard]] Result<void> check_ends() const {
    for (const LaneString& lane : lanes_) {
      if (lane.end - lane.next >= std::uint64_t{1} << length_shift_) {
        return invalid("a lane's string goes on behind its codes");
      }
    }
    return {};
  }

  Result<void> decode_tile(std::uint64_t tile) {
    for (std::uint64_t lane = 0; lane < kLaneCount; ++lane) {
      for (std::uint64_t i = 0; i < kLaneWeights; i += 2) {
        UNWEIGHT_TRY_ASSIGN(const std::uint64_t pair, next_pair(tile, lane, i));
        put(tile, lane, i, byte_at(kPaletteAt + (pair & 0xf)));
        put(tile, lane, i + 1, byte_at(kPaletteAt + (pair >> 4)));
      }
    }
    return {};
  }

  // ---- One pair, one weight ----

  /// The codes of weights i and i + 1 of a lane: the first in the low nibble.
  Result<std::uint64_t> next_pair(std::uint64_t tile, std::uint64_t lane, std::uint64_t i) {
    if (family_ == kPaletteFamily) {
      const std::uint64_t step = i / 8, r = i / 2 % 4;
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t word,
                          section_integer(kCodesSection, tile * 128 + lane * 4 + step, 4));
      return (word >> 4 * r & 0xf) | (word >> (16 + 4 * r) & 0xf) << 4;
    }
    if (family_ == kRadixFamily) {
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t first, radix_digit(tile, lane, i));
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t second, radix_digit(tile, lane, i + 1));
      return first | second << 4;
    }
    if (pairs_in_order_.empty()) return byte_at(kSingleSymbolAt);  // one symbol, no bits
    // A code's most significant bit comes first in the stream.
    std::uint64_t bits = 0, first_code = 0, first_index = 0;
    for (std::uint64_t length = 1; length <= kLongestCode; ++length) {
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t bit, next_bit(lanes_[lane]));
      bits = bits << 1 | bit;
      first_code <<= 1;  // the lowest code of this length
      if (bits < first_code + num_codes_[length]) {
        return pairs_in_order_[first_index + (bits - first_code)];
      }
      first_code += num_codes_[length];
      first_index += num_codes_[length];
    }
    return invalid("bits that are no code");
  }

  /// The field of weight i is one of two in 14 bits.
  Result<std::uint64_t> radix_digit(std::uint64_t tile, std::uint64_t lane, std::uint64_t i) {
    const std::uint64_t step = i / 8, r = i / 2 % 4, j = i % 2;
    const std::uint64_t words_at = tile * kRadixTileWords;
    const std::uint64_t at[] = {words_at + 2 * lane, words_at + 2 * lane + 1,
                                words_at + kRadixStep2At + lane};
    std::uint64_t fields = 0;
    if (step < 3) {
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t word, section_integer(kCodesSection, at[step], 4));
      fields = word >> 16 * j & 0x3fff;
    } else {
      UNWEIGHT_TRY_ASSIGN(
          const std::uint64_t rest,
          section_integer(kCodesSection, tile * kRadixTileBytes + kRadixRestAt + 2 * lane + j, 1));
      fields = rest << 6;
      for (std::uint64_t s = 0; s < 3; ++s) {
        UNWEIGHT_TRY_ASSIGN(const std::uint64_t word, section_integer(kCodesSection, at[s], 4));
        fields |= (word >> (16 * j + 14) & 3) << 2 * s;
      }
    }
    const std::uint64_t field = fields >> 7 * (r / 2) & 0x7f;
    return r % 2 == 0 ? field / kDigits : field % kDigits;
  }

  /// A byte's bit 0 comes first.
  Result<std::uint64_t> next_bit(LaneString& lane) {
    if (lane.next == lane.end) return invalid("a lane's codes are longer than its string");
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t byte,
                        section_integer(kStreamSection, lane.next / 8, 1));
    return byte >> lane.next++ % 8 & 1;
  }

  /// Joins exponent and sign_mantissa and puts weight i of a lane where it belongs in the matrix.
  void put(std::uint64_t tile, std::uint64_t lane, std::uint64_t i, std::uint64_t exponent) {
    const std::uint64_t group = lane / 4, thread = lane % 4;
    const std::uint64_t step = i / 8, r = i / 2 % 4, j = i % 2;
    const std::uint64_t row = tile / tiles_per_strip_ * kStripRows + group + (r % 2 == 1 ? 8 : 0);
    const std::uint64_t col =
        tile % tiles_per_strip_ * kTileWidth + 16 * step + (r / 2 == 1 ? 8 : 0) + 2 * thread + j;
    if (row >= tensor_.rows || col >= tensor_.cols) return;  // padding
    const std::uint64_t sign_mantissa =
        byte_at(section_offset(kSignMantissaSection) + tile * kTileWeights + 512 * (i / 16) +
                16 * lane + i % 16);
    tensor_.weights[row * tensor_.cols + col] = static_cast<std::uint16_t>(
        sign_mantissa >> 7 << 15 | exponent << 7 | (sign_mantissa & 0x7f));
  }

  std::span<const std::byte> blob_;
  ReferenceTensor tensor_;
  std::uint64_t family_ = 0;
  std::uint64_t tiles_per_strip_ = 0, num_tiles_ = 0;
  std::array<std::uint64_t, kLongestCode + 1> num_codes_{};  ///< of each length
  std::vector<std::uint64_t> pairs_in_order_;                ///< of their codes
  std::array<LaneString, kLaneCount> lanes_{};
  std::uint64_t length_shift_ = 0;
};

}  // namespace

Result<ReferenceTensor> reference_decode(std::span<const std::byte> blob) {
  return ReferenceDecoder(blob).decode();
}

}  // namespace unweight::codec
