#include "runtime/formats/pickle_measure.h"

#include <algorithm>
#include <vector>

#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

class Measurer {
 public:
  Measurer(PickleGraph& graph, const PickleSource& source, bool enter_objects)
      : graph_(graph), source_(source), enter_objects_(enter_objects) {}

  Result<void> run(NodeId root) {
    if (auto entered = enter(root); !entered) return entered;
    while (!open_.empty()) {
      const NodeId child = next_child(open_.back());
      if (child == kNoNode) {
        close();
        continue;
      }
      if (auto entered = enter(child); !entered) return entered;
    }
    return {};
  }

 private:
  struct Open {
    NodeId node;
    std::uint32_t next;           // cell, or tuple index
    bool attributes_done = false;
  };

  Failure refuse(ErrorKind kind, std::string_view code, std::string_view found, std::string_view required) const {
    return io::refuse(kind, code, {.file = source_.file, .member = source_.member}, found, required);
  }

  bool has_children(NodeId node) const {
    const NodeKind kind = graph_.kind(node);
    return is_container(kind) || (enter_objects_ && kind == NodeKind::kObject);
  }

  Result<void> enter(NodeId id) {
    if (graph_.kind(id) == NodeKind::kTensor) mark_tensor();
    if (!has_children(id)) return {};
    Node& node = graph_.at(id);
    if ((node.flags & PickleGraph::kOpen) != 0) {
      return refuse(ErrorKind::kMalformed,
                    "PK-CYCLE",
                    "a " + std::string(python_name(node.kind)) + " contains itself",
                    "values form a tree or share parts");
    }
    const std::size_t depth = open_.size() + ((node.flags & PickleGraph::kMeasured) != 0 ? node.height : 1u);
    if (depth > source_.limits.pickle_nesting) {
      return refuse(ErrorKind::kLimit,
                    "PK-NESTING",
                    "nesting over " + std::to_string(source_.limits.pickle_nesting),
                    "that is the limit");
    }
    if ((node.flags & PickleGraph::kMeasured) != 0) {
      if ((node.flags & PickleGraph::kHasTensor) != 0) mark_tensor();
      raise(node.height);
      return {};
    }
    if (node.kind == NodeKind::kDict) {
      if (auto unique = check_keys(id); !unique) return unique;
    }
    node.flags |= PickleGraph::kOpen;
    node.height = 1;
    const bool cells = node.kind == NodeKind::kList || node.kind == NodeKind::kDict || node.kind == NodeKind::kSet;
    open_.push_back({id, cells ? graph_.first_cell(id) : 0});
    return {};
  }

  NodeId next_child(Open& open) {
    const Node& node = graph_.at(open.node);
    if (node.kind == NodeKind::kTuple) {
      return open.next == node.a ? kNoNode : graph_.tuple_item(open.node, open.next++);
    }
    if (node.kind == NodeKind::kObject) return open.next++ == 0 ? node.b : kNoNode;
    if (open.next != PickleGraph::kNoCell) {
      const PickleGraph::Cell cell = graph_.cell(open.next);
      open.next = cell.next;
      return cell.item;
    }
    if (open.attributes_done) return kNoNode;
    open.attributes_done = true;
    return node.kind == NodeKind::kDict ? graph_.attributes(open.node) : kNoNode;
  }

  void close() {
    Node& node = graph_.at(open_.back().node);
    node.flags = static_cast<std::uint8_t>((node.flags & ~PickleGraph::kOpen) | PickleGraph::kMeasured);
    open_.pop_back();
    if (open_.empty()) return;
    if ((node.flags & PickleGraph::kHasTensor) != 0) mark_tensor();
    raise(node.height);
  }

  void mark_tensor() {
    if (!open_.empty()) graph_.at(open_.back().node).flags |= PickleGraph::kHasTensor;
  }

  void raise(std::uint16_t child_height) {
    if (open_.empty()) return;
    Node& parent = graph_.at(open_.back().node);
    parent.height = std::max(parent.height, static_cast<std::uint16_t>(child_height + 1));
  }

  Result<void> check_keys(NodeId dict) const {
    std::vector<NodeId> keys;
    for (auto at = graph_.first_cell(dict); at != PickleGraph::kNoCell;) {
      keys.push_back(graph_.cell(at).item);
      at = graph_.cell(graph_.cell(at).next).next;
    }
    const auto less = [this](NodeId a, NodeId b) {
      if (graph_.kind(a) != graph_.kind(b)) return graph_.kind(a) < graph_.kind(b);
      if (graph_.kind(a) == NodeKind::kString) return graph_.text(a) < graph_.text(b);
      if (graph_.kind(a) == NodeKind::kInt) return graph_.at(a).integer() < graph_.at(b).integer();
      return a < b;
    };
    std::sort(keys.begin(), keys.end(), less);
    for (std::size_t i = 1; i < keys.size(); ++i) {
      if (less(keys[i - 1], keys[i])) continue;
      const bool text = graph_.kind(keys[i]) == NodeKind::kString;
      return refuse(ErrorKind::kMalformed,
                    "PK-DUPLICATE-KEY",
                    "duplicate key " + (text ? io::quoted(graph_.text(keys[i])) : std::to_string(graph_.at(keys[i]).integer())),
                    "keys must be unique");
    }
    return {};
  }

  PickleGraph& graph_;
  const PickleSource& source_;
  bool enter_objects_;
  std::vector<Open> open_;
};

}  // namespace

Result<void> measure_pickle(NodeId root, PickleGraph& graph, const PickleSource& source, bool enter_objects) {
  return Measurer(graph, source, enter_objects).run(root);
}

}  // namespace tenon::formats
