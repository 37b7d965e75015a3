// SPDX-License-Identifier: BSD-3-Clause
//
// An engine made of the CPU codec: it does what a GPU would, holds every caller to the order of
// calls in bundle/tensor_engine.h, and fails where it is told to.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bundle/tensor_engine.h"
#include "codec/chunk_decoder.h"
#include "packed/chunk_self_check.h"
#include "packed/packed_reader.h"

namespace unweight::testing {

enum class EngineCall {
  kBeginEncode,
  kAppendRows,
  kAnalyze,
  kEncode,
  kSelfCheck,
  kReadChunks,
  kBeginDecode,
  kAppendSection,
  kDecode,
  kReadRows
};
inline constexpr std::array kEncodeCalls = {EngineCall::kBeginEncode, EngineCall::kAppendRows,
                                            EngineCall::kAnalyze,     EngineCall::kEncode,
                                            EngineCall::kSelfCheck,   EngineCall::kReadChunks};
inline constexpr std::array kDecodeCalls = {EngineCall::kBeginDecode, EngineCall::kAppendSection,
                                            EngineCall::kDecode, EngineCall::kReadRows};

/// What a test asks of an engine, and what it saw of it.
struct EngineScript {
  struct Failure {
    EngineCall call{};
    int nth = 1;  ///< of these calls, from 1
    ErrorCode code{};
  };
  std::optional<Failure> failure;
  bool takes_tensors = true;
  bool wrong_statistics = false;  ///< analyze() miscounts a weight
  bool wrong_rows = false;        ///< read_rows() gives a wrong bit
  std::function<void(EngineCall)> on_call;

  std::map<EngineCall, int> calls;
  int living = 0;  ///< encoders and decoders
  std::atomic<bool> busy{false};

  /// Runs the body of a call, or fails as told.
  template <typename Body>
  auto run(EngineCall call, const Body& body) -> decltype(body()) {
    EXPECT_FALSE(busy.exchange(true)) << "two calls at a time";
    const int nth = ++calls[call];
    if (on_call) on_call(call);
    const bool fails = failure && failure->call == call && failure->nth == nth;
    auto result = fails ? decltype(body()){Error{failure->code, "told to fail"}} : body();
    busy = false;
    return result;
  }
};

/// Counts the encoders and decoders that live: one at most.
class LifeCount {
 public:
  explicit LifeCount(EngineScript& script) : script_(script) { EXPECT_EQ(++script_.living, 1); }
  ~LifeCount() { --script_.living; }
  LifeCount(const LifeCount&) = delete;
  LifeCount& operator=(const LifeCount&) = delete;

 private:
  EngineScript& script_;
};

class CodecEngineEncoder final : public EngineEncoder {
 public:
  CodecEngineEncoder(EngineScript& script, const layout::TileGrid& grid)
      : script_(script), life_(script), grid_(grid), analyzer_(grid, 1) {}

  Result<void> append_rows(std::span<const std::uint16_t> rows) override {
    return script_.run(EngineCall::kAppendRows, [&]() -> Result<void> {
      EXPECT_EQ(rows.size() % grid_.cols, 0u);
      rows_.insert(rows_.end(), rows.begin(), rows.end());
      return {};
    });
  }

  Result<EngineStatistics> analyze() override {
    return script_.run(EngineCall::kAnalyze, [&]() -> Result<EngineStatistics> {
      EXPECT_EQ(rows_.size(), grid_.num_elems());
      analyzer_.count_exponents(rows_, 0);
      if (auto done = analyzer_.finish_exponents(); !done) return done.error();
      analyzer_.count_codes(window(), {0, grid_.num_chunks()}, 0);
      if (auto done = analyzer_.finish(); !done) return done.error();
      EngineStatistics statistics = analyzer_.counts();
      if (script_.wrong_statistics) ++statistics.exponents[0];
      return statistics;
    });
  }

  Result<void> encode(const codec::EncodePlan& plan) override {
    return script_.run(EngineCall::kEncode, [&]() -> Result<void> {
      const codec::EncodePlan own = analyzer_.plan(plan.family);
      EXPECT_EQ(own.palette, plan.palette);
      EXPECT_EQ(own.padding_code, plan.padding_code);
      if (plan.family == Family::kHuffman) {
        EXPECT_EQ(own.code.bits, plan.code.bits);
        EXPECT_EQ(own.code.lengths, plan.code.lengths);
      }
      plan_ = plan;
      return {};
    });
  }

  Result<void> self_check() override {
    return script_.run(EngineCall::kSelfCheck, [&]() -> Result<void> {
      codec::EncodedChunks encoded;
      codec::encode_chunks(*plan_, window(), {0, grid_.num_chunks()}, encoded);
      return packed::ChunkSelfCheck().check(*plan_, window(), {0, grid_.num_chunks()}, encoded);
    });
  }

  Result<void> read_chunks(codec::ChunkRange chunks, codec::EncodedChunks& out) override {
    return script_.run(EngineCall::kReadChunks, [&]() -> Result<void> {
      EXPECT_EQ(chunks.first, next_chunk_);
      next_chunk_ += chunks.count;
      EXPECT_LE(next_chunk_, grid_.num_chunks());
      codec::encode_chunks(*plan_, window(), chunks, out);
      if (plan_->family == Family::kHuffman) out.codes.clear();
      return {};
    });
  }

