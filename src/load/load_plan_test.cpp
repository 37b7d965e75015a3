// SPDX-License-Identifier: BSD-3-Clause
//
// What a load decides before anything reaches a GPU: which tensors, checked how, to which place, in
// which pieces. Plans are carried out here on host memory.
#include "load/load_plan.h"
#include "load/ordered_hash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "base/thread_pool.h"
#include "bundle/bundle_test_support.h"
#include "layout/tile_order.h"
#include "load/bundle_listing.h"

namespace unweight::load {
namespace {

using testing::normal_tensor;
using testing::SafetensorsText;
using testing::TempDir;
using Resident = gpu::LoadOptions::Resident;
namespace fs = std::filesystem;

std::string model_text() {
  SafetensorsText file;
  file.add_bf16("large", {2048, 2048}, normal_tensor(2048, 2048).weights);
  file.add_bf16("small", {96, 128}, normal_tensor(96, 128, 0.3f, 2).weights);
  file.add("carried", "F32", {9}, testing::random_bytes(36, 1));
  file.add("empty", "F32", {0}, "");
  file.add_bf16("noise", {64, 64}, testing::random_bits_tensor(64, 64).weights);
  file.add_bf16("odd", {37, 5, 19}, normal_tensor(185, 19, 0.1f, 3).weights);
  return file.text();
}

class LoadPlanTest : public ::testing::Test {
 protected:
  fs::path make_bundle(std::optional<Family> family, const std::string& name = "b.safetensors") {
    testing::write_file(dir_ / "in.safetensors", model_text());
    CompressOptions options;
    options.family = family;
    options.overwrite = true;
    const auto done = compress(dir_ / "in.safetensors", dir_ / name, options);
    EXPECT_TRUE(done) << done.error().message;
    return dir_ / name;
  }
  Result<BundleListing> list(const fs::path& path, bool verify = true, TensorFilter filter = {}) {
    return list_bundle(path, filter, verify, pool_);
  }

  TempDir dir_;
  ThreadPool pool_{2};
};

/// What threads and copy engine would do: every part to its target, nothing twice.
struct HostMemory {
  std::vector<std::byte> arena;
  std::vector<int> writes;
  std::map<std::size_t, std::vector<std::byte>> scratch;  ///< by tensor

