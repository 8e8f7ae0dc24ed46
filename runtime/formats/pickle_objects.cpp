#include "runtime/formats/pickle_objects.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "runtime/formats/pickle_text.h"
#include "runtime/formats/torch_types.h"

namespace tenon::formats {

struct PickleObjects::Known {
  std::string_view global;
  Build build;
};

const PickleObjects::Known* PickleObjects::find_known(std::string_view global) {
  static constexpr std::array kKnown = {
    Known{"collections\nOrderedDict", &PickleObjects::ordered_dict},
    Known{"collections\nCounter", &PickleObjects::counter},
    Known{"collections\ndefaultdict", &PickleObjects::default_dict},
    Known{"builtins\nset", &PickleObjects::set},
    Known{"builtins\nfrozenset", &PickleObjects::set},
    Known{"__builtin__\nset", &PickleObjects::set},
    Known{"__builtin__\nfrozenset", &PickleObjects::set},
    Known{"builtins\nbytearray", &PickleObjects::byte_array},
    Known{"__builtin__\nbytearray", &PickleObjects::byte_array},
    Known{"_codecs\nencode", &PickleObjects::encoded},
    Known{"torch\nSize", &PickleObjects::size},
    Known{"numpy\ndtype", &PickleObjects::numpy_dtype},
    Known{"numpy.core.multiarray\nscalar", &PickleObjects::numpy_scalar},
    Known{"numpy._core.multiarray\nscalar", &PickleObjects::numpy_scalar},
    Known{"torch._utils\n_rebuild_tensor", &PickleObjects::tensor_v1},
    Known{"torch._utils\n_rebuild_tensor_v2", &PickleObjects::tensor_v2},
    Known{"torch._utils\n_rebuild_tensor_v3", &PickleObjects::tensor_v3},
    Known{"torch._utils\n_rebuild_qtensor", &PickleObjects::quantised},
    Known{"torch._utils\n_rebuild_parameter", &PickleObjects::parameter},
    Known{"torch._utils\n_rebuild_parameter_with_state", &PickleObjects::parameter_with_state},
    Known{"torch._tensor\n_rebuild_from_type_v2", &PickleObjects::from_type},
    Known{"torch._utils\n_rebuild_sparse_tensor", &PickleObjects::sparse},
    Known{"torch._utils\n_rebuild_sparse_csr_tensor", &PickleObjects::sparse},
  };
  const auto found =
    std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& known) { return known.global == global; });
  return found == kKnown.end() ? nullptr : &*found;
}

Failure PickleObjects::refuse(std::string_view code,
                              std::string_view found,
                              std::string_view required,
                              ErrorKind kind) const {
  return io::refuse(kind, code, {.file = source_.file, .member = source_.member, .byte = at_}, found, required);
}

Failure PickleObjects::wrong_argument(std::string_view what, NodeId found, std::string_view required) const {
  const NodeKind kind = graph_.kind(found);
  if (kind == NodeKind::kGlobal || kind == NodeKind::kObject) {
    const NodeId global = kind == NodeKind::kObject ? graph_.at(found).a : found;
    return refuse("PK-GLOBAL",
                  std::string(what) + " from global " + io::quoted(graph_.global_name(global)),
                  "tensors are made of storages and numbers only, nothing is ever executed",
                  ErrorKind::kUnsafe);
  }
  return refuse("PK-ARGUMENT", std::string(what) + " is a " + std::string(python_name(kind)), required);
}

Result<void> PickleObjects::require_count(NodeId arguments,
                                          std::string_view what,
                                          std::uint32_t least,
                                          std::uint32_t most) const {
  const std::uint32_t count = graph_.tuple_size(arguments);
  if (count >= least && count <= most) return {};
  const std::string range = least == most ? std::to_string(least) : std::to_string(least) + " to " + std::to_string(most);
  return refuse(
    "PK-ARGUMENT", std::string(what) + " with " + std::to_string(count) + " arguments", range + " are required");
}

Result<NodeId> PickleObjects::reduce(NodeId callee, NodeId arguments) {
  const NodeKind kind = graph_.kind(callee);
  if (kind != NodeKind::kGlobal && kind != NodeKind::kObject) {
    return refuse("PK-CALLEE", "REDUCE of a " + std::string(python_name(kind)), "a global is required");
  }
  if (graph_.kind(arguments) != NodeKind::kTuple) {
    return refuse("PK-ARGUMENT",
                  "REDUCE with a " + std::string(python_name(graph_.kind(arguments))),
                  "its arguments are a tuple");
  }
  if (kind == NodeKind::kObject) return graph_.add_object(graph_.at(callee).a);
  if (const Known* known = find_known(graph_.text(callee))) return (this->*known->build)(arguments);
  return graph_.add_object(callee);
}

