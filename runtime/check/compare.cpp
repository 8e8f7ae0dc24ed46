#include "runtime/check/compare.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "runtime/check/similar_names.h"
#include "runtime/io/natural_order.h"
#include "runtime/mapping/mapper.h"

namespace tenon {
namespace {

using NameIndex = std::map<std::string_view, std::size_t>;

/// All names of the expected tensors, those of tied parameters included.
NameIndex index_names(const ModelSpec& expected) {
  NameIndex index;
  for (std::size_t i = 0; i < expected.tensors.size(); ++i) {
    index.emplace(expected.tensors[i].name, i);
    for (const std::string& alias : expected.tensors[i].aliases) index.emplace(alias, i);
  }
  return index;
}

TensorState state_of(const TensorType& expected, const TensorType& found) {
  if (expected.shape != found.shape) return TensorState::kShape;
  return dtype_kind(expected.dtype) == dtype_kind(found.dtype) ? TensorState::kMatched
                                                               : TensorState::kDtype;
}

bool same_bytes(const TensorEntry& a, const TensorEntry& b) {
  return a.storage == b.storage && a.offset == b.offset && a.file == b.file && a.shape == b.shape &&
         a.strides == b.strides;
}

class Comparer {
 public:
  Comparer(const Checkpoint& checkpoint, const Part& part, const ModelSpec& expected,
           const Mapped& mapped)
      : checkpoint_(checkpoint),
        part_(part),
        expected_(expected),
        mapped_(mapped),
        names_(index_names(expected)) {}

  Comparison run() {
    out_.expected.resize(expected_.tensors.size());
    out_.pending = mapped_.pending;
    place_mapped();
    place_problems();
    place_ignored();
    place_rest();
    find_scales();
    suggest();
    count();
    return std::move(out_);
  }

 private:
  const TensorEntry& entry(std::uint32_t tensor) const { return checkpoint_.tensors.at(tensor); }

  void use(const std::vector<std::uint32_t>& sources) {
    for (const std::uint32_t source : sources) {
      if (source != kAbsentSource) used_.insert(source);
    }
  }

  void place_mapped() {
    for (std::size_t i = 0; i < mapped_.tensors.size(); ++i) {
      const MappedTensor& tensor = mapped_.tensors[i];
      const auto found = names_.find(tensor.target);
      if (found == names_.end()) {
        for (const std::uint32_t source : tensor.sources) homeless_.emplace(source, tensor.target);
        continue;
      }
      use(tensor.sources);
      ExpectedState& state = out_.expected[found->second];
      if (state.mapped) {
        require_equal(mapped_.tensors[*state.mapped], tensor);
        continue;
      }
      state.mapped = i;
      state.state = state_of(expected_.tensors[found->second].type, tensor.type);
    }
  }

  /// Two file tensors for one tied parameter: either will do if they agree, which only their values
  /// can tell.
  void require_equal(const MappedTensor& a, const MappedTensor& b) {
    if (a.sources.size() != b.sources.size()) return;
    for (std::size_t i = 0; i < a.sources.size(); ++i) {
      const TensorEntry& x = entry(a.sources[i]);
      const TensorEntry& y = entry(b.sources[i]);
      if (!same_bytes(x, y))
        out_.pending.push_back({ValueCondition::Kind::kEqualsTwin, x.name, y.name});
    }
  }

  void place_problems() {
    for (std::size_t i = 0; i < mapped_.problems.size(); ++i) {
      const MappingProblem& problem = mapped_.problems[i];
      const auto found = names_.find(problem.target);
      if (found == names_.end()) {
        for (const std::uint32_t source : problem.sources) {
          if (source != kAbsentSource) homeless_.emplace(source, problem.target);
        }
        continue;
      }
      use(problem.sources);
      ExpectedState& state = out_.expected[found->second];
      state.state = TensorState::kUnfit;
      state.problem = i;
    }
  }

  void place_ignored() {
    for (const IgnoredTensor& ignored : mapped_.ignored) {
      if (used_.count(ignored.tensor) == 0) out_.ignored.push_back(ignored);
    }
    sort_by_name(out_.ignored);
    for (const IgnoredTensor& ignored : out_.ignored) ignored_.insert(ignored.tensor);
  }

