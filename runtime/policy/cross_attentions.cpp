#include "runtime/policy/cross_attentions.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace tenon {
namespace {

constexpr std::int64_t kMostPerBlock = 1000;  // a stranger's config decides no more than this

std::vector<std::int64_t> integers(const Value* value) {
  std::vector<std::int64_t> numbers;
  if (value == nullptr || !value->as_list()) return numbers;
  for (const Value& item : *value->as_list()) numbers.push_back(item.as_int().value_or(0));
  return numbers;
}

bool attends(const Value& block_type) {
  const std::string* const name = block_type.as_string();
  return name != nullptr && name->find("CrossAttn") != std::string::npos;
}

/// One value for all blocks, or one for each.
Value per_block(const Config& config, std::string_view key, std::size_t block, std::int64_t otherwise) {
  const Value* value = config.find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  const Value::List* list = value->as_list();
  if (list == nullptr) return *value;
  return block < list->size() ? (*list)[block] : Value(otherwise);
}

/// Transformer layers of one attention of a block: a number, or a list with one for each attention.
std::int64_t layers_of(const Value& block, std::size_t attention) {
  const Value::List* list = block.as_list();
  const Value* const value = list == nullptr ? &block : attention < list->size() ? &(*list)[attention] : nullptr;
  return std::clamp<std::int64_t>(value == nullptr ? 1 : value->as_int().value_or(1), 0, kMostPerBlock);
}

class Widths {
 public:
  explicit Widths(const Config& config) : config_(config), channels_(integers(config.find("block_out_channels"))) {}

  std::vector<std::int64_t> all() {
    const std::vector<bool> down = attending(config_.find("down_block_types"));
    std::vector<bool> up = attending(config_.find("up_block_types"));
    if (up.empty()) up.assign(down.rbegin(), down.rend());  // a variant's line names the down blocks; the up blocks mirror them
    if (channels_.empty() || down.size() != channels_.size() || up.size() != channels_.size()) return {};
    const std::size_t last = channels_.size() - 1;
    for (std::size_t i = 0; i <= last; ++i) {
      if (down[i]) add(i, 0, per_block(config_, "transformer_layers_per_block", i, 1));
    }
    const Value* reverse = config_.find("reverse_transformer_layers_per_block");
    const bool has_reverse = reverse != nullptr && !reverse->is_null();
    for (std::size_t j = 0; j <= last; ++j) {
      if (!up[j]) continue;
      add(last - j, 1, has_reverse ? per_block(config_, "reverse_transformer_layers_per_block", j, 1)
                                   : per_block(config_, "transformer_layers_per_block", last - j, 1));
    }
    const Value* middle = config_.find("mid_block_type");
    if (middle != nullptr && attends(*middle)) {
      repeat(channels_[last], layers_of(per_block(config_, "transformer_layers_per_block", last, 1), 0));
    }
    return std::move(widths_);
  }

 private:
  static std::vector<bool> attending(const Value* types) {
    std::vector<bool> blocks;
    if (types == nullptr || !types->as_list()) return blocks;
    for (const Value& type : *types->as_list()) blocks.push_back(attends(type));
    return blocks;
  }

  void add(std::size_t level, std::int64_t more, const Value& depth) {
    const auto layers = per_block(config_, "layers_per_block", level, 0).as_int().value_or(0);
    const auto count = std::clamp<std::int64_t>(layers, 0, kMostPerBlock) + more;
    for (std::int64_t a = 0; a < count; ++a) {
      repeat(channels_[level], layers_of(depth, static_cast<std::size_t>(a)));
    }
  }
  void repeat(std::int64_t width, std::int64_t times) {
    if (widths_.size() < static_cast<std::size_t>(kMostPerBlock)) widths_.insert(widths_.end(), static_cast<std::size_t>(times), width);
  }

  const Config& config_;
  std::vector<std::int64_t> channels_;
  std::vector<std::int64_t> widths_;
};

}  // namespace

std::vector<std::int64_t> cross_attention_widths(const Config& config) { return Widths(config).all(); }

std::vector<std::int64_t> listed_widths(const Config& config) { return integers(config.find("attention_widths")); }

}  // namespace tenon
