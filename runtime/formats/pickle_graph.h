// Values of a pickle program as plain numbers in pools: no object is ever built, copied or destroyed recursively.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <tenon/dtype.h>

namespace tenon::formats {

enum class NodeKind : std::uint8_t {
  kNone,
  kBool,
  kInt,
  kBigInt,  // over 64 bits; its bytes
  kFloat,
  kString,
  kBytes,
  kTuple,
  kList,
  kDict,
  kSet,
  kGlobal,   // "module\nname": a reference, never resolved
  kObject,   // made by a global that tenon does not know: inert
  kStorage,
  kTensor,
  kNumpyDtype,
};

using NodeId = std::uint32_t;
inline constexpr NodeId kNoNode = 0xffffffff;

/// Sixteen bytes, so that a program of one-byte opcodes cannot make much more memory than it has bytes.
struct Node {
  NodeKind kind = NodeKind::kNone;
  std::uint8_t flags = 0;
  std::uint16_t height = 0;  // containers below and including this one, once measured
  std::uint32_t a = 0;  // a, b, c: see each kind's accessor in PickleGraph
  std::uint32_t b = 0;
  std::uint32_t c = 0;

  [[nodiscard]] std::int64_t integer() const { return static_cast<std::int64_t>(bits()); }
  [[nodiscard]] double real() const { return std::bit_cast<double>(bits()); }
  void set_bits(std::uint64_t bits) {
    b = static_cast<std::uint32_t>(bits);
    c = static_cast<std::uint32_t>(bits >> 32);
  }

 private:
  [[nodiscard]] std::uint64_t bits() const { return std::uint64_t{c} << 32 | b; }
};
static_assert(sizeof(Node) == 16);

/// A storage as its persistent id states it.
struct StorageInfo {
  std::string_view key;
  DType dtype = DType::kU8;
  bool untyped = false;
  std::uint64_t elements = 0;
  std::uint64_t bytes = 0;
  std::uint64_t stated_at = 0;  // byte of the opcode that named it first
};

/// A dense view of a storage, already known to lie inside it.
struct TensorInfo {
  std::uint32_t storage = 0;
  DType dtype = DType::kF32;
  std::int64_t offset = 0;  // in elements
  NodeId size = kNoNode;    // tuples of integers
  NodeId stride = kNoNode;
  bool requires_grad = false;
};

class PickleGraph {
 public:
  enum Flag : std::uint8_t {
    kInArena = 1,    // text lies in the arena, not in the program
    kOrdered = 2,    // an OrderedDict, which may have attributes
    kOpen = 4,       // on the path of the walk that looks for cycles
    kMeasured = 8,
    kHasTensor = 16,
    kListed = 32,
    kBigEndian = 64,
  };

  /// `program` must outlive the graph.
  explicit PickleGraph(std::string_view program);

  static constexpr NodeId kNoneNode = 0;
  static constexpr NodeId kFalseNode = 1;
  static constexpr NodeId kTrueNode = 2;
  static constexpr NodeId kEmptyTupleNode = 3;

  [[nodiscard]] Node& at(NodeId id) { return nodes_[id]; }
  [[nodiscard]] const Node& at(NodeId id) const { return nodes_[id]; }
  [[nodiscard]] NodeKind kind(NodeId id) const { return nodes_[id].kind; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }
  /// Bytes of all pools, for the budget.
  [[nodiscard]] std::uint64_t memory() const;

  NodeId add_int(std::int64_t value);
  NodeId add_float(double value);
  /// Text that lies in the program at `offset`.
  NodeId add_text(NodeKind kind, std::size_t offset, std::size_t length);
  /// Text made by decoding; it is copied.
  NodeId add_arena_text(NodeKind kind, std::string_view text);
  NodeId add_container(NodeKind kind, std::uint8_t flags = 0);
  template <class Iterator>
  NodeId add_tuple(Iterator begin, Iterator end) {
    if (begin == end) return kEmptyTupleNode;
    Node node;
    node.kind = NodeKind::kTuple;
    node.b = static_cast<std::uint32_t>(children_.size());
    children_.insert(children_.end(), begin, end);
    node.a = static_cast<std::uint32_t>(children_.size()) - node.b;
    return add(node);
  }
  NodeId add_object(NodeId global);
  NodeId add_storage(StorageInfo info);  // the same id for the same key
  NodeId add_tensor(const TensorInfo& info);
  NodeId add(const Node& node);

  [[nodiscard]] std::string_view text(NodeId id) const;
  [[nodiscard]] bool is_text(NodeId id, std::string_view expected) const;
  /// A global's "module.name".
  [[nodiscard]] std::string global_name(NodeId id) const;

  [[nodiscard]] std::uint32_t tuple_size(NodeId id) const { return nodes_[id].a; }
  [[nodiscard]] NodeId tuple_item(NodeId id, std::uint32_t i) const { return children_[nodes_[id].b + i]; }

  /// Lists, sets: one item each; dicts: key, value, key, value.
  void append(NodeId container, NodeId item);
  [[nodiscard]] std::uint32_t item_count(NodeId container) const { return nodes_[container].a; }
  struct Cell {
    NodeId item;
    std::uint32_t next;
  };
  static constexpr std::uint32_t kNoCell = 0xffffffff;
  [[nodiscard]] std::uint32_t first_cell(NodeId container) const { return nodes_[container].b; }
  [[nodiscard]] const Cell& cell(std::uint32_t index) const { return cells_[index]; }

  /// Attributes of an OrderedDict, or none (kNoNode).
  void set_attributes(NodeId dict, NodeId state) { attributes_[dict] = state; }
  [[nodiscard]] NodeId attributes(NodeId dict) const;

  [[nodiscard]] const StorageInfo& storage(NodeId id) const { return storages_[nodes_[id].a]; }
  [[nodiscard]] const std::vector<StorageInfo>& storages() const { return storages_; }
  [[nodiscard]] const TensorInfo& tensor(NodeId id) const { return tensors_[nodes_[id].a]; }
  /// The storage known under a key; null if none.
  [[nodiscard]] const StorageInfo* find_storage(std::string_view key) const;

 private:
  std::string_view program_;
  std::deque<Node> nodes_;
  std::deque<NodeId> children_;
  std::deque<Cell> cells_;
  std::deque<std::string> arena_;
  std::uint64_t arena_bytes_ = 0;
  std::vector<StorageInfo> storages_;
  std::unordered_map<std::string_view, NodeId> storage_nodes_;
  std::deque<TensorInfo> tensors_;
  std::unordered_map<NodeId, NodeId> attributes_;
};

[[nodiscard]] inline bool is_container(NodeKind kind) {
  return kind == NodeKind::kTuple || kind == NodeKind::kList || kind == NodeKind::kDict || kind == NodeKind::kSet;
}

/// As Python calls the type: "int", "str", "dict".
[[nodiscard]] std::string_view python_name(NodeKind kind);

}  // namespace tenon::formats
