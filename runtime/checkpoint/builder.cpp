#include "runtime/checkpoint/builder.h"

#include <algorithm>
#include <utility>

#include "runtime/io/checked.h"
#include "runtime/io/text.h"

namespace tenon {

CheckpointBuilder::CheckpointBuilder(std::string path, Container container, const Limits& limits)
    : checkpoint_(std::make_shared<Checkpoint>()), limits_(limits) {
  checkpoint_->path = std::move(path);
  checkpoint_->container = container;
}

Result<std::uint32_t> CheckpointBuilder::add(std::shared_ptr<ByteSource> source,
                                             formats::Opened&& opened,
                                             const std::string& prefix) {
  const auto file = static_cast<std::uint32_t>(checkpoint_->files.size());
  auto& tensors = checkpoint_->tensors;
  formats::Listing& listing = opened.listing;
  if (tensors.size() + listing.tensors.size() > limits_.tensors) {
    return io::refuse(ErrorKind::kLimit,
                      "IX-TENSORS",
                      {.file = checkpoint_->path},
                      "more than " + std::to_string(limits_.tensors) + " tensors in all files",
                      "that is the limit");
  }
  checkpoint_->files.push_back({source->name(), source->size(), opened.container, std::move(source)});
  std::uint64_t storages = 0;
  for (TensorEntry& entry : listing.tensors) {
    entry.file = file;
    storages = std::max(storages, entry.storage + 1);
    entry.storage += storages_;
    if (!prefix.empty()) entry.name.insert(0, prefix);
  }
  storages_ += storages;
  for (InertObject& object : listing.objects) {
    if (!prefix.empty()) object.path.insert(0, prefix);
  }
  std::move(listing.tensors.begin(), listing.tensors.end(), std::back_inserter(tensors));
  std::move(listing.objects.begin(), listing.objects.end(), std::back_inserter(checkpoint_->objects));
  std::move(listing.notes.begin(), listing.notes.end(), std::back_inserter(checkpoint_->notes));
  checkpoint_->metadata.merge(listing.metadata);
  return file;
}

void CheckpointBuilder::add_note(std::string code, std::string message) {
  checkpoint_->notes.push_back({std::move(code), std::move(message)});
}

void CheckpointBuilder::add_config(ConfigText config) { checkpoint_->configs.push_back(std::move(config)); }

void CheckpointBuilder::add_folder_part(std::string prefix) {
  checkpoint_->folder_parts.push_back(std::move(prefix));
}

Result<std::shared_ptr<const Checkpoint>> CheckpointBuilder::finish() {
  auto& tensors = checkpoint_->tensors;
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    const int compared = a.name.compare(b.name);
    return compared != 0 ? compared < 0 : a.file < b.file;
  });
  const auto twice = std::adjacent_find(
    tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) { return a.name == b.name; });
  if (twice != tensors.end()) {
    const auto file_name = [this](const TensorEntry& entry) { return io::quoted(checkpoint_->files[entry.file].path, 96); };
    return io::refuse(ErrorKind::kMalformed,
                      "IX-DUPLICATE",
                      {.file = checkpoint_->path, .tensor = twice->name},
                      "is in " + file_name(*twice) + " and in " + file_name(*std::next(twice)),
                      "one file must hold it");
  }
  if (const auto within = check_budget(); !within) return Failure(within.error());
  return std::exchange(checkpoint_, nullptr);
}

Result<void> CheckpointBuilder::check_budget() const {
  if (!limits_.data_bytes) return {};
  std::uint64_t total = 0;
  for (const TensorEntry& entry : checkpoint_->tensors) {
    const auto next = io::add(total, entry.bytes);
    if (next && *next <= *limits_.data_bytes) {
      total = *next;
      continue;
    }
    return io::refuse(ErrorKind::kLimit,
                      "IX-DATA",
                      {.file = checkpoint_->path, .tensor = entry.name},
                      "tensors of more than " + std::to_string(*limits_.data_bytes) + " bytes in all",
                      "that is the limit");
  }
  return {};
}

}  // namespace tenon