  HostMemory(const BundleListing& listing, const LoadPlan& plan)
      : arena(plan.arena_bytes), writes(plan.arena_bytes) {
    carry_out(listing, plan);
  }
  void carry_out(const BundleListing& listing, const LoadPlan& plan) {
    for (const WorkUnit& unit : plan.units) {
      const ListedTensor& tensor = listing.tensors[unit.tensor];
      if (unit.scratch_bytes != 0) scratch[unit.tensor].resize(unit.scratch_bytes);
      std::uint64_t bytes = 0;
      for (const CopyPart& part : unit.parts) {
        bytes += part.bytes;
        if (part.source == CopyPart::Source::kRecord) continue;
        const bool to_scratch = part.target == CopyPart::Target::kScratch;
        std::vector<std::byte>& memory = to_scratch ? scratch.at(unit.tensor) : arena;
        ASSERT_LE(part.target_offset + part.bytes, memory.size()) << part.what;
        if (part.source == CopyPart::Source::kIndices) {
          ASSERT_LE(part.source_offset + part.bytes, tensor.indices.size());
          std::memcpy(memory.data() + part.target_offset,
                      tensor.indices.data() + part.source_offset, part.bytes);
        } else {
          const auto out = std::span(memory).subspan(part.target_offset, part.bytes);
          ASSERT_TRUE(listing.files[tensor.file].bundle.file.read_at(part.source_offset, out));
        }
        if (to_scratch) continue;
        for (std::uint64_t i = 0; i < part.bytes; ++i) ++writes[part.target_offset + i];
      }
      EXPECT_EQ(bytes, unit.bytes);
    }
    EXPECT_LE(*std::max_element(writes.begin(), writes.end()), 1);
  }
};

std::vector<std::byte> blob_of(const BundleListing& listing, const ListedTensor& tensor) {
  std::vector<std::byte> blob(listing.stored(tensor).stored_bytes);
  EXPECT_TRUE(
      listing.files[tensor.file].bundle.file.read_at(listing.stored(tensor).stored_offset, blob));
  return blob;
}

std::uint64_t offset_in(const std::byte* p, const std::vector<std::byte>& memory) {
  return static_cast<std::uint64_t>(p - memory.data());
}

void expect_section(const std::vector<std::byte>& blob, const packed::PackedHeader& header,
                    packed::SectionId id, const std::vector<std::byte>& memory,
                    std::uint64_t offset) {
  const packed::SectionEntry& section = header.sections[static_cast<std::size_t>(id)];
  ASSERT_LE(offset + section.bytes, memory.size());
  EXPECT_EQ(offset % 256, 0u);
  EXPECT_TRUE(std::equal(memory.begin() + static_cast<std::ptrdiff_t>(offset),
                         memory.begin() + static_cast<std::ptrdiff_t>(offset + section.bytes),
                         blob.begin() + static_cast<std::ptrdiff_t>(section.offset)))
      << "section " << static_cast<int>(id);
}

/// What makes chains of a test's sections.
constexpr PlanLimits kSmallLimits{.split_bytes = 4096, .chain_piece_bytes = 1024, .whole_bytes = 0};

void check_plan(const BundleListing& listing, Resident resident, bool verify,
                const PlanLimits& limits = {}) {
  const LoadPlan plan = plan_load(listing, resident, verify, 1000, limits);
  HostMemory memory(listing, plan);
  if (plan.num_chains == 0) {
    EXPECT_TRUE(std::is_sorted(plan.units.begin(), plan.units.end(),
                               [](const auto& a, const auto& b) { return a.bytes > b.bytes; }));
  }
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < listing.tensors.size(); ++i) {
    const ListedTensor& tensor = listing.tensors[i];
    const TensorPlace& place = plan.places[i];
    EXPECT_EQ(place.begin, end);
    EXPECT_EQ(place.begin % 256, 0u);
    end = place.begin + place.bytes;
    const std::vector<std::byte> stored = blob_of(listing, tensor);
    if (!tensor.packed) {
      EXPECT_EQ(place.family, Family::kRaw);
      EXPECT_TRUE(std::equal(stored.begin(), stored.end(),
                             memory.arena.begin() + static_cast<std::ptrdiff_t>(place.begin)));
      continue;
    }
    using packed::SectionId;
    const gpu::PackedTensor placed = placed_tensor(tensor.header, place, memory.arena.data());
    const auto stored_family = static_cast<Family>(tensor.header.family);
    EXPECT_EQ(place.family, resident == Resident::kPalette ? Family::kPalette : stored_family);
    EXPECT_EQ(placed.extents.family, place.family);
    EXPECT_EQ(placed.extents.num_verbatim_rows, tensor.header.num_verbatim_rows);
    const auto expect = [&](SectionId id, const std::byte* at) {
      expect_section(stored, tensor.header, id, memory.arena, offset_in(at, memory.arena));
    };
    EXPECT_EQ(offset_in(placed.record, memory.arena), place.begin);
    expect(SectionId::kVerbatimIndex, placed.verbatim_index);
    expect(SectionId::kVerbatimPositions, placed.verbatim_positions);
    expect(SectionId::kVerbatimRows, placed.verbatim_rows);
    expect(SectionId::kSignMantissa, placed.sign_mantissa);
    if (place.family == Family::kHuffman) {
      expect(SectionId::kChunkStreams, placed.chunk_streams);
      expect(SectionId::kStream, placed.stream);
    } else if (stored_family == Family::kPalette) {
      expect(SectionId::kCodes, placed.codes);
    } else {
      const layout::TileGrid grid{tensor.header.rows, tensor.header.cols};
      EXPECT_LE(offset_in(placed.codes, memory.arena) + grid.num_tiles() * 512, end);
      const std::vector<std::byte>& scratch = memory.scratch.at(i);
      expect_section(stored, tensor.header, SectionId::kChunkStreams, scratch, 0);
      expect_section(stored, tensor.header, SectionId::kStream, scratch,
                     scratch_stream_offset(tensor.header));
    }
  }
  EXPECT_EQ(end, plan.arena_bytes);
}

TEST_F(LoadPlanTest, EveryByteGoesToItsPlaceOnce) {
  for (const auto family : {Family::kHuffman, Family::kPalette}) {
    const auto listing = list(make_bundle(family));
    ASSERT_TRUE(listing) << listing.error().message;
    ASSERT_EQ(listing->tensors.size(), 6u);
    for (const auto resident : {Resident::kAsStored, Resident::kPalette}) {
      for (const bool verify : {true, false}) {
        check_plan(*listing, resident, verify);
        check_plan(*listing, resident, verify, kSmallLimits);
      }
    }
  }
}

TEST_F(LoadPlanTest, RadixIsNotLoadedYet) {
  const auto listing = list(make_bundle(Family::kRadix));
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, ErrorCode::kUnsupported);
}

