#include "runtime/formats/pickle_graph.h"

namespace tenon::formats {

PickleGraph::PickleGraph(std::string_view program) : program_(program) {
  add(Node{});
  for (const int value : {0, 1}) {
    Node node;
    node.kind = NodeKind::kBool;
    node.set_bits(static_cast<std::uint64_t>(value));
    add(node);
  }
  Node empty;
  empty.kind = NodeKind::kTuple;
  add(empty);
}

std::uint64_t PickleGraph::memory() const {
  constexpr std::uint64_t kMapEntry = 64;
  return nodes_.size() * sizeof(Node) + children_.size() * sizeof(NodeId) + cells_.size() * sizeof(Cell) +
         arena_bytes_ + storages_.capacity() * sizeof(StorageInfo) + storage_nodes_.size() * kMapEntry +
         tensors_.size() * sizeof(TensorInfo) + attributes_.size() * kMapEntry;
}

NodeId PickleGraph::add(const Node& node) {
  nodes_.push_back(node);
  return static_cast<NodeId>(nodes_.size() - 1);
}

NodeId PickleGraph::add_int(std::int64_t value) {
  Node node;
  node.kind = NodeKind::kInt;
  node.set_bits(static_cast<std::uint64_t>(value));
  return add(node);
}

NodeId PickleGraph::add_float(double value) {
  Node node;
  node.kind = NodeKind::kFloat;
  node.set_bits(std::bit_cast<std::uint64_t>(value));
  return add(node);
}

NodeId PickleGraph::add_text(NodeKind kind, std::size_t offset, std::size_t length) {
  Node node;
  node.kind = kind;
  node.b = static_cast<std::uint32_t>(offset);
  node.c = static_cast<std::uint32_t>(length);
  return add(node);
}

NodeId PickleGraph::add_arena_text(NodeKind kind, std::string_view text) {
  const NodeId id = add_text(kind, arena_.size(), text.size());
  arena_.emplace_back(text);
  arena_bytes_ += sizeof(std::string) + text.size();
  at(id).flags = kInArena;
  return id;
}

NodeId PickleGraph::add_container(NodeKind kind, std::uint8_t flags) {
  Node node;
  node.kind = kind;
  node.flags = flags;
  node.b = kNoCell;
  node.c = kNoCell;
  return add(node);
}

NodeId PickleGraph::add_object(NodeId global) {
  Node node;
  node.kind = NodeKind::kObject;
  node.a = global;
  node.b = kNoNode;  // its state, once BUILD gave one
  return add(node);
}

NodeId PickleGraph::add_storage(StorageInfo info) {
  if (const auto known = storage_nodes_.find(info.key); known != storage_nodes_.end()) return known->second;
  Node node;
  node.kind = NodeKind::kStorage;
  node.a = static_cast<std::uint32_t>(storages_.size());
  const NodeId id = add(node);
  storage_nodes_.emplace(info.key, id);
  storages_.push_back(info);
  return id;
}

NodeId PickleGraph::add_tensor(const TensorInfo& info) {
  Node node;
  node.kind = NodeKind::kTensor;
  node.a = static_cast<std::uint32_t>(tensors_.size());
  tensors_.push_back(info);
  return add(node);
}

std::string_view PickleGraph::text(NodeId id) const {
  const Node& node = nodes_[id];
  if ((node.flags & kInArena) != 0) return arena_[node.b];
  return program_.substr(node.b, node.c);
}

bool PickleGraph::is_text(NodeId id, std::string_view expected) const {
  return (kind(id) == NodeKind::kString || kind(id) == NodeKind::kBytes) && text(id) == expected;
}

std::string PickleGraph::global_name(NodeId id) const {
  std::string name(text(id));
  if (const auto newline = name.find('\n'); newline != std::string::npos) name[newline] = '.';
  return name;
}

void PickleGraph::append(NodeId container, NodeId item) {
  const auto index = static_cast<std::uint32_t>(cells_.size());
  cells_.push_back({item, kNoCell});
  Node& node = at(container);
  if (node.c == kNoCell) {
    node.b = index;
  } else {
    cells_[node.c].next = index;
  }
  node.c = index;
  ++node.a;
}

const StorageInfo* PickleGraph::find_storage(std::string_view key) const {
  const auto known = storage_nodes_.find(key);
  return known == storage_nodes_.end() ? nullptr : &storage(known->second);
}

NodeId PickleGraph::attributes(NodeId dict) const {
  const auto found = attributes_.find(dict);
  return found == attributes_.end() ? kNoNode : found->second;
}

std::string_view python_name(NodeKind kind) {
  switch (kind) {
    case NodeKind::kNone:
      return "NoneType";
    case NodeKind::kBool:
      return "bool";
    case NodeKind::kInt:
    case NodeKind::kBigInt:
      return "int";
    case NodeKind::kFloat:
      return "float";
    case NodeKind::kString:
      return "str";
    case NodeKind::kBytes:
      return "bytes";
    case NodeKind::kTuple:
      return "tuple";
    case NodeKind::kList:
      return "list";
    case NodeKind::kDict:
      return "dict";
    case NodeKind::kSet:
      return "set";
    case NodeKind::kGlobal:
      return "global";
    case NodeKind::kObject:
      return "object";
    case NodeKind::kStorage:
      return "storage";
    case NodeKind::kTensor:
      return "tensor";
    case NodeKind::kNumpyDtype:
      return "numpy dtype";
  }
  return "unknown";
}

}  // namespace tenon::formats
