// SPDX-License-Identifier: BSD-3-Clause
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "safetensors/safetensors.h"

namespace unweight::safetensors {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;

class ModelFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "unweight-model-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    temporary_ = name;
    dir_ = temporary_ / "model";
    fs::create_directory(dir_);
  }
  void TearDown() override { fs::remove_all(temporary_); }

  void write(const fs::path& relative) const {
    fs::create_directories((dir_ / relative).parent_path());
    std::ofstream(dir_ / relative) << "x";
  }
  void expect_refused(ErrorCode code, const std::string& reason) const {
    const auto files = list_model_files(dir_);
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, code);
    EXPECT_NE(files.error().message.find(reason), std::string::npos) << files.error().message;
  }

  fs::path temporary_, dir_;
};

TEST_F(ModelFilesTest, SortsFilesByKindRecursively) {
  for (const char* name :
       {"model-2.safetensors", "model-1.safetensors", "model.safetensors.index.json", "config.json",
        "unet/part.safetensors", "unet/deep/er/readme.md", ".gitattributes", "safetensors",
        "model.safetensors.bak", "unet/x.safetensors.index.json", "b\xFF.txt"})
    write(name);
  for (const fs::path& root : {dir_, dir_ / "", dir_ / "unet" / ".."}) {
    const auto files = list_model_files(root);
    ASSERT_TRUE(files) << files.error().message;
    EXPECT_TRUE(files->is_directory);
    EXPECT_EQ(files->root, root);
    EXPECT_EQ(files->weight_files,
              (Paths{"model-1.safetensors", "model-2.safetensors", "unet/part.safetensors"}));
    EXPECT_EQ(files->index_files,
              (Paths{"model.safetensors.index.json", "unet/x.safetensors.index.json"}));
    EXPECT_EQ(files->other_files,
              (Paths{".gitattributes", "b\xFF.txt", "config.json", "model.safetensors.bak",
                     "safetensors", "unet/deep/er/readme.md"}));
  }
}

TEST_F(ModelFilesTest, OneFile) {
  write("anything.bin");
  const auto files = list_model_files(dir_ / "anything.bin");
  ASSERT_TRUE(files);
  EXPECT_FALSE(files->is_directory);
  EXPECT_EQ(files->root, dir_);
  EXPECT_EQ(files->weight_files, Paths{"anything.bin"});
  EXPECT_TRUE(files->other_files.empty());
}

TEST_F(ModelFilesTest, FollowsLinksToFilesAsHubCachesHaveThem) {
  std::ofstream(temporary_ / "blob") << "x";
  fs::create_symlink("../blob", dir_ / "model.safetensors");
  fs::create_symlink("model.safetensors", dir_ / "config.json");
  const auto files = list_model_files(dir_);
  ASSERT_TRUE(files) << files.error().message;
  EXPECT_EQ(files->weight_files, Paths{"model.safetensors"});
  EXPECT_EQ(files->other_files, Paths{"config.json"});

  fs::create_directory_symlink(dir_, temporary_ / "link");
  EXPECT_TRUE(list_model_files(temporary_ / "link")) << "the root itself may be a link";
}

TEST_F(ModelFilesTest, RefusesDanglingLinks) {
  fs::create_symlink("nowhere", dir_ / "model.safetensors");
  expect_refused(ErrorCode::kNotFound, "model.safetensors is a dangling symbolic link");
}

TEST_F(ModelFilesTest, RefusesLinksInACircle) {
  fs::create_symlink("b", dir_ / "a");
  fs::create_symlink("a", dir_ / "b");
  EXPECT_FALSE(list_model_files(dir_));
}

TEST_F(ModelFilesTest, RefusesLinksToDirectories) {
  fs::create_directory_symlink(dir_, dir_ / "loop");
  expect_refused(ErrorCode::kInvalidArgument, "loop is a symbolic link to a directory");
}

TEST_F(ModelFilesTest, RefusesSpecialFiles) {
  write("sub/config.json");
  ASSERT_EQ(::mkfifo((dir_ / "sub" / "pipe").c_str(), 0600), 0);
  expect_refused(ErrorCode::kInvalidArgument, "pipe is neither a regular file nor a directory");
  EXPECT_FALSE(list_model_files(dir_ / "sub" / "pipe"));
}

TEST_F(ModelFilesTest, MissingAndEmpty) {
  const auto missing = list_model_files(dir_ / "missing");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_FALSE(list_model_files(""));
  const auto empty = list_model_files(dir_);
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->weight_files.empty());
}

}  // namespace
}  // namespace unweight::safetensors
