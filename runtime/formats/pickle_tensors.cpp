// The tensor half of PickleObjects: every view that comes out of here lies inside its storage.
#include <algorithm>
#include <limits>

#include <tenon/shape.h>

#include "runtime/formats/pickle_objects.h"
#include "runtime/formats/torch_types.h"
#include "runtime/io/checked.h"

namespace tenon::formats {
namespace {

constexpr std::size_t kMaxStorageKey = 512;
constexpr std::uint32_t kMostMetadata = 32;  // keys and values; torch writes two keys

std::optional<std::uint64_t> storage_bytes(DType dtype, std::int64_t elements) {
  const auto bytes = byte_size(dtype, {elements});
  return bytes ? std::optional(static_cast<std::uint64_t>(*bytes)) : std::nullopt;
}

}  // namespace

Result<std::string_view> PickleObjects::storage_key(NodeId node) const {
  if (graph_.kind(node) != NodeKind::kString) return wrong_argument("a storage key", node, "a string is required");
  const std::string_view key = graph_.text(node);
  const bool plain = !key.empty() && key.size() <= kMaxStorageKey && key != "." && key != ".." &&
                     std::all_of(key.begin(), key.end(), [](char c) {
                       return c > 0x20 && c < 0x7f && c != '/' && c != '\\' && c != ':';
                     });
  if (plain) return key;
  return refuse("PK-STORAGE-KEY", "storage key " + io::quoted(key), "a plain name is required", ErrorKind::kUnsafe);
}

Result<NodeId> PickleObjects::persistent(NodeId id) {
  const std::string_view required = "a tuple (\"storage\", class, key, location, count) is required";
  if (!source_.persistent_ids) return refuse("PK-PERSISTENT", "a persistent id", "there are none here");
  if (source_.outside != nullptr) return outside(id);
  if (graph_.kind(id) != NodeKind::kTuple) return wrong_argument("a persistent id", id, required);
  const std::uint32_t count = graph_.tuple_size(id);
  if (count == 0) return refuse("PK-PERSISTENT", "an empty persistent id", required);
  if (source_.legacy && graph_.is_text(item(id, 0), "module") && count == 4) return item(id, 1);  // a class and its source
  if (!graph_.is_text(item(id, 0), "storage")) {
    return refuse("PK-PERSISTENT", "a persistent id that names no storage", required);
  }
  const std::uint32_t members = source_.legacy ? 6 : 5;
  if (count != members) {
    return refuse("PK-PERSISTENT", "a persistent id of " + std::to_string(count) + " members", required);
  }
  const NodeId type = item(id, 1);
  const NodeId elements = item(id, 4);
  if (graph_.kind(type) != NodeKind::kGlobal) return wrong_argument("a storage class", type, "a global is required");
  const bool untyped = is_untyped_storage_class(graph_.text(type));
  const auto dtype = untyped ? std::optional(DType::kU8) : dtype_of_storage_class(graph_.text(type));
  if (!dtype) {
    return refuse("PK-STORAGE-TYPE",
                  "storage class " + io::quoted(graph_.global_name(type)),
                  "a storage class of torch is required",
                  ErrorKind::kUnsupported);
  }
  const auto key = storage_key(item(id, 2));
  if (!key) return Failure(key.error());
  if (graph_.kind(elements) != NodeKind::kInt) return wrong_argument("a storage's count", elements, "an integer is required");
  const std::int64_t stated = graph_.at(elements).integer();
  const auto bytes = stated < 0 ? std::nullopt : storage_bytes(*dtype, stated);
  if (!bytes) {
    return refuse("PK-STORAGE-COUNT", "storage of " + std::to_string(stated) + " elements", "its bytes must stay under 2^63");
  }
  const StorageInfo info{*key, *dtype, untyped, static_cast<std::uint64_t>(stated), *bytes, at_};
  const NodeId storage = graph_.add_storage(info);
  const StorageInfo& first = graph_.storage(storage);
  if (first.dtype != info.dtype || first.untyped != info.untyped || first.elements != info.elements) {
    return refuse("PK-STORAGE-TWICE",
                  "storage " + io::quoted(*key) + " declared twice, differently",
                  "all declarations of a storage must agree");
  }
  return source_.legacy ? legacy_view(storage, item(id, 5)) : Result<NodeId>(storage);
}

/// A key of a tensor that was described before, or a class with its source, (class, file, text).
Result<NodeId> PickleObjects::outside(NodeId id) {
  if (graph_.kind(id) == NodeKind::kTuple && graph_.tuple_size(id) == 3) return item(id, 0);
  if (graph_.kind(id) != NodeKind::kString) return wrong_argument("a persistent id", id, "a key is required");
  const auto known = source_.outside->find(std::string(graph_.text(id)));
  if (known == source_.outside->end()) {
    return refuse("PK-PERSISTENT", "tensor " + io::quoted(graph_.text(id)) + " is not described", "a known key is required");
  }
  const OutsideTensor& tensor = known->second;
  if (tensor.offset < 0) return refuse("PK-OFFSET", "offset " + std::to_string(tensor.offset), "offsets are not negative");
  const auto tuple_of = [this](const std::vector<std::int64_t>& values) {
    std::vector<NodeId> nodes;
    for (const std::int64_t value : values) nodes.push_back(graph_.add_int(value));
    return graph_.add_tuple(nodes.begin(), nodes.end());
  };
  const auto bytes_of = [&tensor](std::uint64_t elements) {
    return storage_bytes(tensor.dtype, static_cast<std::int64_t>(elements)).value_or(0);
  };
  const NodeId storage = graph_.add_storage(
    {tensor.storage, tensor.dtype, false, tensor.elements, bytes_of(tensor.elements), at_});
  TensorInfo view{graph_.at(storage).a, tensor.dtype, tensor.offset, tuple_of(tensor.size), tuple_of(tensor.stride), false};
  const StorageInfo window{tensor.storage, tensor.dtype, false, tensor.window_elements, bytes_of(tensor.window_elements), at_};
  if (auto inside = check_view(window, view); !inside) return Failure(inside.error());
  view.offset += static_cast<std::int64_t>(tensor.window_begin);
  return graph_.add_tensor(view);
}

/// Before torch 0.4 a storage could be a window of another: (key, offset, count). Files since then say None.
Result<NodeId> PickleObjects::legacy_view(NodeId storage, NodeId metadata) const {
  if (graph_.kind(metadata) == NodeKind::kNone) return storage;
  const bool is_view = graph_.kind(metadata) == NodeKind::kTuple && graph_.tuple_size(metadata) == 3;
  if (!is_view) return wrong_argument("a storage's view", metadata, "None or (key, offset, count) is required");
  const NodeId offset = item(metadata, 1);
  const NodeId count = item(metadata, 2);
  const bool numbers = graph_.kind(offset) == NodeKind::kInt && graph_.kind(count) == NodeKind::kInt;
  if (!numbers) return wrong_argument("a storage's view", numbers ? count : offset, "integers are required");
  const std::int64_t begin = graph_.at(offset).integer();
  const std::int64_t length = graph_.at(count).integer();
  const StorageInfo& root = graph_.storage(storage);
  const bool inside = begin >= 0 && length >= 0 &&
                      io::fits(static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(length), root.elements);
  if (!inside) {
    return refuse("LG-VIEW",
                  "view of " + std::to_string(length) + " elements at " + std::to_string(begin) + " of a storage of " +
                    std::to_string(root.elements),
                  "a view must lie inside its storage");
  }
  if (begin == 0 && static_cast<std::uint64_t>(length) == root.elements) return storage;
  return refuse("LG-VIEW-PART",
                "a storage that is part of another",
                "storages of their own are required",
                ErrorKind::kUnsupported);
}

Result<std::int64_t> PickleObjects::offset_of(NodeId node) const {
  if (graph_.kind(node) != NodeKind::kInt) return wrong_argument("a storage offset", node, "an integer is required");
  const std::int64_t offset = graph_.at(node).integer();
  if (offset < 0) return refuse("PK-OFFSET", "offset " + std::to_string(offset), "offsets are not negative");
  return offset;
}

Result<NodeId> PickleObjects::dense(std::string_view what,
                                    NodeId arguments,
                                    NodeId requires_grad,
                                    std::optional<DType> dtype) {
  const NodeId storage = item(arguments, 0);
  if (graph_.kind(storage) != NodeKind::kStorage) {
    return wrong_argument(std::string(what) + "'s storage", storage, "a storage is required");
  }
  const StorageInfo& info = graph_.storage(storage);
  if (info.untyped && !dtype) {
    return refuse("PK-UNTYPED", std::string(what) + " over an untyped storage", "a dtype is required");
  }
  const auto offset = offset_of(item(arguments, 1));
  if (!offset) return Failure(offset.error());
  const NodeId size = item(arguments, 2);
  const NodeId stride = item(arguments, 3);
  if (graph_.kind(size) != NodeKind::kTuple) return wrong_argument("a size", size, "a tuple is required");
  if (graph_.kind(stride) != NodeKind::kTuple) return wrong_argument("a stride", stride, "a tuple is required");
  bool grad = false;
  if (requires_grad != kNoNode) {
    if (graph_.kind(requires_grad) != NodeKind::kBool) {
      return wrong_argument("requires_grad", requires_grad, "a boolean is required");
    }
    grad = requires_grad == PickleGraph::kTrueNode;
  }
  const TensorInfo view{graph_.at(storage).a, dtype.value_or(info.dtype), *offset, size, stride, grad};
  if (auto inside = check_view(info, view); !inside) return Failure(inside.error());
  return graph_.add_tensor(view);
}

Result<void> PickleObjects::check_view(const StorageInfo& storage, const TensorInfo& view) const {
  const std::uint32_t rank = graph_.tuple_size(view.size);
  if (rank != graph_.tuple_size(view.stride)) {
    return refuse("PK-RANK",
                  std::to_string(rank) + " sizes and " + std::to_string(graph_.tuple_size(view.stride)) + " strides",
                  "each dimension has one of both");
  }
  if (rank > source_.limits.rank) {
    return refuse("PK-RANK-LIMIT",
                  "rank " + std::to_string(rank),
                  "the limit is " + std::to_string(source_.limits.rank),
                  ErrorKind::kLimit);
  }
  Shape shape;
  std::optional<std::int64_t> last = view.offset;  // the furthest element
  for (std::uint32_t d = 0; d < rank; ++d) {
    const NodeId size_node = item(view.size, d);
    const NodeId stride_node = item(view.stride, d);
    if (graph_.kind(size_node) != NodeKind::kInt) return wrong_argument("a size", size_node, "an integer is required");
    if (graph_.kind(stride_node) != NodeKind::kInt) return wrong_argument("a stride", stride_node, "an integer is required");
    const std::int64_t size = graph_.at(size_node).integer();
    const std::int64_t stride = graph_.at(stride_node).integer();
    if (size < 0) return refuse("PK-SIZE", "size " + std::to_string(size), "sizes are not negative");
    if (stride < 0) return refuse("PK-STRIDE", "stride " + std::to_string(stride), "strides are not negative");
    shape.push_back(size);
    const auto reach = size == 0 ? std::optional<std::int64_t>(0) : io::multiply(size - 1, stride);
    last = last && reach ? io::add(*last, *reach) : std::nullopt;
  }
  const auto count = numel(shape);
  const auto bytes = byte_size(view.dtype, shape);
  if (!count || !bytes || !last) {
    return refuse("PK-OVERFLOW", "a view of size " + to_string(shape) + " overflows", "sizes must stay under 2^63");
  }
  const std::uint64_t held = storage.untyped || view.dtype != storage.dtype
                               ? storage.bytes * 8 / static_cast<unsigned>(dtype_bits(view.dtype))
                               : storage.elements;
  const std::uint64_t needed = static_cast<std::uint64_t>(*count == 0 ? view.offset : *last) + (*count == 0 ? 0 : 1);
  if (needed > held) {
    return refuse("PK-OUTSIDE",
                  "the view ends at element " + std::to_string(needed) + ", its storage has " + std::to_string(held),
                  "a view must lie inside its storage");
  }
  return {};
}

/// Torch notes beside a tensor that its numbers are still to be negated or conjugated: as they lie they are others.
Result<void> PickleObjects::check_metadata(NodeId arguments, std::uint32_t position) const {
  if (graph_.tuple_size(arguments) <= position) return {};
  const NodeId metadata = item(arguments, position);
  if (graph_.kind(metadata) == NodeKind::kNone) return {};
  if (graph_.kind(metadata) != NodeKind::kDict || graph_.item_count(metadata) > kMostMetadata) {
    return wrong_argument("a tensor's metadata", metadata, "None or a small dict is required");
  }
  for (auto at = graph_.first_cell(metadata); at != PickleGraph::kNoCell;) {
    const NodeId key = graph_.cell(at).item;
    const auto value = graph_.cell(at).next;
    const bool lazy = graph_.is_text(key, "conj") || graph_.is_text(key, "neg");
    if (lazy && graph_.cell(value).item != PickleGraph::kFalseNode) {
      return refuse("PK-LAZY", "a tensor that is still to be " + std::string(graph_.is_text(key, "neg") ? "negated" : "conjugated"),
                    "numbers are read as they lie in the file", ErrorKind::kUnsupported);
    }
    at = graph_.cell(value).next;
  }
  return {};
}

Result<NodeId> PickleObjects::tensor_v1(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_tensor", 4, 4); !sound) return Failure(sound.error());
  return dense("_rebuild_tensor", arguments, kNoNode, std::nullopt);
}

Result<NodeId> PickleObjects::tensor_v2(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_tensor_v2", 6, 7); !sound) return Failure(sound.error());
  if (auto plain = check_metadata(arguments, 6); !plain) return Failure(plain.error());
  return dense("_rebuild_tensor_v2", arguments, item(arguments, 4), std::nullopt);
}

Result<NodeId> PickleObjects::tensor_v3(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_tensor_v3", 7, 8); !sound) return Failure(sound.error());
  if (auto plain = check_metadata(arguments, 7); !plain) return Failure(plain.error());
  const NodeId type = item(arguments, 6);
  if (graph_.kind(type) != NodeKind::kGlobal) return wrong_argument("a dtype", type, "a torch dtype is required");
  const auto dtype = dtype_of_torch_global(graph_.text(type));
  if (!dtype) {
    return refuse("PK-DTYPE",
                  "dtype " + io::quoted(graph_.global_name(type)),
                  "a torch dtype is required",
                  ErrorKind::kUnsupported);
  }
  return dense("_rebuild_tensor_v3", arguments, item(arguments, 4), *dtype);
}

/// (storage, offset, size, stride, quantizer, requires_grad, hooks): listed as its storage's type, never bound.
Result<NodeId> PickleObjects::quantised(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_qtensor", 7, 7); !sound) return Failure(sound.error());
  return dense("_rebuild_qtensor", arguments, item(arguments, 5), std::nullopt);
}

Result<NodeId> PickleObjects::with_grad(NodeId tensor, NodeId requires_grad) {
  if (graph_.kind(tensor) != NodeKind::kTensor) return wrong_argument("a parameter's data", tensor, "a tensor is required");
  if (graph_.kind(requires_grad) != NodeKind::kBool) {
    return wrong_argument("requires_grad", requires_grad, "a boolean is required");
  }
  TensorInfo info = graph_.tensor(tensor);
  info.requires_grad = requires_grad == PickleGraph::kTrueNode;
  return graph_.add_tensor(info);
}

Result<NodeId> PickleObjects::parameter(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_parameter", 3, 3); !sound) return Failure(sound.error());
  return with_grad(item(arguments, 0), item(arguments, 1));
}

Result<NodeId> PickleObjects::parameter_with_state(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_parameter_with_state", 4, 4); !sound) return Failure(sound.error());
  return with_grad(item(arguments, 0), item(arguments, 1));
}

/// (function, type, arguments, state): the base tensor counts, the subclass and its attributes do not.
Result<NodeId> PickleObjects::from_type(NodeId arguments) {
  if (auto sound = require_count(arguments, "_rebuild_from_type_v2", 4, 4); !sound) return Failure(sound.error());
  const NodeId function = item(arguments, 0);
  const NodeId inner = item(arguments, 2);
  const bool rebuilds = graph_.kind(function) == NodeKind::kGlobal &&
                        (graph_.text(function).starts_with("torch._utils\n_rebuild_"));
  if (!rebuilds || find_known(graph_.text(function)) == nullptr) {
    return wrong_argument("the base of a tensor subclass", function, "one of torch's rebuild functions is required");
  }
  if (graph_.kind(inner) != NodeKind::kTuple) return wrong_argument("its arguments", inner, "a tuple is required");
  return reduce(function, inner);
}

Result<NodeId> PickleObjects::sparse(NodeId) {
  return refuse("PK-SPARSE", "sparse tensor", "dense tensors are read", ErrorKind::kUnsupported);
}

}  // namespace tenon::formats