Result<void> PickleObjects::build(NodeId object, NodeId state) {
  Node& node = graph_.at(object);
  switch (node.kind) {
    case NodeKind::kObject:
      if (node.b == kNoNode) node.b = state;
      return {};
    case NodeKind::kDict:
      // An OrderedDict's attributes: `_metadata` of every state dict. Kept only so that a cycle through it is found.
      if ((node.flags & PickleGraph::kOrdered) == 0) break;
      graph_.set_attributes(object, state);
      return {};
    case NodeKind::kNumpyDtype: {
      const bool is_state = graph_.kind(state) == NodeKind::kTuple && graph_.tuple_size(state) >= 2;
      if (!is_state) return refuse("PK-NUMPY", "a numpy dtype with an odd state", "a tuple with a byte order is required");
      if (graph_.is_text(graph_.tuple_item(state, 1), ">")) node.flags |= PickleGraph::kBigEndian;
      return {};
    }
    default:
      break;
  }
  return refuse(
    "PK-TARGET", "BUILD on a " + std::string(python_name(node.kind)), "only objects and ordered dicts have attributes");
}

Result<NodeId> PickleObjects::ordered_dict(NodeId arguments) {
  if (auto sound = require_count(arguments, "OrderedDict", 0, 1); !sound) return Failure(sound.error());
  const NodeId dict = graph_.add_container(NodeKind::kDict, PickleGraph::kOrdered);
  if (graph_.tuple_size(arguments) == 0) return dict;
  // Python 2 passed the items as a list of pairs.
  const NodeId items = item(arguments, 0);
  constexpr std::string_view kRequired = "a list of pairs is required";
  if (graph_.kind(items) != NodeKind::kList) return wrong_argument("the items of an OrderedDict", items, kRequired);
  for (auto cell = graph_.first_cell(items); cell != PickleGraph::kNoCell; cell = graph_.cell(cell).next) {
    const NodeId pair = graph_.cell(cell).item;
    if (graph_.kind(pair) == NodeKind::kTuple && graph_.tuple_size(pair) == 2) {
      graph_.append(dict, graph_.tuple_item(pair, 0));
      graph_.append(dict, graph_.tuple_item(pair, 1));
    } else if (graph_.kind(pair) == NodeKind::kList && graph_.item_count(pair) == 2) {
      const auto first = graph_.cell(graph_.first_cell(pair));
      graph_.append(dict, first.item);
      graph_.append(dict, graph_.cell(first.next).item);
    } else {
      return wrong_argument("an item of an OrderedDict", pair, kRequired);
    }
  }
  return dict;
}

Result<NodeId> PickleObjects::counter(NodeId arguments) {
  if (auto sound = require_count(arguments, "Counter", 0, 1); !sound) return Failure(sound.error());
  if (graph_.tuple_size(arguments) == 0) return graph_.add_container(NodeKind::kDict, PickleGraph::kOrdered);
  const NodeId dict = item(arguments, 0);
  if (graph_.kind(dict) != NodeKind::kDict) return wrong_argument("the content of a Counter", dict, "a dict is required");
  return dict;
}

Result<NodeId> PickleObjects::default_dict(NodeId arguments) {
  if (auto sound = require_count(arguments, "defaultdict", 0, 1); !sound) return Failure(sound.error());
  return graph_.add_container(NodeKind::kDict, PickleGraph::kOrdered);
}

Result<NodeId> PickleObjects::set(NodeId arguments) {
  if (auto sound = require_count(arguments, "set", 0, 1); !sound) return Failure(sound.error());
  const NodeId set = graph_.add_container(NodeKind::kSet);
  if (graph_.tuple_size(arguments) == 0) return set;
  const NodeId items = item(arguments, 0);
  if (graph_.kind(items) != NodeKind::kList) return wrong_argument("the items of a set", items, "a list is required");
  for (auto cell = graph_.first_cell(items); cell != PickleGraph::kNoCell; cell = graph_.cell(cell).next) {
    graph_.append(set, graph_.cell(cell).item);
  }
  return set;
}

Result<NodeId> PickleObjects::byte_array(NodeId arguments) {
  if (auto sound = require_count(arguments, "bytearray", 0, 2); !sound) return Failure(sound.error());
  if (graph_.tuple_size(arguments) == 0) return graph_.add_arena_text(NodeKind::kBytes, "");
  const NodeId content = item(arguments, 0);
  if (graph_.kind(content) == NodeKind::kBytes || graph_.kind(content) == NodeKind::kString) return content;
  if (graph_.kind(content) == NodeKind::kInt) {
    return refuse("PK-BYTEARRAY",
                  "bytearray of " + std::to_string(graph_.at(content).integer()) + " bytes that are not in the file",
                  "its bytes must be in the file",
                  ErrorKind::kLimit);
  }
  return wrong_argument("the content of a bytearray", content, "bytes are required");
}

