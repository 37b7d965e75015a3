// SPDX-License-Identifier: BSD-3-Clause
//
// The GPU encoder against the CPU encoder: the same bytes, whatever the weights.
#include "gpu_test_support.h"
#include "kernels/section_download.h"

namespace unweight::gpu_testing {
namespace {

using EncodeGpuTest = GpuTest;
using testing::HostileTensor;

gpu::DeviceMatrix matrix(const HostileTensor& t, const Guarded& weights) {
  return {weights.as<std::uint16_t>(), t.rows, t.cols, t.cols};
}

Guarded upload(const HostileTensor& t) {
  return Guarded::of(std::span<const std::uint16_t>(t.weights));
}

std::vector<std::byte> cpu_blob(const HostileTensor& t, Family family) {
  auto blob = encode(view_of(t), {.family = family, .self_check = false});
  EXPECT_TRUE(blob.ok());
  return blob ? std::move(blob).value() : std::vector<std::byte>();
}

TEST_F(EncodeGpuTest, BlobsAreThoseOfTheCpu) {
  for (const HostileTensor& t : test_tensors()) {
    const Guarded weights = upload(t);
    for (const Family family : kFamilies) {
      SCOPED_TRACE(t.name + " " + family_name(family));
      const auto blob = gpu::encode_blob(matrix(t, weights), family, nullptr);
      ASSERT_TRUE(blob.ok()) << blob.error().message;
      const auto expected = cpu_blob(t, family);
      ASSERT_EQ(blob->size(), expected.size());
      const auto differs = std::mismatch(blob->begin(), blob->end(), expected.begin());
      EXPECT_TRUE(differs.first == blob->end())
          << "first difference at byte " << differs.first - blob->begin();
    }
  }
}

// Rows that are neither dense nor aligned.
TEST_F(EncodeGpuTest, AnyStrideAndAlignment) {
  const HostileTensor t = testing::student_t_tensor(100, 200);
  const auto expected = cpu_blob(t, Family::kHuffman);
  for (const std::uint64_t stride : {200u, 201u, 208u, 333u}) {
    for (const std::uint64_t shift : {0u, 1u, 4u, 8u}) {
      SCOPED_TRACE("stride " + std::to_string(stride) + " shift " + std::to_string(shift));
      std::vector<std::uint16_t> strided(stride * t.rows + shift, 0x7fff);
      for (std::uint64_t r = 0; r < t.rows; ++r) {
        std::copy_n(t.weights.begin() + static_cast<std::ptrdiff_t>(r * t.cols), t.cols,
                    strided.begin() + static_cast<std::ptrdiff_t>(shift + r * stride));
      }
      const Guarded weights = Guarded::of(std::span<const std::uint16_t>(strided));
      const auto blob = gpu::encode_blob(
          {weights.as<std::uint16_t>() + shift, t.rows, t.cols, stride}, Family::kHuffman, nullptr);
      ASSERT_TRUE(blob.ok()) << blob.error().message;
      EXPECT_TRUE(*blob == expected);
    }
  }
}

// Twice into poisoned memory: the same bytes both times, guards intact.
TEST_F(EncodeGpuTest, DeterministicAndInsideItsSections) {
  const std::uint64_t n = small_sizes() ? 200 : 1500;
  for (const HostileTensor& t :
       {testing::student_t_tensor(n, 333), testing::random_bits_tensor(70, 130)}) {
    const Guarded weights = upload(t);
    for (const Family family : kFamilies) {
      const gpu::Extents extents = gpu::worst_case_extents(family, t.rows, t.cols);
      GuardedTensor tensor(extents);
      Guarded workspace(gpu::encode_workspace_bytes(family, t.rows, t.cols));
      std::vector<std::vector<std::uint8_t>> first;
      for (int run = 0; run < 2; ++run) {
        for (const Guarded* section : tensor.sections()) const_cast<Guarded*>(section)->poison();
        workspace.poison();
        ASSERT_TRUE(gpu::encode(matrix(t, weights), tensor.view, workspace.data(),
                                workspace.bytes(), nullptr, {.max_sms = run == 0 ? 0u : 5u})
                        .ok());
        const auto outcome = gpu::encode_outcome(tensor.view, nullptr);
        ASSERT_TRUE(outcome.ok());
        EXPECT_TRUE(outcome->fits);
        (void)workspace.read();
        std::vector<std::vector<std::uint8_t>> contents;
        for (const Guarded* section : tensor.sections()) contents.push_back(section->read());
        if (run == 0) first = contents;
        EXPECT_TRUE(first == contents);
      }
    }
  }
}

TEST_F(EncodeGpuTest, TooSmallExtentsAreReportedAndKept) {
  const HostileTensor t = testing::random_bits_tensor(100, 300);
  const Guarded weights = upload(t);
  struct TooSmall {
    Family family;
    bool few_rows;
  };
  for (const auto [family, few_rows] :
       {TooSmall{Family::kHuffman, true}, TooSmall{Family::kHuffman, false},
        TooSmall{Family::kRadix, true}}) {
    Guarded workspace(gpu::encode_workspace_bytes(family, t.rows, t.cols));
    gpu::Extents extents = gpu::worst_case_extents(family, t.rows, t.cols);
    (few_rows ? extents.num_verbatim_rows : extents.stream_bytes) = 100;
    GuardedTensor tensor(extents);
    ASSERT_TRUE(
        gpu::encode(matrix(t, weights), tensor.view, workspace.data(), workspace.bytes(), nullptr)
            .ok());
    const auto outcome = gpu::encode_outcome(tensor.view, nullptr);
    ASSERT_TRUE(outcome.ok());
    EXPECT_FALSE(outcome->fits);
    EXPECT_GT(few_rows ? outcome->num_verbatim_rows : outcome->stream_bytes, 100u);
    tensor.expect_guards_intact();
  }
}

// What encode() leaves in device memory is decoded as it is, with spare room and no known maximum.
TEST_F(EncodeGpuTest, EncodesDecodesInOneGraph) {
  const HostileTensor t = testing::student_t_tensor(300, 700);
  const Guarded weights = upload(t);
  auto stream = gpu::OwnedStream::create();
  ASSERT_TRUE(stream.ok());
  for (const Family family : kFamilies) {
    GuardedTensor tensor(gpu::worst_case_extents(family, t.rows, t.cols));
    Guarded workspace(gpu::encode_workspace_bytes(family, t.rows, t.cols));
    Guarded out(t.weights.size() * 2);
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(cudaStreamBeginCapture(stream->get(), cudaStreamCaptureModeGlobal), cudaSuccess);
    EXPECT_TRUE(gpu::encode(matrix(t, weights), tensor.view, workspace.data(), workspace.bytes(),
                            stream->get())
                    .ok());
    EXPECT_TRUE(
        gpu::decode(tensor.view, {out.as<std::uint16_t>(), t.rows, t.cols, t.cols}, stream->get())
            .ok());
    ASSERT_EQ(cudaStreamEndCapture(stream->get(), &graph), cudaSuccess);
    cudaGraphExec_t exec = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    for (int replay = 0; replay < 2; ++replay) {
      out.poison();
      ASSERT_EQ(cudaGraphLaunch(exec, stream->get()), cudaSuccess);
      ASSERT_EQ(cudaStreamSynchronize(stream->get()), cudaSuccess);
      EXPECT_TRUE(out.read<std::uint16_t>() == t.weights);
    }
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
  }
}

// Escapes, no more than that: as many as there are, and none where every weight is a digit.
TEST_F(EncodeGpuTest, RadixNeedsExactlyItsEscapes) {
  for (const HostileTensor& t :
       {testing::random_bits_tensor(100, 300), testing::student_t_tensor(100, 300),
        testing::one_exponent_tensor(40, 70)}) {
    SCOPED_TRACE(t.name);
    const Guarded weights = upload(t);
    const auto expected = gpu::blob_extents(cpu_blob(t, Family::kRadix));
    ASSERT_TRUE(expected.ok());
    GuardedTensor tensor(*expected);
    Guarded workspace(gpu::encode_workspace_bytes(Family::kRadix, t.rows, t.cols));
    ASSERT_TRUE(
        gpu::encode(matrix(t, weights), tensor.view, workspace.data(), workspace.bytes(), nullptr)
            .ok());
    const auto outcome = gpu::encode_outcome(tensor.view, nullptr);
    ASSERT_TRUE(outcome.ok());
    EXPECT_TRUE(outcome->fits);
    EXPECT_EQ(outcome->num_verbatim_rows, expected->num_verbatim_rows);
    tensor.expect_guards_intact();
    (void)workspace.read();
  }
}

TEST_F(EncodeGpuTest, ArgumentsAreChecked) {
  const HostileTensor t = testing::normal_tensor(64, 64);
  const Guarded weights = upload(t);
  const gpu::Extents extents = gpu::worst_case_extents(Family::kHuffman, 64, 64);
  GuardedTensor tensor(extents);
  Guarded workspace(gpu::encode_workspace_bytes(Family::kHuffman, 64, 64));
  const auto run = [&](const gpu::DeviceMatrix& m, const gpu::PackedTensor& out,
                       std::uint64_t workspace_bytes) {
    const auto result = gpu::encode(m, out, workspace.data(), workspace_bytes, nullptr);
    return result ? ErrorCode::kInternal : result.error().code;
  };
  const gpu::DeviceMatrix good = matrix(t, weights);
  gpu::DeviceMatrix m = good;
  m.rows = 65;
  EXPECT_EQ(run(m, tensor.view, workspace.bytes()), ErrorCode::kInvalidArgument);
  m = good;
  m.row_stride_elems = 63;
  EXPECT_EQ(run(m, tensor.view, workspace.bytes()), ErrorCode::kInvalidArgument);
  m = good;
  m.data = nullptr;
  EXPECT_EQ(run(m, tensor.view, workspace.bytes()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(run(good, tensor.view, workspace.bytes() - 1), ErrorCode::kInvalidArgument);
  gpu::PackedTensor out = tensor.view;
  out.stream += 1;
  EXPECT_EQ(run(good, out, workspace.bytes()), ErrorCode::kInvalidArgument);
  out = tensor.view;
  out.sign_mantissa = nullptr;
  EXPECT_EQ(run(good, out, workspace.bytes()), ErrorCode::kInvalidArgument);
  out = tensor.view;
  out.extents.family = Family::kRaw;
  EXPECT_EQ(run(good, out, workspace.bytes()), ErrorCode::kInvalidArgument);
  out = tensor.view;
  out.extents.family = Family::kRadix;
  out.codes = out.sign_mantissa;
  out.extents.num_verbatim_rows = codec::kMaxEscapes + 1;
  EXPECT_EQ(run(good, out, workspace.bytes()), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(
      gpu::encode_blob({nullptr, std::uint64_t{1} << 40, 1, 1}, Family::kPalette, nullptr).ok());
}

}  // namespace
}  // namespace unweight::gpu_testing
