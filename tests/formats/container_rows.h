// A row of the hostile-input tables as a test: the spoiled bytes get exactly one verdict, code and place, and the
// unspoiled bytes beside them are accepted.
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <tenon/error.h>
#include <tenon/limits.h>

#include "runtime/formats/container.h"

namespace tenon::test {

inline constexpr ErrorKind kLimit = ErrorKind::kLimit;
inline constexpr ErrorKind kUnsafe = ErrorKind::kUnsafe;
inline constexpr ErrorKind kUnsupported = ErrorKind::kUnsupported;

/// The bytes of a row, or how they are made: every process of a test program makes all rows and runs one, and some are megabytes long.
class RowBytes {
 public:
  RowBytes(std::string bytes) : make_([bytes = std::move(bytes)] { return bytes; }) {}  // NOLINT: as a string
  RowBytes(const char* bytes) : RowBytes(std::string(bytes)) {}                         // NOLINT
  template <std::invocable Make>
  RowBytes(Make make) : make_(std::move(make)) {}   // NOLINT: as a lambda
  operator std::string() const { return make_(); }  // NOLINT

 private:
  std::function<std::string()> make_;
};

struct ContainerRow {
  std::string id;     // "ST_091", a letter behind it where a row has several cases
  RowBytes bytes;     // the case
  std::string code;   // empty: accepted. "note:CODE": accepted, and noted
  std::string place;  // must appear in the message: what was found, and where
  ErrorKind kind = ErrorKind::kMalformed;
  Limits limits = {};
};

inline std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  out.reserve(text.size() * count);
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

inline void PrintTo(const ContainerRow& row, std::ostream* out) { *out << row.id; }

inline Result<formats::Opened> open_bytes(const std::string& bytes, const Limits& limits = {}) {
  return formats::read_container(*memory_source("case.bin", bytes), limits);
}

inline bool has_note(const formats::Opened& opened, const std::string& code) {
  for (const auto& note : opened.listing.notes) {
    if (note.code == code) return true;
  }
  return false;
}

inline void expect_row(const ContainerRow& row, const std::string& valid) {
  const auto unspoiled = open_bytes(valid);
  ASSERT_TRUE(unspoiled) << "the unspoiled file: " << unspoiled.error();
  const auto opened = open_bytes(row.bytes, row.limits);
  if (row.code.empty() || row.code.starts_with("note:")) {
    ASSERT_TRUE(opened) << opened.error();
    if (!row.code.empty()) {
      EXPECT_TRUE(has_note(*opened, row.code.substr(5))) << row.code;
    }
    return;
  }
  ASSERT_FALSE(opened) << "accepted";
  const Error& error = opened.error();
  EXPECT_EQ(error.code, row.code) << error.message;
  EXPECT_EQ(static_cast<int>(error.kind), static_cast<int>(row.kind)) << error.message;
  EXPECT_NE(error.message.find(row.place), std::string::npos) << error.message << "\nlacks " << row.place;
  EXPECT_LE(error.message.size(), 512u);
  EXPECT_TRUE(error.message.starts_with("case.bin: ")) << error.message;
  EXPECT_TRUE(error.message.ends_with(" [" + row.code + "]")) << error.message;
  for (const char c : error.message) EXPECT_TRUE(c >= 0x20 && c < 0x7f) << error.message;
}

class ContainerRows : public testing::TestWithParam<ContainerRow> {};

inline std::string row_name(const testing::TestParamInfo<ContainerRow>& info) { return info.param.id; }

}  // namespace tenon::test
