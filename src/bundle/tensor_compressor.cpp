// SPDX-License-Identifier: BSD-3-Clause
#include "bundle/tensor_compressor.h"

#include <utility>

#include "bundle/engine_compressor.h"
#include "bundle/tensor_packer.h"

namespace unweight::bundle {
namespace {

class CodecCompressor final : public TensorCompressor {
 public:
  CodecCompressor(JobContext& job, bool self_check) : job_(job), packer_(job, self_check) {}

  Result<TensorSurvey> survey(TensorWindows& windows) override {
    return survey_tensor(job_, windows);
  }
  Result<packed::PackedHeader> pack(TensorWindows& windows, const codec::EncodePlan& plan,
                                    const TensorSurvey& survey, packed::BlobSink sink) override {
    return packer_.pack(windows, plan, survey, std::move(sink));
  }

 private:
  JobContext& job_;
  TensorPacker packer_;
};

/// The engine where it can, the CPU codec where not. Either continues what the other surveyed: a
/// survey is the same from both.
class EngineOrCodecCompressor final : public TensorCompressor {
 public:
  EngineOrCodecCompressor(JobContext& job, bool self_check)
      : engine_(job, self_check), codec_(job, self_check) {}

  Result<TensorSurvey> survey(TensorWindows& windows) override {
    on_engine_ = engine_.takes(windows.grid());
    if (!on_engine_) return codec_.survey(windows);
    Result<TensorSurvey> survey = engine_.survey(windows);
    if (survey || survey.error().code != ErrorCode::kOutOfMemory) return survey;
    give_up_engine();
    return codec_.survey(windows);
  }

  Result<packed::PackedHeader> pack(TensorWindows& windows, const codec::EncodePlan& plan,
                                    const TensorSurvey& survey, packed::BlobSink sink) override {
    if (!on_engine_) return codec_.pack(windows, plan, survey, std::move(sink));
    Result<packed::PackedHeader> header = engine_.pack(windows, plan, survey, sink);
    if (header || header.error().code != ErrorCode::kOutOfMemory) return header;
    give_up_engine();
    return codec_.pack(windows, plan, survey, std::move(sink));
  }

 private:
  void give_up_engine() {
    engine_.drop_tensor();
    on_engine_ = false;
  }

  EngineCompressor engine_;
  CodecCompressor codec_;
  bool on_engine_ = false;  ///< where the tensor at work is
};

}  // namespace

std::unique_ptr<TensorCompressor> make_tensor_compressor(JobContext& job, bool self_check) {
  if (job.engine == nullptr) return std::make_unique<CodecCompressor>(job, self_check);
  return std::make_unique<EngineOrCodecCompressor>(job, self_check);
}

}  // namespace unweight::bundle
