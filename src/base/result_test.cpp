// SPDX-License-Identifier: BSD-3-Clause
#include "unweight/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "base/try.h"

namespace unweight {
namespace {

Result<std::unique_ptr<int>> half_of(int value) {
  if (value % 2 != 0) return Error{ErrorCode::kInvalidArgument, "odd"};
  return std::make_unique<int>(value / 2);
}

Result<int> quarter_of(int value) {
  UNWEIGHT_TRY_ASSIGN(auto half, half_of(value));
  UNWEIGHT_TRY_ASSIGN(const auto quarter, half_of(*half));
  return *quarter;
}

Result<void> check_twice(int value, int& reached) {
  UNWEIGHT_TRY(half_of(value));
  ++reached;
  UNWEIGHT_TRY(half_of(value / 2));
  ++reached;
  return {};
}

TEST(Result, CarriesAValueThatCanOnlyMove) {
  auto half = half_of(10);
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(**half, 5);
  const std::unique_ptr<int> taken = *std::move(half);
  EXPECT_EQ(*taken, 5);
}

TEST(Result, TryPassesTheErrorUpAndStopsThere) {
  EXPECT_EQ(*quarter_of(12), 3);
  const auto failed = quarter_of(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(failed.error().message, "odd");

  int reached = 0;
  EXPECT_FALSE(check_twice(6, reached));
  EXPECT_EQ(reached, 1);
  EXPECT_TRUE(check_twice(8, reached));
  EXPECT_EQ(reached, 3);
}

TEST(Result, ContextGoesInFront) {
  const Error error = Error{ErrorCode::kIo, "read: bad sector"}.with_context("shard 3");
  EXPECT_EQ(error.code, ErrorCode::kIo);
  EXPECT_EQ(error.message, "shard 3: read: bad sector");
}

TEST(Result, ReadingAValueThatIsNotThereThrows) {
  const Result<int> failed = Error{ErrorCode::kIo, "no"};
  EXPECT_THROW(static_cast<void>(failed.value()), std::bad_variant_access);
}

TEST(Result, CodeNamesAreDistinct) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code)
    names.insert(error_code_name(static_cast<ErrorCode>(code)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(ErrorCode::kInternal) + 1);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace unweight
