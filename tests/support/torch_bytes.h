// torch.save files as bytes, valid or spoiled: a zip writer whose every field can be wrong, and pickle programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::test {

struct ZipMember {
  std::string name;
  std::string content;
  std::uint16_t method = 0;
  std::uint16_t flags = 0x0800;
  std::string extra = {};
  std::uint32_t attributes = 0;  // external, with the maker's host in `made_by`
  std::uint16_t made_by = 0;
  // What one side says in place of the truth.
  std::optional<std::string> local_name = {};
  std::optional<std::uint32_t> local_size = {};
  std::optional<std::uint16_t> local_flags = {};
  std::optional<std::uint32_t> crc = {};          // both sides
  std::optional<std::uint32_t> central_size = {};
  std::optional<std::uint32_t> central_offset = {};
  std::optional<std::uint32_t> uncompressed = {};  // both sides
  std::string central_extra = {};
  std::string central_comment = {};
  std::string gap = {};  // bytes behind the content
  bool descriptor = false;   // sizes follow the content
  bool wide_descriptor = false;
  bool wrong_descriptor = false;
};

struct ZipOptions {
  std::optional<std::uint16_t> count = {};
  std::optional<std::uint32_t> directory_offset = {};
  std::string comment = {};
  std::uint16_t disk = 0;
  bool zip64 = false;
  std::optional<std::uint64_t> zip64_offset = {};   // of the directory, in the zip64 record
  std::optional<std::uint64_t> locator_offset = {};
};

[[nodiscard]] std::string zip(const std::vector<ZipMember>& members, const ZipOptions& options = {});

/// "X" + length + text: BINUNICODE.
[[nodiscard]] std::string str(std::string_view text);
/// BININT.
[[nodiscard]] std::string num(std::int32_t value);
/// LONG1 of eight bytes.
[[nodiscard]] std::string num64(std::uint64_t value);
/// GLOBAL.
[[nodiscard]] std::string global(std::string_view module, std::string_view name);
/// BINPERSID of a storage.
[[nodiscard]] std::string storage(std::string_view key, const std::string& count, std::string_view type = "FloatStorage");
/// _rebuild_tensor_v2 of a storage; size and stride are pickled tuples.
[[nodiscard]] std::string tensor(const std::string& storage,
                                 const std::string& offset,
                                 const std::string& size,
                                 const std::string& stride);
/// A tuple of numbers.
[[nodiscard]] std::string ints(const std::vector<std::int32_t>& values);
/// Four floats in storage 0, size [2, 2].
[[nodiscard]] std::string plain_tensor();

/// A protocol 2 program around a value: PROTO, value, STOP.
[[nodiscard]] std::string program(std::string_view value);
/// {"w": value}.
[[nodiscard]] std::string dict_of(std::string_view value);

/// The members of an archive with this data.pkl and storage 0 of 16 bytes.
[[nodiscard]] std::vector<ZipMember> torch_members(const std::string& data_pkl);
[[nodiscard]] std::string torch_zip(const std::string& data_pkl);
/// The archive that everything is spoiled from: {"w": float [2, 2]}.
[[nodiscard]] std::string valid_torch_zip();

}  // namespace tenon::test
