#include "runtime/formats/pickle_listing.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/formats/pickle_measure.h"
#include "runtime/io/checked.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kFreeBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kBytesPerProgramByte = 32;
constexpr std::size_t kMaxScalarText = 64;
constexpr std::uint64_t kGrowth = 3;  // a vector that grows holds its items up to three times

std::string real_text(double value) {
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

class Flattener {
 public:
  Flattener(PickleGraph& graph,
            const PickleSource& source,
            std::size_t program_bytes,
            std::uint64_t file_bytes,
            const FindStorage& find_storage,
            const FlattenOptions& options)
      : graph_(graph), source_(source), find_storage_(find_storage), options_(options) {
    const std::uint64_t whole = std::min(source.limits.pickle_memory_bytes, kFreeBytes + kBytesPerProgramByte * program_bytes);
    memory_budget_ = whole - std::min(whole, graph.memory());
    data_budget_ = source.limits.data_bytes.value_or(file_bytes + kFreeBytes);
    places_.resize(graph.storages().size());
  }

  Result<Listing> run(NodeId root) {
    if (graph_.kind(root) == NodeKind::kTensor) path_ = "tensor";  // torch.save(tensor) gives it no name
    if (auto entered = visit(root); !entered) return Failure(entered.error());
    while (!open_.empty()) {
      Open& open = open_.back();
      path_.resize(open.path_length);
      const auto item = next_item(open);
      if (!item) return Failure(item.error());
      if (*item == kNoNode) {
        open_.pop_back();
        continue;
      }
      if (auto done = visit(*item); !done) return Failure(done.error());
    }
    if (auto unique = check_names(); !unique) return Failure(unique.error());
    return std::move(listing_);
  }

 private:
  /// A container on the path: where in it the walk is, and how long the path was on entering.
  struct Open {
    NodeId node;
    std::uint32_t next;  // cell, or tuple index
    std::uint32_t index = 0;
    std::size_t path_length = 0;
  };

  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(kind,
                      code,
                      {.file = source_.file, .member = source_.member, .tensor = std::string_view(path_)},
                      found,
                      required);
  }

  Result<void> charge(std::uint64_t bytes) {
    used_ += bytes;
    if (used_ <= memory_budget_) return {};
    return refuse("PK-MEMORY",
                  "names of more than " + std::to_string(memory_budget_) + " bytes in all",
                  "that is the limit",
                  ErrorKind::kLimit);
  }

  Result<void> visit(NodeId node) {
    const NodeKind kind = graph_.kind(node);
    if (kind == NodeKind::kTensor) return add_tensor(graph_.tensor(node));
    if (kind == NodeKind::kObject && options_.enter_objects && graph_.at(node).b != kNoNode) {
      return visit_container(graph_.at(node).b, node);
    }
    if (is_container(kind)) return visit_container(node, node);
    return add_object(node);
  }

  Result<void> visit_container(NodeId container, NodeId shown) {
    if (!is_container(graph_.kind(container))) return add_object(shown);
    Node& node = graph_.at(container);
    const bool has_tensor = (node.flags & PickleGraph::kHasTensor) != 0;
    const bool listed = (node.flags & PickleGraph::kListed) != 0;
    if (node.a == 0 || (!has_tensor && (listed || holds_only_scalars(container)))) return add_object(shown);
    node.flags |= PickleGraph::kListed;
    const bool tuple = node.kind == NodeKind::kTuple;
    open_.push_back({container, tuple ? 0 : graph_.first_cell(container), 0, path_.size()});
    return {};
  }

  /// Lists of numbers, an optimizer's parameter indices among them, are one object.
  bool holds_only_scalars(NodeId container) const {
    const auto scalar = [this](NodeId item) {
      return !is_container(graph_.kind(item)) && graph_.kind(item) != NodeKind::kObject;
    };
    if (graph_.kind(container) == NodeKind::kDict) return false;
    if (graph_.kind(container) == NodeKind::kTuple) {
      for (std::uint32_t i = 0; i < graph_.tuple_size(container); ++i) {
        if (!scalar(graph_.tuple_item(container, i))) return false;
      }
      return true;
    }
    for (auto at = graph_.first_cell(container); at != PickleGraph::kNoCell; at = graph_.cell(at).next) {
      if (!scalar(graph_.cell(at).item)) return false;
    }
    return true;
  }

  /// The next item of a container, its key or index appended to the path; kNoNode at the end.
  Result<NodeId> next_item(Open& open) {
    const NodeKind kind = graph_.kind(open.node);
    if (kind == NodeKind::kTuple) {
      if (open.next == graph_.tuple_size(open.node)) return kNoNode;
      append_segment(std::to_string(open.next));
      return graph_.tuple_item(open.node, open.next++);
    }
    if (open.next == PickleGraph::kNoCell) return kNoNode;
    PickleGraph::Cell cell = graph_.cell(open.next);
    if (kind == NodeKind::kDict) {
      if (auto keyed = append_key(cell.item); !keyed) return Failure(keyed.error());
      cell = graph_.cell(cell.next);
    } else {
      append_segment(std::to_string(open.index++));
    }
    open.next = cell.next;
    return cell.item;
  }

  void append_segment(std::string_view segment) {
    if (!path_.empty()) path_ += '.';
    path_ += segment;
  }

  Result<void> append_key(NodeId key) {
    const NodeKind kind = graph_.kind(key);
    if (kind == NodeKind::kInt) {
      append_segment(std::to_string(graph_.at(key).integer()));
      return {};
    }
    if (kind == NodeKind::kGlobal || kind == NodeKind::kObject) {  // a class as a key: old Lightning callbacks
      append_segment(graph_.global_name(kind == NodeKind::kObject ? graph_.at(key).a : key));
      return {};
    }
    if (kind != NodeKind::kString) {
      return refuse("PK-KEY", "a " + std::string(python_name(kind)) + " as a key", "keys are strings or integers");
    }
    const std::string_view text = graph_.text(key);
    if (text.empty()) return refuse("PK-KEY-EMPTY", "an empty key", "keys are not empty");
    if (text.find('\0') != std::string_view::npos) {
      return refuse("PK-KEY-NUL", "NUL in the key " + io::quoted(text), "keys are text without NUL");
    }
    if (text.size() > source_.limits.name_bytes) return long_name("a key", text.size());
    append_segment(text);
    return {};
  }

  Failure long_name(std::string_view what, std::size_t bytes) const {
    return refuse("PK-NAME-LIMIT",
                  std::string(what) + " of " + std::to_string(bytes) + " bytes",
                  "the limit is " + std::to_string(source_.limits.name_bytes),
                  ErrorKind::kLimit);
  }

  Result<void> add_tensor(const TensorInfo& info) {
    if (path_.size() > source_.limits.name_bytes) return long_name("a tensor name", path_.size());
    if (listing_.tensors.size() == source_.limits.tensors_per_file) {
      return refuse("PK-TENSORS",
                    "more than " + std::to_string(source_.limits.tensors_per_file) + " tensors",
                    "that is the limit",
                    ErrorKind::kLimit);
    }
    const StorageInfo& storage = graph_.storages()[info.storage];
    auto& place = places_[info.storage];
    if (!place) {
      auto found = find_storage_(storage);
      if (!found) return Failure(found.error());
      place = *found;
    }
    TensorEntry entry;
    entry.name = path_;
    entry.dtype = info.dtype;
    for (std::uint32_t d = 0; d < graph_.tuple_size(info.size); ++d) {
      entry.shape.push_back(graph_.at(graph_.tuple_item(info.size, d)).integer());
    }
    entry.bytes = static_cast<std::uint64_t>(byte_size(info.dtype, entry.shape).value_or(0));
    if (!is_contiguous(info, entry.shape)) {
      for (std::uint32_t d = 0; d < graph_.tuple_size(info.stride); ++d) {
        entry.strides.push_back(graph_.at(graph_.tuple_item(info.stride, d)).integer());
      }
    }
    const auto bits = static_cast<std::uint64_t>(info.offset) * static_cast<unsigned>(dtype_bits(info.dtype));
    entry.offset = place->offset + bits / 8;
    entry.storage = info.storage;
    entry.storage_offset = place->offset;
    entry.storage_bytes = storage.bytes;
    entry.storage_crc32 = place->crc32;
    entry.has_crc32 = place->has_crc32;
    entry.big_endian = options_.big_endian;
    entry.requires_grad = info.requires_grad;
    if (auto within = check_expansion(entry); !within) return within;
    const std::uint64_t dims = entry.shape.size() + entry.strides.size();
    if (auto within = charge(kGrowth * sizeof entry + entry.name.size() + dims * sizeof(std::int64_t)); !within) return within;
    listing_.tensors.push_back(std::move(entry));
    return {};
  }

  bool is_contiguous(const TensorInfo& info, const Shape& shape) const {
    std::int64_t expected = 1;
    for (std::size_t d = shape.size(); d-- > 0;) {
      if (shape[d] == 0) return true;
      const std::int64_t stride = graph_.at(graph_.tuple_item(info.stride, static_cast<std::uint32_t>(d))).integer();
      if (shape[d] != 1 && stride != expected) return std::find(shape.begin(), shape.end(), 0) != shape.end();
      expected *= shape[d];
    }
    return true;
  }

  /// A view may repeat its storage's numbers (stride 0), so a small file could ask for any amount of memory.
  Result<void> check_expansion(const TensorEntry& entry) {
    if (entry.bytes <= entry.storage_bytes) return {};
    const auto total = io::add(expanded_, entry.bytes);
    if (total && *total <= data_budget_) {
      expanded_ = *total;
      return {};
    }
    return refuse("PK-EXPANDS",
                  "expands to " + std::to_string(entry.bytes) + " bytes from " + std::to_string(entry.storage_bytes),
                  "the limit is " + std::to_string(data_budget_),
                  ErrorKind::kLimit);
  }

  Result<void> add_object(NodeId id) {
    const Node& node = graph_.at(id);
    InertObject object{path_, std::string(python_name(node.kind)), {}};
    switch (node.kind) {
      case NodeKind::kBool:
        object.text = id == PickleGraph::kTrueNode ? "True" : "False";
        break;
      case NodeKind::kInt:
        object.text = std::to_string(node.integer());
        break;
      case NodeKind::kFloat:
        object.text = real_text(node.real());
        break;
      case NodeKind::kString:
        if (node.c <= kMaxScalarText || graph_.text(id).size() <= kMaxScalarText) object.text = graph_.text(id);
        break;
      case NodeKind::kGlobal:
        object.kind = "global " + graph_.global_name(id);
        break;
      case NodeKind::kObject:
        object.kind = "global " + graph_.global_name(node.a);
        break;
      default:
        break;
    }
    if (object.text.size() > kMaxScalarText) object.text.clear();
    if (auto within = charge(kGrowth * sizeof object + object.path.size() + object.kind.size() + object.text.size()); !within) return within;
    listing_.objects.push_back(std::move(object));
    return {};
  }

  /// Two ways to spell one name: "a" -> "b" and "a.b", 0 and "0", or one key twice.
  Result<void> check_names() {
    std::vector<std::string_view> names;
    for (const TensorEntry& entry : listing_.tensors) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice == names.end()) return {};
    path_ = *twice;
    return refuse("PK-DUPLICATE", "duplicate name", "names must be unique");
  }

  PickleGraph& graph_;
  const PickleSource& source_;
  const FindStorage& find_storage_;
  FlattenOptions options_;
  std::uint64_t memory_budget_ = 0;
  std::uint64_t data_budget_ = 0;
  std::uint64_t used_ = 0;
  std::uint64_t expanded_ = 0;
  std::string path_;
  std::vector<Open> open_;
  std::vector<std::optional<StoragePlace>> places_;
  Listing listing_;
};

}  // namespace

Result<Listing> list_pickle(NodeId root,
                            PickleGraph& graph,
                            const PickleSource& source,
                            std::size_t program_bytes,
                            std::uint64_t file_bytes,
                            const FindStorage& find_storage,
                            const FlattenOptions& options) {
  if (auto measured = measure_pickle(root, graph, source, options.enter_objects); !measured) {
    return Failure(measured.error());
  }
  return Flattener(graph, source, program_bytes, file_bytes, find_storage, options).run(root);
}

}  // namespace tenon::formats
