#include <algorithm>
#include <fmt/format.h>

#include "runtime/report/json_values.h"
#include "runtime/report/text.h"
#include "runtime/report/words.h"

namespace tenon::report {
namespace {

constexpr std::size_t kNameColumn = 72;  // a longer name pushes its own line only

}  // namespace

std::string to_text(const Listing& listing, const TextOptions& options) {
  if (listing.error) return to_text(*listing.error, options);
  if (!listing.checkpoint) return {};
  const Paint paint(options.color);
  const Checkpoint& checkpoint = *listing.checkpoint;
  std::size_t width = 0;
  for (const std::uint32_t index : listing.tensors) {
    const std::size_t length = shown(checkpoint.tensors.at(index).name).size();
    if (length <= kNameColumn) width = std::max(width, length);
  }
  std::string out;
  for (const std::uint32_t index : listing.tensors) {
    const TensorEntry& tensor = checkpoint.tensors.at(index);
    out += fmt::format("{:<{}}  {} {}  {}", shown(tensor.name), width, shown(listed_dtype(tensor)),
                       to_string(tensor.shape), paint(Color::kDim, std::to_string(tensor.bytes)));
    if (checkpoint.files.size() > 1) out += "  " + shown(checkpoint.files.at(tensor.file).path);
    out += "\n";
  }
  for (const InertObject& object : checkpoint.objects) {
    out += fmt::format("{:<{}}  {}\n", shown(object.path), width,
                       paint(Color::kDim, fmt::format("not a tensor: {}", shown(object.kind))));
  }
  return out;
}

}  // namespace tenon::report