TEST_F(LoadPlanTest, SectionsOfLargeTensorsAreUnitsOfTheirOwn) {
  const auto listing = list(make_bundle(Family::kHuffman));
  ASSERT_TRUE(listing) << listing.error().message;
  const LoadPlan plan = plan_load(*listing, Resident::kAsStored, true, 2);
  const std::size_t large = plan.units.front().tensor;
  EXPECT_EQ(listing->original(listing->tensors[large]).name, "large");
  std::map<std::size_t, int> units;
  for (const WorkUnit& unit : plan.units) ++units[unit.tensor];
  EXPECT_EQ(units[large], 3);  // sign_mantissa, stream, all others
  for (const auto& [tensor, count] : units) EXPECT_EQ(count, tensor == large ? 3 : 1);
  EXPECT_TRUE(plan.scratch_slots.empty());
  for (const WorkUnit& unit : plan.units) {
    for (const CopyPart& part : unit.parts) {
      EXPECT_EQ(part.hashed, part.source == CopyPart::Source::kFile) << part.what;
    }
  }
}

// Pieces of a chain are taken in order, follow one another, and hash to the section's checksum, on
// however many threads.
TEST_F(LoadPlanTest, ChainsAreTheirSections) {
  const auto listing = list(make_bundle(Family::kHuffman));
  ASSERT_TRUE(listing) << listing.error().message;
  const LoadPlan plan = plan_load(*listing, Resident::kAsStored, true, 1000, kSmallLimits);
  ASSERT_GE(plan.num_chains, 2u);
  std::vector<OrderedHash> hashes(plan.num_chains);
  std::vector<std::uint64_t> next(plan.num_chains), ends(plan.num_chains);
  for (const WorkUnit& unit : plan.units) {
    for (const CopyPart& part : unit.parts) {
      if (part.chain == CopyPart::kNoChain) continue;
      EXPECT_LE(part.bytes, kSmallLimits.chain_piece_bytes);
      EXPECT_EQ(part.chain_offset, next[part.chain]);
      next[part.chain] += part.bytes;
      ends[part.chain] += part.ends_chain ? 1 : 0;
    }
  }
  EXPECT_EQ(ends, std::vector<std::uint64_t>(plan.num_chains, 1));
  std::atomic<std::size_t> checked{0};
  ThreadPool pool(4);
  const auto done = pool.parallel_for(plan.units.size(), [&](std::size_t i, unsigned) {
    for (const CopyPart& part : plan.units[i].parts) {
      if (part.chain == CopyPart::kNoChain) continue;
      std::vector<std::byte> bytes(part.bytes);
      const ListedTensor& tensor = listing->tensors[plan.units[i].tensor];
      auto read = listing->files[tensor.file].bundle.file.read_at(part.source_offset, bytes);
      if (!read) return read;
      EXPECT_TRUE(hashes[part.chain].add(part.chain_offset, bytes));
      if (!part.ends_chain) continue;
      EXPECT_EQ(hashes[part.chain].digest(), part.xxh3) << part.what;
      ++checked;
    }
    return Result<void>();
  });
  EXPECT_TRUE(done.ok());
  EXPECT_EQ(checked, plan.num_chains);
}

TEST(OrderedHash, NobodyWaitsAfterGivingUp) {
  OrderedHash hash;
  std::thread waiting([&] { EXPECT_FALSE(hash.add(1, {})); });
  hash.give_up();
  waiting.join();
  EXPECT_FALSE(hash.add(0, {}));
}

TEST_F(LoadPlanTest, ScratchHoldsTheLargestStreamsOfAllThreads) {
  const auto listing = list(make_bundle(Family::kHuffman));
  ASSERT_TRUE(listing) << listing.error().message;
  std::vector<std::uint64_t> wanted;
  for (const WorkUnit& unit : plan_load(*listing, Resident::kPalette, true, 1).units) {
    if (unit.scratch_bytes != 0) wanted.push_back(unit.scratch_bytes);
  }
  std::sort(wanted.rbegin(), wanted.rend());
  ASSERT_GE(wanted.size(), 2u);
  for (unsigned threads = 1; threads <= 8; ++threads) {
    const auto slots = plan_load(*listing, Resident::kPalette, true, threads).scratch_slots;
    ASSERT_EQ(slots.size(), std::min<std::size_t>(threads, wanted.size()));
    EXPECT_TRUE(std::equal(slots.begin(), slots.end(), wanted.begin()));
  }
}

