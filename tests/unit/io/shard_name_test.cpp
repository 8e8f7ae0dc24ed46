#include "runtime/io/shard_name.h"

#include <gtest/gtest.h>

namespace tenon::io {
namespace {

TEST(ShardName, ReadsNumberAndCount) {
  const auto shard = shard_of("model-00002-of-00017.safetensors");
  ASSERT_TRUE(shard);
  EXPECT_EQ(shard->number, 2);
  EXPECT_EQ(shard->count, 17);
  EXPECT_TRUE(shard_of("pytorch_model-00001-of-00002.bin"));
}

TEST(ShardName, IsNothingWhereTheNameSaysNothing) {
  for (const char* name : {"", "model.safetensors", "model-00001-of-00001.safetensors", "model-00003-of-00002.bin", "model-of-00002.bin",
                           "model-00000-of-00002.bin", "king-of-2.bin", "m-1-of-99999999999999999999.bin"}) {
    EXPECT_FALSE(shard_of(name)) << name;
  }
}

}  // namespace
}  // namespace tenon::io