 private:
  [[nodiscard]] codec::SourceWindow window() const {
    return {rows_.data(), 0, grid_.rows, grid_.cols};
  }

  EngineScript& script_;
  LifeCount life_;
  layout::TileGrid grid_;
  packed::TensorAnalyzer analyzer_;
  std::vector<std::uint16_t> rows_;
  std::optional<codec::EncodePlan> plan_;
  std::uint64_t next_chunk_ = 0;
};

class CodecEngineDecoder final : public EngineDecoder {
 public:
  CodecEngineDecoder(EngineScript& script, const packed::PackedHeader& header)
      : script_(script), life_(script), header_(header) {}

  Result<void> append_section(packed::SectionId id, std::span<const std::byte> bytes) override {
    return script_.run(EngineCall::kAppendSection, [&]() -> Result<void> {
      EXPECT_FALSE(bytes.empty());
      EXPECT_LE(last_, id) << "sections come by ascending id";
      last_ = id;
      std::vector<std::uint64_t>& words = sections_[id];
      std::uint64_t& size = sizes_[id];
      words.resize((size + bytes.size() + 7) / 8);
      std::memcpy(reinterpret_cast<std::byte*>(words.data()) + size, bytes.data(), bytes.size());
      size += bytes.size();
      return {};
    });
  }

  Result<void> decode() override {
    return script_.run(EngineCall::kDecode, [&]() -> Result<void> {
      using packed::SectionId;
      for (std::size_t i = 0; i < packed::kNumSections; ++i)
        EXPECT_EQ(sizes_[static_cast<SectionId>(i)], header_.sections[i].bytes) << i;
      auto opened = packed::view_without_sections(header_);
      if (!opened) return std::move(opened).error();
      codec::EncodedView& view = *opened;
      view.chunk_streams = section<codec::ChunkStreamEntry>(SectionId::kChunkStreams);
      view.verbatim_index = section<codec::VerbatimIndexEntry>(SectionId::kVerbatimIndex);
      view.verbatim_positions = section<codec::VerbatimPosition>(SectionId::kVerbatimPositions);
      view.verbatim_rows = section<std::uint8_t>(SectionId::kVerbatimRows);
      view.sign_mantissa = section<std::uint8_t>(SectionId::kSignMantissa);
      view.codes = section<std::uint8_t>(SectionId::kCodes);
      view.stream = section<std::uint8_t>(SectionId::kStream);
      rows_.resize(view.grid.num_elems());
      return codec::decode_chunks(view, 0, view.grid.num_chunks(),
                                  {rows_.data(), 0, view.grid.rows, view.grid.cols});
    });
  }

  Result<void> read_rows(std::uint64_t first, std::uint64_t count,
                         std::span<std::uint16_t> out) override {
    return script_.run(EngineCall::kReadRows, [&]() -> Result<void> {
      EXPECT_EQ(out.size(), count * header_.cols);
      const auto from = std::span<const std::uint16_t>(rows_).subspan(first * header_.cols);
      std::copy_n(from.begin(), out.size(), out.begin());
      if (script_.wrong_rows) out.back() ^= 1;
      return {};
    });
  }

 private:
  template <typename T>
  std::span<const T> section(packed::SectionId id) {
    return {reinterpret_cast<const T*>(sections_[id].data()),
            static_cast<std::size_t>(sizes_[id] / sizeof(T))};
  }

  EngineScript& script_;
  LifeCount life_;
  packed::PackedHeader header_;
  packed::SectionId last_{};
  std::map<packed::SectionId, std::vector<std::uint64_t>> sections_;  // aligned for every record
  std::map<packed::SectionId, std::uint64_t> sizes_;
  std::vector<std::uint16_t> rows_;
};

/// `script` outlives the engine.
class CodecEngine final : public TensorEngine {
 public:
  explicit CodecEngine(EngineScript& script) : script_(script) {}

  bool can_encode(const layout::TileGrid&) override {
    EXPECT_EQ(script_.living, 0) << "the tensor before is still there";
    return script_.takes_tensors;
  }
  bool can_decode(const layout::TileGrid&, Family family, std::uint64_t packed_bytes) override {
    EXPECT_EQ(script_.living, 0) << "the tensor before is still there";
    EXPECT_NE(family, Family::kRaw);
    EXPECT_GT(packed_bytes, sizeof(packed::PackedHeader));
    return script_.takes_tensors;
  }
  Result<std::unique_ptr<EngineEncoder>> begin_encode(const layout::TileGrid& grid) override {
    using Made = Result<std::unique_ptr<EngineEncoder>>;
    return script_.run(EngineCall::kBeginEncode,
                       [&] { return Made(std::make_unique<CodecEngineEncoder>(script_, grid)); });
  }
  Result<std::unique_ptr<EngineDecoder>> begin_decode(const packed::PackedHeader& header) override {
    using Made = Result<std::unique_ptr<EngineDecoder>>;
    return script_.run(EngineCall::kBeginDecode,
                       [&] { return Made(std::make_unique<CodecEngineDecoder>(script_, header)); });
  }

 private:
  EngineScript& script_;
};

}  // namespace unweight::testing
