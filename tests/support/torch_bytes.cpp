#include "tests/support/torch_bytes.h"

#include <zlib.h>

#include "tests/support/safetensors_bytes.h"

namespace tenon::test {
namespace {

std::uint32_t crc_of(const std::string& text) {
  return static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

std::string local_part(const ZipMember& member, std::uint32_t crc) {
  const std::string name = member.local_name.value_or(member.name);
  const bool later = member.descriptor || member.wide_descriptor;
  const auto size = static_cast<std::uint32_t>(member.content.size());
  const std::uint32_t stated = member.local_size.value_or(later ? 0 : size);
  std::string out = "PK\3\4" + little(20, 2) + little(member.local_flags.value_or(member.flags), 2) + little(member.method, 2) +
                    little(0, 4) + little(later ? 0 : crc, 4) + little(stated, 4) + little(member.uncompressed.value_or(stated), 4) + little(name.size(), 2) +
                    little(member.extra.size(), 2) + name + member.extra + member.content;
  if (later) {
    const int width = member.wide_descriptor ? 8 : 4;
    out += "PK\7\10" + little(member.wrong_descriptor ? crc + 1 : crc, 4) + little(size, width) + little(size, width);
  }
  return out + member.gap;
}

std::string central_part(const ZipMember& member, std::uint32_t crc, std::uint64_t offset) {
  const std::uint32_t size = member.central_size.value_or(static_cast<std::uint32_t>(member.content.size()));
  return "PK\1\2" + little(member.made_by, 2) + little(20, 2) + little(member.flags, 2) + little(member.method, 2) +
         little(0, 4) + little(crc, 4) + little(size, 4) + little(member.uncompressed.value_or(size), 4) + little(member.name.size(), 2) +
         little(member.central_extra.size(), 2) + little(member.central_comment.size(), 2) + little(0, 2) + little(0, 2) +
         little(member.attributes, 4) + little(member.central_offset.value_or(static_cast<std::uint32_t>(offset)), 4) +
         member.name + member.central_extra + member.central_comment;
}

}  // namespace

std::string zip(const std::vector<ZipMember>& members, const ZipOptions& options) {
  std::string out;
  std::string directory;
  for (ZipMember member : members) {
    if (member.descriptor || member.wide_descriptor) member.flags |= 0x0008;
    const std::uint32_t crc = member.crc.value_or(crc_of(member.content));
    directory += central_part(member, crc, out.size());
    out += local_part(member, crc);
  }
  const std::uint64_t begin = out.size();
  out += directory;
  const std::uint64_t record = out.size();
  if (options.zip64) {
    out += "PK\6\6" + little(44) + little(45, 2) + little(45, 2) + little(0, 4) + little(0, 4) + little(members.size()) +
           little(members.size()) + little(directory.size()) + little(options.zip64_offset.value_or(begin));
    out += "PK\6\7" + little(0, 4) + little(options.locator_offset.value_or(record)) + little(1, 4);
  }
  const std::uint16_t count = options.count.value_or(static_cast<std::uint16_t>(members.size()));
  out += "PK\5\6" + little(options.disk, 2) + little(options.disk, 2) + little(count, 2) + little(count, 2) +
         little(directory.size(), 4) + little(options.directory_offset.value_or(static_cast<std::uint32_t>(begin)), 4) +
         little(options.comment.size(), 2) + options.comment;
  return out;
}

std::string str(std::string_view text) { return "X" + little(text.size(), 4) + std::string(text); }
std::string num(std::int32_t value) { return "J" + little(static_cast<std::uint32_t>(value), 4); }
std::string num64(std::uint64_t value) { return "\x8a\x08" + little(value); }
std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
std::string storage(std::string_view key, const std::string& count, std::string_view type) {
  return "(" + str("storage") + global("torch", type) + str(key) + str("cpu") + count + "tQ";
}
std::string tensor(const std::string& storage,
                   const std::string& offset,
                   const std::string& size,
                   const std::string& stride) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + storage + offset + size + stride + "\x89" +
         global("collections", "OrderedDict") + ")RtR";
}
std::string ints(const std::vector<std::int32_t>& values) {
  std::string out = "(";
  for (const auto value : values) out += num(value);
  return out + "t";
}
std::string plain_tensor() { return tensor(storage("0", num(4)), num(0), ints({2, 2}), ints({2, 1})); }
std::string program(std::string_view value) { return "\x80\x02" + std::string(value) + "."; }
std::string dict_of(std::string_view value) { return "}" + str("w") + std::string(value) + "s"; }

std::vector<ZipMember> torch_members(const std::string& data_pkl) {
  return {{.name = "archive/data.pkl", .content = data_pkl},
          {.name = "archive/byteorder", .content = "little"},
          {.name = "archive/data/0", .content = std::string(16, 'd')},
          {.name = "archive/version", .content = "3\n"}};
}
std::string torch_zip(const std::string& data_pkl) { return zip(torch_members(data_pkl)); }
std::string valid_torch_zip() { return torch_zip(program(dict_of(plain_tensor()))); }

}  // namespace tenon::test
