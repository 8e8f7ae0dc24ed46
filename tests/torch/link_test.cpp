#include <ATen/ops/ones.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

namespace {

TEST(LibTorch, RunsFromTheBuildTree) { EXPECT_EQ(at::ones({2, 3}).numel(), 6); }

}  // namespace
