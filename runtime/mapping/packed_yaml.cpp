#include "runtime/mapping/packed_yaml.h"

#include <cstdint>
#include <utility>

namespace tenon {
namespace {

constexpr std::string_view kMagic = "\x7ftenon-yaml-1\n";
constexpr int kDepth = 256;

class Packer {
 public:
  std::string take() { return std::move(bytes_); }

  void put(const YamlNode& node) {
    put_number(static_cast<std::uint64_t>(node.kind) * 2 + (node.quoted ? 1 : 0));
    put_mark(node.mark);
    if (node.kind == YamlNode::Kind::kScalar) put_text(node.text);
    if (node.kind == YamlNode::Kind::kSequence) {
      put_number(node.items.size());
      for (const YamlNode& item : node.items) put(item);
    }
    if (node.kind == YamlNode::Kind::kMap) {
      put_number(node.entries.size());
      for (const YamlEntry& entry : node.entries) {
        put_text(entry.key);
        put_mark(entry.mark);
        put(entry.value);
      }
    }
  }

 private:
  void put_number(std::uint64_t value) {
    for (; value >= 128; value /= 128) bytes_ += static_cast<char>(value % 128 + 128);
    bytes_ += static_cast<char>(value);
  }
  void put_mark(YamlMark mark) {
    put_number(static_cast<std::uint64_t>(mark.line));
    put_number(static_cast<std::uint64_t>(mark.column));
  }
  void put_text(std::string_view text) {
    put_number(text.size());
    bytes_ += text;
  }

  std::string bytes_{kMagic};
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] bool whole() const { return sound_ && rest_.empty(); }

  YamlNode take(int depth) {
    YamlNode node;
    const auto head = take_number();
    sound_ = sound_ && head < 8 && depth < kDepth;
    if (!sound_) return node;
    node.kind = static_cast<YamlNode::Kind>(head / 2);
    node.quoted = head % 2 == 1;
    node.mark = take_mark();
    if (node.kind == YamlNode::Kind::kScalar) node.text = take_text();
    if (node.kind == YamlNode::Kind::kSequence) {
      const auto count = take_count();
      node.items.reserve(count);
      for (std::uint64_t i = 0; i < count && sound_; ++i) node.items.push_back(take(depth + 1));
    }
    if (node.kind == YamlNode::Kind::kMap) {
      const auto count = take_count();
      node.entries.reserve(count);
      for (std::uint64_t i = 0; i < count && sound_; ++i) {
        YamlEntry entry;
        entry.key = take_text();
        entry.mark = take_mark();
        entry.value = take(depth + 1);
        node.entries.push_back(std::move(entry));
      }
    }
    return node;
  }

 private:
  std::uint64_t take_number() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      if (rest_.empty()) break;
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte % 128) << shift;
      if (byte < 128) return value;
    }
    sound_ = false;
    return 0;
  }
  // Every item takes at least three bytes, so no count can exceed the rest.
  std::uint64_t take_count() {
    const auto count = take_number();
    sound_ = sound_ && count <= rest_.size() / 3;
    return sound_ ? count : 0;
  }
  YamlMark take_mark() {
    const auto line = take_number();
    const auto column = take_number();
    return {static_cast<int>(line & 0x7fffffff), static_cast<int>(column & 0x7fffffff)};
  }
  std::string take_text() {
    const auto size = take_number();
    sound_ = sound_ && size <= rest_.size();
    if (!sound_) return {};
    std::string text(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return text;
  }

  std::string_view rest_;
  bool sound_ = true;
};

}  // namespace

std::string pack_yaml(const YamlNode& root) {
  Packer packer;
  packer.put(root);
  return packer.take();
}

bool is_packed_yaml(std::string_view bytes) { return bytes.starts_with(kMagic); }

tl::expected<YamlNode, YamlError> unpack_yaml(std::string_view bytes) {
  Unpacker unpacker(bytes.substr(kMagic.size()));
  YamlNode root = unpacker.take(0);
  if (!unpacker.whole()) return tl::unexpected(YamlError{{1, 1}, "the packed document is damaged"});
  return root;
}

}  // namespace tenon
