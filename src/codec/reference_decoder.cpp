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
constexpr std::uint64_t kPaddingCodeAt = 13;
constexpr std::uint64_t kRowsAt = 16, kColsAt = 24, kPaletteAt = 32, kCodeLengthsAt = 48;
constexpr std::uint64_t kSectionTableAt = 104, kSectionEntryBytes = 24;
constexpr char kMagicText[] = "UNWEIGHT";
constexpr std::uint64_t kPaletteFamily = 1, kHuffmanFamily = 2, kBf16 = 1, kVersion = 1;

// "Sections": indices in the section table.
enum Section : std::uint64_t {
  kChunkOffsetsSection = 0,
  kVerbatimIndexSection = 1,
  kVerbatimTilesSection = 2,
  kVerbatimRowsSection = 3,
  kSignMantissaSection = 4,
  kCodesSection = 5,
  kStreamSection = 6,
};

// "Tile order".
constexpr std::uint64_t kStripRows = 16, kTileWidth = 64, kTileWeights = 1024;
constexpr std::uint64_t kTilesPerChunk = 32, kLaneCount = 32, kLaneWeights = 32;
constexpr std::uint64_t kMaxTiles = std::uint64_t{1} << 27;
constexpr int kWordBits = 16, kLongestCode = 8;

Error invalid(std::string what) {
  return {ErrorCode::kInvalidFormat, "reference decoder: " + std::move(what)};
}

/// One lane's bit string, as far as it has been handed out.
struct LaneBits {
  std::uint32_t bits = 0;
  int count = 0;
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
    if (family_ != kPaletteFamily && family_ != kHuffmanFamily) return invalid("unknown family");
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

  /// Canonical codes as RFC 1951 assigns them: shorter codes first, then by palette code. A code's
  /// most significant bit comes first in the stream.
  Result<void> assign_codes() {
    for (std::uint64_t c = 0; c < 16; ++c) {
      if (byte_at(kCodeLengthsAt + c) > kLongestCode) return invalid("a code is too long");
    }
    int next = 0;
    for (int length = 1; length <= kLongestCode; ++length) {
      for (std::uint64_t c = 0; c < 16; ++c) {
        if (byte_at(kCodeLengthsAt + c) != static_cast<std::uint64_t>(length)) continue;
        code_[c] = next++;
        longest_ = length;
      }
      if (next > 1 << length) return invalid("more codes than there are bit strings");
      next <<= 1;
    }
    if (longest_ > 0 && next != 2 << kLongestCode) return invalid("the code is not complete");
    return {};
  }

  // ---- One chunk: 32 tiles, one stream ----

  Result<void> decode_chunk(std::uint64_t chunk) {
    UNWEIGHT_TRY_ASSIGN(const std::uint64_t tile_mask,
                        section_integer(kVerbatimIndexSection, 2 * chunk, 4));
    UNWEIGHT_TRY_ASSIGN(std::uint64_t verbatim_tile,
                        section_integer(kVerbatimIndexSection, 2 * chunk + 1, 4));
    std::uint64_t end_word = 0;
    if (family_ == kHuffmanFamily) {
      UNWEIGHT_TRY_ASSIGN(next_word_, section_integer(kChunkOffsetsSection, chunk, 8));
      UNWEIGHT_TRY_ASSIGN(end_word, section_integer(kChunkOffsetsSection, chunk + 1, 8));
    }
    lanes_ = {};
    for (std::uint64_t t = 0; t < kTilesPerChunk; ++t) {
      const std::uint64_t tile = chunk * kTilesPerChunk + t;
      if (tile >= num_tiles_) break;
      std::uint64_t lane_mask = 0, verbatim_row = 0;
      if ((tile_mask >> t & 1) != 0) {
        UNWEIGHT_TRY_ASSIGN(lane_mask,
                            section_integer(kVerbatimTilesSection, 2 * verbatim_tile, 4));
        UNWEIGHT_TRY_ASSIGN(verbatim_row,
                            section_integer(kVerbatimTilesSection, 2 * verbatim_tile + 1, 4));
        ++verbatim_tile;
      }
      UNWEIGHT_TRY(decode_tile(tile, lane_mask, verbatim_row));
    }
    if (family_ == kHuffmanFamily && next_word_ != end_word) {
      return invalid("a chunk's stream does not end where the next one begins");
    }
    return {};
  }

  Result<void> decode_tile(std::uint64_t tile, std::uint64_t lane_mask,
                           std::uint64_t verbatim_row) {
    for (std::uint64_t lane = 0; lane < kLaneCount; ++lane) {
      if ((lane_mask >> lane & 1) == 0) continue;
      for (std::uint64_t i = 0; i < kLaneWeights; ++i) {
        UNWEIGHT_TRY_ASSIGN(const std::uint64_t exponent,
                            section_integer(kVerbatimRowsSection, verbatim_row * 32 + i, 1));
        put(tile, lane, i, exponent);
      }
      ++verbatim_row;
    }
    for (std::uint64_t i = 0; i < kLaneWeights; i += 2) {
      if (family_ == kHuffmanFamily) UNWEIGHT_TRY(refill(lane_mask));
      for (std::uint64_t lane = 0; lane < kLaneCount; ++lane) {
        if ((lane_mask >> lane & 1) != 0) continue;
        for (std::uint64_t j = 0; j < 2; ++j) {
          UNWEIGHT_TRY_ASSIGN(const std::uint64_t code, next_code(tile, lane, i + j));
          put(tile, lane, i + j, byte_at(kPaletteAt + code));
        }
      }
    }
    return {};
  }

  /// Every coded lane that may run short of two codes takes the next word, in lane order.
  Result<void> refill(std::uint64_t lane_mask) {
    for (std::uint64_t lane = 0; lane < kLaneCount; ++lane) {
      if ((lane_mask >> lane & 1) != 0 || lanes_[lane].count >= 2 * longest_) continue;
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t word, section_integer(kStreamSection, next_word_, 2));
      ++next_word_;
      lanes_[lane].bits |= static_cast<std::uint32_t>(word) << lanes_[lane].count;
      lanes_[lane].count += kWordBits;
    }
    return {};
  }

  // ---- One weight ----

  Result<std::uint64_t> next_code(std::uint64_t tile, std::uint64_t lane, std::uint64_t i) {
    if (family_ == kPaletteFamily) {
      const std::uint64_t step = i / 8, r = i / 2 % 4, j = i % 2;
      UNWEIGHT_TRY_ASSIGN(const std::uint64_t word,
                          section_integer(kCodesSection, tile * 128 + lane * 4 + step, 4));
      return word >> (4 * r + 16 * j) & 0xf;
    }
    if (longest_ == 0) return byte_at(kPaddingCodeAt) & 0xf;  // one symbol, no bits
    int bits = 0;
    for (int length = 1; length <= longest_; ++length) {
      bits = bits << 1 | static_cast<int>(lanes_[lane].bits & 1);
      lanes_[lane].bits >>= 1;
      --lanes_[lane].count;
      for (std::uint64_t c = 0; c < 16; ++c) {
        if (byte_at(kCodeLengthsAt + c) == static_cast<std::uint64_t>(length) && code_[c] == bits) {
          return c;
        }
      }
    }
    return invalid("bits that are no code");
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
  std::array<int, 16> code_{};  ///< canonical, most significant bit first
  int longest_ = 0;
  std::array<LaneBits, kLaneCount> lanes_{};
  std::uint64_t next_word_ = 0;
};

}  // namespace

Result<ReferenceTensor> reference_decode(std::span<const std::byte> blob) {
  return ReferenceDecoder(blob).decode();
}

}  // namespace unweight::codec