Result<NodeId> PickleObjects::encoded(NodeId arguments) {
  if (auto sound = require_count(arguments, "_codecs.encode", 2, 2); !sound) return Failure(sound.error());
  const NodeId text = item(arguments, 0);
  const NodeId codec = item(arguments, 1);
  if (graph_.kind(text) != NodeKind::kString) return wrong_argument("the text to encode", text, "a string is required");
  if (!graph_.is_text(codec, "latin1") && !graph_.is_text(codec, "latin-1")) {
    const bool named = graph_.kind(codec) == NodeKind::kString;
    const std::string name = named ? io::quoted(graph_.text(codec)) : "of a " + std::string(python_name(graph_.kind(codec)));
    return refuse("PK-CODEC", "codec " + name, "only latin1, which is how pickle spells bytes, is read", ErrorKind::kUnsafe);
  }
  std::string bytes;
  const std::string_view source = graph_.text(text);
  for (std::size_t i = 0; i < source.size();) {
    const std::size_t length = io::utf8_sequence(source.substr(i));
    const auto lead = static_cast<unsigned char>(source[i]);
    if (length > 2 || (length == 2 && lead > 0xc3)) {
      return refuse("PK-CODEC", "text that latin1 cannot hold", "code points up to 255 are required");
    }
    bytes += length == 2 ? static_cast<char>((lead << 6) | (source[i + 1] & 0x3f)) : source[i];
    i += length;
  }
  return graph_.add_arena_text(NodeKind::kBytes, bytes);
}

Result<NodeId> PickleObjects::size(NodeId arguments) {
  if (auto sound = require_count(arguments, "torch.Size", 1, 1); !sound) return Failure(sound.error());
  const NodeId dims = item(arguments, 0);
  if (graph_.kind(dims) != NodeKind::kTuple) return wrong_argument("a torch.Size", dims, "a tuple is required");
  return dims;
}

Result<NodeId> PickleObjects::numpy_dtype(NodeId arguments) {
  if (auto sound = require_count(arguments, "numpy.dtype", 1, 3); !sound) return Failure(sound.error());
  const NodeId name = item(arguments, 0);
  if (graph_.kind(name) != NodeKind::kString) return wrong_argument("the name of a numpy dtype", name, "a string is required");
  Node node;
  node.kind = NodeKind::kNumpyDtype;
  node.a = name;
  return graph_.add(node);
}

namespace {

std::optional<double> number_of(std::string_view bytes, char letter) {
  std::uint64_t bits = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) bits = (bits << 8) | static_cast<unsigned char>(bytes[i - 1]);
  if (letter == 'f' && bytes.size() == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
  if (letter == 'f' && bytes.size() == 8) return std::bit_cast<double>(bits);
  return std::nullopt;
}

std::int64_t integer_of(std::string_view bytes, bool is_signed) {
  std::uint64_t bits = is_signed && static_cast<unsigned char>(bytes.back()) >= 0x80 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = bytes.size(); i > 0; --i) bits = (bits << 8) | static_cast<unsigned char>(bytes[i - 1]);
  return static_cast<std::int64_t>(bits);
}

}  // namespace

Result<NodeId> PickleObjects::numpy_scalar(NodeId arguments) {
  if (auto sound = require_count(arguments, "numpy scalar", 2, 2); !sound) return Failure(sound.error());
  const NodeId dtype = item(arguments, 0);
  const NodeId value = item(arguments, 1);
  if (graph_.kind(dtype) != NodeKind::kNumpyDtype) return wrong_argument("a numpy dtype", dtype, "numpy.dtype is required");
  const std::string_view name = graph_.text(graph_.at(dtype).a);
  constexpr std::array<std::string_view, 11> kNumbers = {
    "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"};
  if (std::find(kNumbers.begin(), kNumbers.end(), name) == kNumbers.end()) {
    return refuse("PK-NUMPY-DTYPE",
                  "numpy scalar with dtype " + io::quoted(name),
                  "a plain number is required",
                  ErrorKind::kUnsupported);
  }
  if (graph_.kind(value) != NodeKind::kBytes && graph_.kind(value) != NodeKind::kString) {
    return wrong_argument("a numpy scalar's value", value, "bytes are required");
  }
  std::string bytes(graph_.text(value));
  if (bytes.size() != static_cast<std::size_t>(name[1] - '0')) {
    return refuse("PK-NUMPY",
                  "numpy scalar " + std::string(name) + " of " + std::to_string(bytes.size()) + " bytes",
                  "its dtype says how many");
  }
  if ((graph_.at(dtype).flags & PickleGraph::kBigEndian) != 0) std::reverse(bytes.begin(), bytes.end());
  if (name[0] == 'b') return bytes[0] == '\0' ? PickleGraph::kFalseNode : PickleGraph::kTrueNode;
  if (const auto real = number_of(bytes, name[0])) return graph_.add_float(*real);
  return graph_.add_int(integer_of(bytes, name[0] == 'i'));
}

}  // namespace tenon::formats
