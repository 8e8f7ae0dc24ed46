#include "runtime/formats/safetensors_header.h"

#include <algorithm>
#include <optional>

#include <simdjson.h>

#include "runtime/formats/json_begin.h"
#include "runtime/io/checked.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::uint64_t kMaxMetadataKeys = 8'192;  // real files have a few dozen; a map of them costs ten times their text

std::string_view type_name(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "an array";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "a string";
    case ondemand::json_type::boolean:
      return "a boolean";
    case ondemand::json_type::null:
      return "null";
  }
  return "unknown";
}

/// Walks the header; every refusal names the tensor and the byte of the token.
class HeaderReader {
 public:
  HeaderReader(const std::string& file, std::string_view text, const Limits& limits)
      : file_(file), limits_(limits), text_(text) {}

  Result<StatedTensors> read(Listing& listing) {
    ondemand::parser parser;
    ondemand::document document;
    ondemand::json_type type{};
    if (begin_json(parser, text_, document) || document.type().get(type)) return unreadable();
    if (type != ondemand::json_type::object) {
      return refuse("ST-NOT-OBJECT", first_byte(), "the header is " + std::string(type_name(type)), "an object is required");
    }
    ondemand::object object;
    if (document.get_object().get(object)) return unreadable();
    if (first_byte() != kSafetensorsLengthBytes) note("ST-LEADING-SPACE", "white space before the header's first bracket");
    StatedTensors stated;
    bool metadata_seen = false;
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      at_ = offset_of(field.key().raw()) - 1;
      std::string_view key;
      if (field.unescaped_key().get(key)) return unreadable();
      tensor_ = {};
      if (key == "__metadata__") {
        if (metadata_seen) return refuse("ST-DUPLICATE-KEY", at_, "second \"__metadata__\"", "keys must be unique");
        metadata_seen = true;
        if (auto done = read_metadata(field.value(), listing); !done) return Failure(done.error());
        continue;
      }
      if (stated.items.size() == limits_.tensors_per_file) {
        return limit("ST-TENSORS", "more than " + std::to_string(limits_.tensors_per_file) + " tensors", "that is the limit");
      }
      if (auto named = check_name(key); !named) return Failure(named.error());
      stated.items.emplace_back().name = key;
      tensor_ = stated.items.back().name;
      if (auto done = read_entry(field.value(), stated); !done) return Failure(done.error());
    }
    add_notes(listing);
    return stated;
  }

 private:
  std::uint64_t offset_of(const char* pointer) const {
    return kSafetensorsLengthBytes + static_cast<std::uint64_t>(pointer - text_.data());
  }
  std::uint64_t offset_of(ondemand::value& value) const { return offset_of(value.raw_json_token().data()); }
  std::uint64_t first_byte() const { return kSafetensorsLengthBytes + text_.find_first_not_of(" \t\r\n"); }

  Failure refuse(std::string_view code, std::uint64_t byte, std::string_view found, std::string_view required) const {
    return io::refuse(
      ErrorKind::kMalformed, code, {.file = file_, .tensor = tensor_, .byte = byte}, found, required);
  }
  Failure limit(std::string_view code, std::string_view found, std::string_view required) const {
    return io::refuse(ErrorKind::kLimit, code, {.file = file_, .tensor = tensor_, .byte = at_}, found, required);
  }
  /// The grammar was checked before, so only memory or a difference between the two readers can lead here.
  Failure unreadable() const { return refuse("ST-JSON", at_, "the header cannot be read", "JSON is required"); }

  void note(std::string_view code, std::string text) {
    for (auto& known : notes_) {
      if (known.note.code == code) {
        ++known.count;
        return;
      }
    }
    notes_.push_back({{std::string(code), std::move(text)}, 1});
  }

  void add_notes(Listing& listing) const {
    for (const auto& [note, count] : notes_) {
      std::string text = note.message;
      if (count > 1) text += " (and " + std::to_string(count - 1) + " more of this kind)";
      listing.notes.push_back({note.code, io::message_line({.file = file_}, text, "", note.code)});
    }
  }

  Result<void> check_name(std::string_view name) {
    if (name.size() > limits_.name_bytes) {
      return limit("ST-NAME-LIMIT",
                   "a tensor name of " + std::to_string(name.size()) + " bytes",
                   "the limit is " + std::to_string(limits_.name_bytes));
    }
    if (name.find('\0') != std::string_view::npos) {
      return refuse("ST-NAME-NUL", at_, "NUL in the tensor name " + io::quoted(name), "names are text without NUL");
    }
    if (name.empty()) note("ST-NAME-EMPTY", "a tensor has an empty name");
    return {};
  }

  Result<void> read_metadata(ondemand::value value, Listing& listing) {
    at_ = offset_of(value);
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    if (type == ondemand::json_type::null) {
      note("ST-METADATA-NULL", "\"__metadata__\" is null");
      return {};
    }
    constexpr std::string_view kRequired = "\"__metadata__\" must be an object of strings";
    if (type != ondemand::json_type::object) {
      return refuse("ST-METADATA", at_, "\"__metadata__\" is " + std::string(type_name(type)), kRequired);
    }
    ondemand::object object;
    if (value.get_object().get(object)) return unreadable();
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      at_ = offset_of(field.key().raw()) - 1;
      std::string_view key;
      std::string_view text;
      if (field.unescaped_key().get(key)) return unreadable();
      if (field.value().type().get(type)) return unreadable();
      if (type != ondemand::json_type::string) {
        return refuse("ST-METADATA", at_, "metadata " + io::quoted(key) + " is " + std::string(type_name(type)), kRequired);
      }
      if (field.value().get_string().get(text)) return unreadable();
      const std::uint64_t most = std::min(kMaxMetadataKeys, limits_.tensors_per_file);
      if (listing.metadata.size() == most) {
        return limit("ST-METADATA-LIMIT",
                     "more than " + std::to_string(most) + " metadata keys",
                     "that is the limit");
      }
      if (!listing.metadata.emplace(key, text).second) {
        return refuse("ST-DUPLICATE-KEY", at_, "duplicate metadata key " + io::quoted(key), "keys must be unique");
      }
    }
    return {};
  }

  Result<void> read_entry(ondemand::value value, StatedTensors& stated) {
    StatedTensor& tensor = stated.items.back();
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    if (type != ondemand::json_type::object) {
      return refuse("ST-ENTRY",
                    offset_of(value),
                    "the entry is " + std::string(type_name(type)),
                    "an object with dtype, shape and data_offsets is required");
    }
    ondemand::object object;
    if (value.get_object().get(object)) return unreadable();
    const std::uint64_t entry_at = at_;
    bool has_dtype = false;
    bool has_shape = false;
    bool has_offsets = false;
    for (auto item : object) {
      ondemand::field field;
      if (std::move(item).get(field)) return unreadable();
      at_ = offset_of(field.key().raw()) - 1;
      std::string_view key;
      if (field.unescaped_key().get(key)) return unreadable();
      bool* seen = key == "dtype"        ? &has_dtype
                   : key == "shape"        ? &has_shape
                   : key == "data_offsets" ? &has_offsets
                                           : nullptr;
      if (seen == nullptr) {
        note("ST-MEMBER", "tensor " + io::quoted(tensor.name) + " has an unknown member " + io::quoted(key) + ", ignored");
        continue;
      }
      if (*seen) return refuse("ST-DUPLICATE-KEY", at_, "duplicate member " + io::quoted(key), "keys must be unique");
      *seen = true;
      auto done = seen == &has_dtype   ? read_dtype(field.value(), tensor)
                  : seen == &has_shape ? read_shape(field.value(), tensor, stated.dims)
                                       : read_offsets(field.value(), tensor);
      if (!done) return done;
    }
    at_ = entry_at;
    if (!has_dtype) return refuse("ST-NO-DTYPE", at_, "no \"dtype\"", "every tensor needs one");
    if (!has_shape) return refuse("ST-NO-SHAPE", at_, "no \"shape\"", "every tensor needs one");
    if (!has_offsets) return refuse("ST-NO-OFFSETS", at_, "no \"data_offsets\"", "every tensor needs them");
    return {};
  }

  Result<void> read_dtype(ondemand::value value, StatedTensor& tensor) {
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    at_ = offset_of(value);
    if (type != ondemand::json_type::string) {
      return refuse("ST-DTYPE-TYPE", at_, "dtype is " + std::string(type_name(type)), "a string is required");
    }
    std::string_view text;
    if (value.get_string().get(text)) return unreadable();
    const auto dtype = dtype_from_safetensors(text);
    if (!dtype) {
      return io::refuse(ErrorKind::kUnsupported,
                        "ST-DTYPE",
                        {.file = file_, .tensor = tensor_, .byte = at_},
                        "unknown dtype " + io::quoted(text),
                        "a dtype of the safetensors format is required");
    }
    tensor.dtype = *dtype;
    return {};
  }

  Result<void> read_shape(ondemand::value value, StatedTensor& tensor, std::deque<std::int64_t>& dims) {
    std::uint64_t rank = 0;
    tensor.first_dim = static_cast<std::uint32_t>(dims.size());
    const auto done = read_integers(
      value, "ST-SHAPE-TYPE", "shape must be an array of integers", [&](std::int64_t dim) {
        if (rank++ < limits_.rank) dims.push_back(dim);
      });
    if (!done) return done;
    if (rank > limits_.rank) {
      return limit("ST-RANK", "rank " + std::to_string(rank), "the limit is " + std::to_string(limits_.rank));
    }
    tensor.rank = static_cast<std::uint32_t>(rank);
    return {};
  }

  Result<void> read_offsets(ondemand::value value, StatedTensor& tensor) {
    const std::uint64_t at = offset_of(value);
    std::uint64_t count = 0;
    const auto done =
      read_integers(value, "ST-OFFSETS-TYPE", "data_offsets must be two integers", [&](std::int64_t offset) {
        if (count == 0) tensor.begin = static_cast<std::uint64_t>(offset);
        if (count == 1) tensor.end = static_cast<std::uint64_t>(offset);
        ++count;
      });
    if (!done || count == 2) return done;
    return refuse(
      "ST-OFFSETS-TYPE", at, std::to_string(count) + " data_offsets", "data_offsets must be two integers");
  }

  template <class Take>
  Result<void> read_integers(ondemand::value value, std::string_view code, std::string_view required, Take take) {
    ondemand::json_type type{};
    if (value.type().get(type)) return unreadable();
    at_ = offset_of(value);
    if (type != ondemand::json_type::array) {
      return refuse(code, at_, std::string(type_name(type)) + " instead of an array", required);
    }
    ondemand::array array;
    if (value.get_array().get(array)) return unreadable();
    for (auto element : array) {
      ondemand::value item;
      if (std::move(element).get(item) || item.type().get(type)) return unreadable();
      at_ = offset_of(item);
      if (type != ondemand::json_type::number) {
        return refuse(code, at_, std::string(type_name(type)) + " among the integers", required);
      }
      const auto number = read_integer(item.raw_json_token());
      if (!number) return Failure(number.error());
      take(*number);
    }
    return {};
  }

  Result<std::int64_t> read_integer(std::string_view token) {
    token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
    constexpr std::string_view kDigits = "0123456789";
    const bool negative = token.starts_with('-') && token != "-0";
    const std::string_view digits = negative ? token.substr(1) : token;
    if (digits.find_first_not_of(kDigits) != std::string_view::npos) {
      return refuse("ST-INTEGER", at_, io::quoted(token), "an integer written in digits is required");
    }
    if (negative) return refuse("ST-NEGATIVE", at_, io::quoted(token), "sizes and offsets are not negative");
    std::int64_t number = 0;
    for (const char digit : digits) {
      const auto tens = io::multiply(number, std::int64_t{10});
      const auto next = tens ? io::add(*tens, std::int64_t{digit - '0'}) : std::nullopt;
      if (!next) return refuse("ST-RANGE", at_, io::quoted(token), "the largest number allowed is 2^63-1");
      number = *next;
    }
    return number;
  }

  struct CountedNote {
    ContainerNote note;
    std::uint64_t count;
  };

  const std::string& file_;
  const Limits& limits_;
  std::string_view text_;
  std::optional<std::string_view> tensor_;
  std::uint64_t at_ = kSafetensorsLengthBytes;
  std::vector<CountedNote> notes_;
};

}  // namespace

Result<StatedTensors> read_stated_tensors(const std::string& file,
                                                      std::string_view text,
                                                      const Limits& limits,
                                                      Listing& listing) {
  return HeaderReader(file, text, limits).read(listing);
}

}  // namespace tenon::formats