TEST_F(LoadPlanTest, FilterChoosesTensors) {
  const fs::path bundle = make_bundle({});
  const auto listing = list(bundle, true, {.include = {"*l*"}, .exclude = {"large"}});
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->tensors.size(), 1u);
  EXPECT_EQ(listing->original(listing->tensors[0]).name, "small");
  const auto refused = list(bundle, true, {.include = {"["}, .exclude = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST_F(LoadPlanTest, DirectoriesAreListedWhole) {
  testing::write_file(dir_ / "model/b.safetensors", testing::small_model_file(1));
  SafetensorsText other;
  other.add_bf16("other", {64, 64}, normal_tensor(64, 64).weights);
  testing::write_file(dir_ / "model/a/a.safetensors", other.text());
  ASSERT_TRUE(compress(dir_ / "model", dir_ / "packed"));
  const auto listing = list(dir_ / "packed");
  ASSERT_TRUE(listing) << listing.error().message;
  ASSERT_EQ(listing->files.size(), 2u);
  EXPECT_EQ(listing->files[0].name, "a/a.safetensors");
  EXPECT_EQ(listing->tensors.size(), 4u);
  check_plan(*listing, Resident::kAsStored, true);

  // A file that unweight.json does not describe; a directory that is none.
  testing::write_file(dir_ / "packed/b.safetensors",
                      testing::read_file(dir_ / "packed/a/a.safetensors"));
  EXPECT_EQ(list(dir_ / "packed").error().code, ErrorCode::kInvalidFormat);
  EXPECT_EQ(list(dir_ / "model").error().code, ErrorCode::kInvalidFormat);
  EXPECT_EQ(list(dir_ / "nothing").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(list(dir_ / "model/b.safetensors").error().code, ErrorCode::kInvalidFormat);
}

TEST_F(LoadPlanTest, ANameInTwoFilesIsRefused) {
  testing::write_file(dir_ / "model/a.safetensors", testing::small_model_file(1));
  testing::write_file(dir_ / "model/b.safetensors", testing::small_model_file(2));
  ASSERT_TRUE(compress(dir_ / "model", dir_ / "packed"));
  const auto listing = list(dir_ / "packed");
  ASSERT_FALSE(listing);
  EXPECT_EQ(listing.error().code, ErrorCode::kInvalidFormat);
  EXPECT_NE(listing.error().message.find("a.weight"), std::string::npos);
}

/// Flips one bit at a time in what is validated before anything is copied.
TEST_F(LoadPlanTest, DamageInHeaderIndicesAndGapsIsFoundBeforeCopying) {
  const fs::path path = make_bundle(Family::kHuffman);
  const std::string good = testing::read_file(path);
  const auto listing = list(path);
  ASSERT_TRUE(listing) << listing.error().message;
  for (const ListedTensor& tensor : listing->tensors) {
    if (!tensor.packed || listing->original(tensor).name == "large") continue;
    const std::uint64_t blob = listing->stored(tensor).stored_offset;
    std::vector<std::uint64_t> offsets;
    for (std::uint64_t i = 0; i < sizeof(packed::PackedHeader); i += 5) offsets.push_back(i);
    for (std::size_t s = 0; s < packed::kNumSections; ++s) {
      const packed::SectionEntry& section = tensor.header.sections[s];
      const std::uint64_t end = section.offset + section.bytes;
      if (s <= 2 && section.bytes != 0) {
        offsets.push_back(section.offset);
        offsets.push_back(end - 1);
      }
      if (packed::align_up(end) != end) offsets.push_back(packed::align_up(end) - 1);
    }
    const packed::SectionEntry& stream = tensor.header.sections[6];
    offsets.push_back(stream.offset + stream.bytes - 1);  // the tail
    for (const std::uint64_t offset : offsets) {
      std::string bad = good;
      bad[blob + offset] = static_cast<char>(bad[blob + offset] ^ 0x40);
      testing::write_file(dir_ / "bad.safetensors", bad);
      const auto refused = list(dir_ / "bad.safetensors");
      ASSERT_FALSE(refused) << "offset " << offset;
      const std::string& name = listing->original(tensor).name;
      EXPECT_EQ(refused.error().message.find("bad.safetensors: " + name + ": "), 0u)
          << refused.error().message;
      EXPECT_TRUE(refused.error().code == ErrorCode::kInvalidFormat ||
                  refused.error().code == ErrorCode::kChecksumMismatch ||
                  refused.error().code == ErrorCode::kUnsupported);
    }
  }
}

/// With right checksums, or none looked at, indices that lie must not pass.
TEST_F(LoadPlanTest, IndicesAreCheckedWithoutChecksumsToo) {
  const fs::path path = make_bundle(Family::kHuffman);
  const auto listing = list(path);
  ASSERT_TRUE(listing) << listing.error().message;
  std::string bad = testing::read_file(path);
  for (const ListedTensor& tensor : listing->tensors) {
    if (listing->original(tensor).name != "small") continue;
    bad[listing->stored(tensor).stored_offset + tensor.header.sections[0].offset] ^= 1;
  }
  testing::write_file(dir_ / "bad.safetensors", bad);
  const auto refused = list(dir_ / "bad.safetensors", false);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidFormat);
}

}  // namespace
}  // namespace unweight::load
