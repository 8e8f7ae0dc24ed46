#include "runtime/identify/reads.h"

#include <algorithm>
#include <utility>

#include "runtime/mapping/form.h"

namespace tenon {
namespace {

Value shape_value(const Shape& shape) {
  Value::List list;
  for (const auto dim : shape) list.emplace_back(dim);
  return Value(std::move(list));
}

// The indices that a pattern without `**` in front captures in a name that it matches.
std::vector<std::int64_t> captured(const Pattern& pattern, std::string_view name) {
  std::vector<std::int64_t> indices;
  const auto parts = split_segments(name);
  const auto& segments = pattern.segments();
  const bool from_end = segments.front().kind == Segment::Kind::kRest;
  const std::size_t shift = from_end && parts.size() + 1 > segments.size() ? parts.size() - segments.size() : 0;
  for (std::size_t s = 0; s < segments.size(); ++s) {
    if (segments[s].kind != Segment::Kind::kIndex || s + shift >= parts.size()) continue;
    indices.push_back(parse_index(parts[s + shift]).value_or(0));
  }
  return indices;
}

Value index_list(const std::vector<std::int64_t>& indices) {
  Value::List list;
  for (const auto index : indices) list.emplace_back(index);
  return Value(std::move(list));
}

}  // namespace

Value Reader::call(const ReadCall& call) {
  TableFaults ignored;  // proved with the table
  const auto pattern = Pattern::parse(substitute(call.pattern, variables_, ignored), PatternUse::kSelect, sets_);
  if (!pattern) return {};
  const std::string head = pattern->literal_head();
  const NamedType* first = nullptr;
  std::int64_t matches = 0;
  std::int64_t largest = -1;
  Value::List list;
  for (const NamedType& name : names_) {
    if (!name.name.starts_with(head) || !pattern->matches(name.name)) continue;
    ++matches;
    if (first == nullptr) first = &name;
    if (call.kind == ReadCall::Kind::kCount) {
      const auto indices = captured(*pattern, name.name);
      if (!indices.empty()) largest = std::max(largest, indices.front());
    } else if (call.kind == ReadCall::Kind::kEach) {
      list.emplace_back(Value::List{index_list(captured(*pattern, name.name)), shape_value(*name.shape)});
    } else if (call.kind == ReadCall::Kind::kNames) {
      list.emplace_back(name.name);
    } else if (call.kind != ReadCall::Kind::kTensors) {
      break;
    }
  }
  switch (call.kind) {
    case ReadCall::Kind::kPresent:
      return Value(first != nullptr);
    case ReadCall::Kind::kTensors:
      return matches > 0 ? Value(matches) : Value();
    case ReadCall::Kind::kCount:
      if (largest < 0) return {};
      if (largest >= static_cast<std::int64_t>(names_.size())) {
        excessive_.push_back({pattern->to_string(), largest + 1});
        return {};
      }
      return Value(largest + 1);
    case ReadCall::Kind::kEach:
    case ReadCall::Kind::kNames:
      return list.empty() ? Value() : Value(std::move(list));
    default:
      break;
  }
  if (first == nullptr) return {};
  switch (call.kind) {
    case ReadCall::Kind::kDim:
      return static_cast<std::size_t>(call.dim) < first->shape->size() ? Value((*first->shape)[static_cast<std::size_t>(call.dim)]) : Value();
    case ReadCall::Kind::kShape:
      return shape_value(*first->shape);
    case ReadCall::Kind::kRank:
      return Value(static_cast<std::int64_t>(first->shape->size()));
    default:
      return Value(dtype_name(first->dtype));
  }
}

Reads Reader::read(const std::vector<ReadRule>& rules) {
  Reads reads;
  for (const ReadRule& rule : rules) {
    Value value;
    for (const ReadCall& alternative : rule.calls) {
      value = call(alternative);
      if (!value.is_null()) break;
    }
    reads.emplace(rule.name, std::move(value));
  }
  return reads;
}

}  // namespace tenon
