// What REDUCE, NEWOBJ, BUILD and BINPERSID mean in a checkpoint: storages, dense tensors, containers, numbers.
#pragma once

#include <string>
#include <string_view>

#include <tenon/error.h>

#include "runtime/formats/pickle_graph.h"
#include "runtime/formats/pickle_machine.h"
#include "runtime/io/text.h"

namespace tenon::formats {

class PickleObjects {
 public:
  PickleObjects(const PickleSource& source, PickleGraph& graph) : source_(source), graph_(graph) {}

  /// The byte of the opcode that is being run.
  void set_position(std::uint64_t byte) { at_ = byte; }
  [[nodiscard]] Failure refuse(std::string_view code,
                               std::string_view found,
                               std::string_view required,
                               ErrorKind kind = ErrorKind::kMalformed) const;

  /// `callee` applied to a tuple of arguments: a known value, or an inert object.
  [[nodiscard]] Result<NodeId> reduce(NodeId callee, NodeId arguments);
  [[nodiscard]] Result<void> build(NodeId object, NodeId state);
  [[nodiscard]] Result<NodeId> persistent(NodeId id);

 private:
  using Build = Result<NodeId> (PickleObjects::*)(NodeId arguments);
  struct Known;
  [[nodiscard]] static const Known* find_known(std::string_view global);

  Result<void> require_count(NodeId arguments, std::string_view what, std::uint32_t least, std::uint32_t most) const;
  NodeId item(NodeId tuple, std::uint32_t i) const { return graph_.tuple_item(tuple, i); }
  Failure wrong_argument(std::string_view what, NodeId found, std::string_view required) const;

  Result<NodeId> ordered_dict(NodeId arguments);
  Result<NodeId> counter(NodeId arguments);
  Result<NodeId> default_dict(NodeId arguments);
  Result<NodeId> set(NodeId arguments);
  Result<NodeId> byte_array(NodeId arguments);
  Result<NodeId> encoded(NodeId arguments);
  Result<NodeId> size(NodeId arguments);
  Result<NodeId> numpy_dtype(NodeId arguments);
  Result<NodeId> numpy_scalar(NodeId arguments);
  Result<NodeId> tensor_v1(NodeId arguments);
  Result<NodeId> tensor_v2(NodeId arguments);
  [[nodiscard]] Result<void> check_metadata(NodeId arguments, std::uint32_t position) const;
  Result<NodeId> tensor_v3(NodeId arguments);
  Result<NodeId> quantised(NodeId arguments);
  Result<NodeId> parameter(NodeId arguments);
  Result<NodeId> parameter_with_state(NodeId arguments);
  Result<NodeId> from_type(NodeId arguments);
  Result<NodeId> sparse(NodeId arguments);
  Result<NodeId> with_grad(NodeId tensor, NodeId requires_grad);

  Result<NodeId> dense(std::string_view what, NodeId arguments, NodeId requires_grad, std::optional<DType> dtype);
  Result<std::int64_t> offset_of(NodeId node) const;
  Result<void> check_view(const StorageInfo& storage, const TensorInfo& view) const;
  Result<NodeId> outside(NodeId id);
  Result<NodeId> legacy_view(NodeId storage, NodeId metadata) const;
  Result<std::string_view> storage_key(NodeId node) const;

  const PickleSource& source_;
  PickleGraph& graph_;
  std::uint64_t at_ = 0;
};

}  // namespace tenon::formats
