#include "runtime/policy/sizes.h"

#include <algorithm>

namespace tenon {
namespace {

bool only_channels_differ(const Shape& to, Shape from) {
  if (to.size() != 4 || from.size() != 4 || to[1] == from[1]) return false;
  from[1] = to[1];
  return from == to;
}

/// The numbers of a value, and of the lists in it.
void collect_numbers(const Value& value, std::vector<std::int64_t>& numbers) {
  if (const auto number = value.as_int()) numbers.push_back(*number);
  if (const Value::List* list = value.as_list()) {
    for (const Value& item : *list) collect_numbers(item, numbers);
  }
}

std::vector<std::int64_t> asked_numbers(const Config& asked) {
  std::vector<std::int64_t> numbers;
  for (const Config::Item& item : asked.items()) collect_numbers(item.value, numbers);
  return numbers;
}

/// [1, N, C], or [N, C] that is no layer's weight: a linear layer has that shape too.
bool may_be_position_table(const ExpectedTensor& expected) {
  return expected.type.shape.size() == 3 || !expected.name.ends_with(".weight");
}

}  // namespace

AskedSizes::AskedSizes(const ModelSpec& model, const Mapped& mapped, const Comparison& compared,
                       const CheckRequest& request)
    : model_(model), request_(request) {
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    const ExpectedState& state = compared.expected[i];
    const ExpectedTensor& expected = model.tensors[i];
    if (state.state == TensorState::kMatched) intact_heads_.insert(head_of(expected.name));
    if (state.state == TensorState::kShape &&
        only_channels_differ(expected.type.shape, mapped.tensors[*state.mapped].type.shape)) {
      ++channel_changes_;
    }
  }
}

std::string AskedSizes::head_of(const std::string& name) const {
  for (const std::string& head : request_.head_prefixes) {
    if (name == head || name.starts_with(head + ".")) return head;
  }
  return {};
}

bool AskedSizes::asked(std::int64_t number) const {
  const auto numbers = asked_numbers(request_.asked);
  return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

bool AskedSizes::fills_head(const ExpectedTensor& expected) const {
  const std::string head = head_of(expected.name);
  if (head.empty() || intact_heads_.count(head) != 0 || expected.type.shape.empty()) return false;
  return asked(expected.type.shape[0]);
}

bool AskedSizes::resizes(const ExpectedTensor& expected, const MappedTensor& mapped,
                         const Config& config) const {
  if (!may_be_position_table(expected)) return false;
  const auto grids = position_grids(model_, expected, mapped.type.shape, config);
  if (!grids) return false;
  const Grid& to = grids->second;
  const auto numbers = asked_numbers(request_.asked);
  return std::any_of(numbers.begin(), numbers.end(), [&](std::int64_t number) {
    return number > 0 && (number % to.rows == 0 || number % to.columns == 0) &&
           number >= std::min(to.rows, to.columns);
  });
}

bool AskedSizes::inflates(const ExpectedTensor& expected, const MappedTensor& mapped) const {
  return channel_changes_ == 1 && only_channels_differ(expected.type.shape, mapped.type.shape) &&
         asked(expected.type.shape[1]);
}

}  // namespace tenon
