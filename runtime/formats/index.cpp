#include "runtime/formats/index.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>

#include <simdjson.h>

#include "runtime/formats/json_begin.h"
#include "runtime/formats/json_check.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

namespace ondemand = simdjson::ondemand;

struct NameFault {
  std::string_view code;
  std::string_view found;
};

std::optional<NameFault> find_name_fault(std::string_view name) {
  if (name.empty() || name == "." || name == "..") return NameFault{"IX-NAME", "shard is not a file name"};
  if (std::any_of(name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
    return NameFault{"IX-CONTROL", "control character in a shard name"};
  }
  if (name.find("://") != std::string_view::npos) return NameFault{"IX-FOREIGN", "shard name is a URL"};
  if (name.find('\\') != std::string_view::npos) return NameFault{"IX-FOREIGN", "shard name has a backslash"};
  if (name.size() > 1 && name[1] == ':') return NameFault{"IX-FOREIGN", "shard name has a drive letter"};
  if (name.front() == '/') return NameFault{"IX-ABSOLUTE", "shard name is absolute"};
  const std::string framed = "/" + std::string(name) + "/";
  if (framed.find("/../") != std::string::npos) return NameFault{"IX-OUTSIDE", "shard name leaves the model directory"};
  if (name.find('/') != std::string_view::npos) return NameFault{"IX-SEPARATOR", "shard name has a separator"};
  if (name.back() == ' ' || name.back() == '.') return NameFault{"IX-NAME", "shard is not a file name"};
  return std::nullopt;
}

class IndexReader {
 public:
  IndexReader(const std::string& file, std::string_view text, const Limits& limits)
      : file_(file), text_(text), limits_(limits) {}

  Result<ShardIndex> read() {
    ondemand::parser parser;
    ondemand::document document;
    ondemand::json_type type{};
    if (begin_json(parser, text_, document) || document.type().get(type)) return unreadable();
    ondemand::object object;
    if (type != ondemand::json_type::object || document.get_object().get(object)) return no_map("no object");
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      at_ = offset_of(field.key().raw()) - 1;
      std::string_view key;
      if (field.unescaped_key().get(key)) return unreadable();
      if (key == "weight_map") {
        if (has_map_) return refuse("IX-DUPLICATE-KEY", "second \"weight_map\"", "keys must be unique");
        has_map_ = true;
        if (auto done = read_map(field.value()); !done) return Failure(done.error());
      } else if (key == "metadata") {
        if (auto done = read_metadata(field.value()); !done) return Failure(done.error());
      }
    }
    if (!has_map_) return no_map("no \"weight_map\"");
    if (index_.tensors.empty()) return no_map("an empty \"weight_map\"");
    return finish();
  }

 private:
  std::uint64_t offset_of(const char* pointer) const { return static_cast<std::uint64_t>(pointer - text_.data()); }

  Failure refuse(std::string_view code, std::string_view found, std::string_view required) const {
    return io::refuse(
      ErrorKind::kMalformed, code, {.file = file_, .tensor = tensor_, .byte = at_}, found, required);
  }
  Failure limit(std::string_view code, std::string_view found) const {
    return io::refuse(ErrorKind::kLimit, code, {.file = file_, .byte = at_}, found, "that is the limit");
  }
  Failure no_map(std::string_view found) const {
    return io::refuse(ErrorKind::kMalformed,
                      "IX-NO-MAP",
                      {.file = file_},
                      "JSON with " + std::string(found) + " names no tensors",
                      "a sharded index has a \"weight_map\" from tensor names to file names",
                      "Give the weights or their folder in place of this file.");
  }
  Failure unreadable() const { return refuse("IX-JSON", "the index cannot be read", "JSON is required"); }

  Result<void> read_map(ondemand::value value) {
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    ondemand::object object;
    if (type != ondemand::json_type::object || value.get_object().get(object)) return no_map("a \"weight_map\" that is no object");
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      at_ = offset_of(field.key().raw()) - 1;
      std::string_view tensor;
      std::string_view shard;
      if (field.unescaped_key().get(tensor) || field.value().type().get(type)) return unreadable();
      if (type != ondemand::json_type::string) {
        tensor_ = tensor;
        return refuse("IX-NO-MAP", "its shard is not a string", "\"weight_map\" maps names to file names");
      }
      if (field.value().get_string().get(shard)) return unreadable();
      if (index_.tensors.size() == limits_.tensors) {
        return limit("IX-TENSORS", "more than " + std::to_string(limits_.tensors) + " tensors");
      }
      if (auto done = add(tensor, shard); !done) return done;
    }
    return {};
  }

  Result<void> add(std::string_view tensor, std::string_view shard) {
    tensor_ = tensor;
    if (const auto fault = find_name_fault(shard)) {
      return io::refuse(ErrorKind::kUnsafe,
                        fault->code,
                        {.file = file_, .tensor = tensor_, .byte = at_},
                        std::string(fault->found) + ": " + io::quoted(shard),
                        "a shard is a plain file name beside the index");
    }
    auto known = shards_.find(shard);
    if (known == shards_.end()) {
      if (shards_.size() == limits_.shards) {
        return limit("IX-SHARDS", "more than " + std::to_string(limits_.shards) + " shards");
      }
      known = shards_.emplace(shard, static_cast<std::uint32_t>(shards_.size())).first;
    }
    index_.tensors.push_back({std::string(tensor), known->second});
    tensor_ = std::nullopt;
    return {};
  }

  Result<void> read_metadata(ondemand::value value) {
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    ondemand::object object;
    if (type != ondemand::json_type::object || value.get_object().get(object)) return {};
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      std::string_view key;
      if (field.unescaped_key().get(key) || field.value().type().get(type)) return unreadable();
      if (key != "total_size") continue;
      std::string_view token = field.value().raw_json_token();
      token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
      std::uint64_t total = 0;
      const bool exact = type == ondemand::json_type::number && !field.value().get_uint64().get(total);
      if (exact) {
        index_.total_size = total;
      } else {
        note("IX-TOTAL-SIZE", "total_size is " + io::escape(token));
      }
    }
    return {};
  }

  void note(std::string_view code, std::string_view text) {
    index_.notes.push_back({std::string(code), io::message_line({.file = file_}, text, "", code)});
  }

  Result<ShardIndex> finish() {
    std::vector<std::uint32_t> rank(shards_.size());
    for (const auto& [name, number] : shards_) {
      rank[number] = static_cast<std::uint32_t>(index_.shards.size());
      index_.shards.push_back(name);
    }
    auto& tensors = index_.tensors;
    for (auto& item : tensors) item.shard = rank[item.shard];
    std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.tensor < b.tensor; });
    const auto twice = std::adjacent_find(
      tensors.begin(), tensors.end(), [](const auto& a, const auto& b) { return a.tensor == b.tensor; });
    if (twice != tensors.end()) {
      return io::refuse(ErrorKind::kMalformed,
                        "IX-DUPLICATE-NAME",
                        {.file = file_, .tensor = twice->tensor},
                        "duplicate tensor name in the index",
                        "names must be unique");
    }
    return std::move(index_);
  }

  const std::string& file_;
  std::string_view text_;
  const Limits& limits_;
  std::optional<std::string_view> tensor_;
  std::uint64_t at_ = 0;
  bool has_map_ = false;
  std::map<std::string, std::uint32_t, std::less<>> shards_;
  ShardIndex index_;
};

}  // namespace

Result<ShardIndex> read_index(const ByteSource& source, const Limits& limits) {
  auto text = io::read_all(source, limits.index_bytes, "IX-SIZE");
  if (!text) return Failure(text.error());
  if (const auto fault = find_json_fault(*text, limits.json_depth)) {
    return json_failure(*fault, "IX", source.name(), 0);
  }
  const std::size_t length = text->size();
  text->resize(length + simdjson::SIMDJSON_PADDING);
  return IndexReader(source.name(), std::string_view(text->data(), length), limits).read();
}

}  // namespace tenon::formats