  void place_rest() {
    for (const std::uint32_t tensor : part_.tensors) {
      if (used_.count(tensor) != 0 || ignored_.count(tensor) != 0) continue;
      const auto target = homeless_.find(tensor);
      out_.unexpected.push_back(
          {tensor, target == homeless_.end() ? std::string() : target->second, {}, {}});
    }
    sort_by_name(out_.unexpected);
  }

  template <class T>
  void sort_by_name(std::vector<T>& list) const {
    std::sort(list.begin(), list.end(), [&](const T& a, const T& b) {
      return natural_less(entry(a.tensor).name, entry(b.tensor).name);
    });
  }

  /// A tensor left over beside an 8-bit weight, in its module or under its name, is taken for the
  /// scale without which the weight means nothing.
  void find_scales() {
    std::map<std::string_view, std::string_view>
        packed;  // module, or the weight's own name -> weight
    for (const std::uint32_t tensor : used_) {
      const TensorEntry& weight = entry(tensor);
      if (dtype_bits(weight.dtype) != 8 || dtype_kind(weight.dtype) == DTypeKind::kBool) continue;
      const std::string_view name = weight.name;
      packed.emplace(name, name);
      if (const auto dot = name.rfind('.'); dot != name.npos)
        packed.emplace(name.substr(0, dot), name);
    }
    if (packed.empty()) return;
    for (UnexpectedTensor& unexpected : out_.unexpected) {
      const std::string_view name = entry(unexpected.tensor).name;
      const auto dot = name.rfind('.');
      if (dot == name.npos) continue;
      const auto beside = packed.find(name.substr(0, dot));
      if (beside != packed.end()) unexpected.scales = beside->second;
    }
  }

  void suggest() {
    std::vector<std::size_t> missing;
    std::vector<NamedShape> wanted;
    for (std::size_t i = 0; i < out_.expected.size(); ++i) {
      if (out_.expected[i].state != TensorState::kMissing) continue;
      missing.push_back(i);
      wanted.push_back({expected_.tensors[i].name, expected_.tensors[i].type.shape});
    }
    std::vector<NamedShape> offered;
    for (const UnexpectedTensor& unexpected : out_.unexpected) {
      const TensorEntry& tensor = entry(unexpected.tensor);
      const bool has_prefix = tensor.name.starts_with(part_.prefix);
      offered.push_back({tensor.name.substr(has_prefix ? part_.prefix.size() : 0), tensor.shape});
    }
    const auto partners = pair_similar(wanted, offered);
    for (std::size_t i = 0; i < partners.size(); ++i) {
      if (!partners[i]) continue;
      UnexpectedTensor& unexpected = out_.unexpected[*partners[i]];
      out_.expected[missing[i]].did_you_mean = entry(unexpected.tensor).name;
      unexpected.did_you_mean = wanted[i].name;
    }
  }

  void count() {
    Counts& counts = out_.counts;
    std::set<std::string_view> derived;
    for (const IgnoredTensor& ignored : out_.ignored) {
      if (!ignored.derived) continue;
      derived.insert(ignored.target.empty() ? std::string_view(entry(ignored.tensor).name)
                                            : std::string_view(ignored.target));
    }
    for (const ExpectedState& state : out_.expected) {
      switch (state.state) {
        case TensorState::kMatched:
          ++counts.matched;
          break;
        case TensorState::kMissing:
          ++counts.missing;
          break;
        case TensorState::kShape:
        case TensorState::kDtype:
        case TensorState::kUnfit:
          ++counts.mismatched;
          break;
      }
    }
    counts.derived = derived.size();
    counts.expected = counts.matched + counts.missing + counts.mismatched + counts.derived;
    counts.unexpected = out_.unexpected.size();
    counts.ignored = out_.ignored.size();
    counts.found = used_.size() + counts.unexpected + counts.ignored;
  }

  const Checkpoint& checkpoint_;
  const Part& part_;
  const ModelSpec& expected_;
  const Mapped& mapped_;
  NameIndex names_;
  std::set<std::uint32_t> used_;
  std::set<std::uint32_t> ignored_;
  std::map<std::uint32_t, std::string> homeless_;  // mapped, but the model has no such tensor
  Comparison out_;
};

}  // namespace

Comparison compare(const Checkpoint& checkpoint, const Part& part, const ModelSpec& expected,
                   const Mapped& mapped) {
  return Comparer(checkpoint, part, expected, mapped).run();
}

}  // namespace tenon
