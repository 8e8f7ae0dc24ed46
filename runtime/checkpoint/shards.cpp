#include "runtime/checkpoint/shards.h"

#include <algorithm>
#include <map>

#include "runtime/checkpoint/folder.h"
#include "runtime/formats/index.h"
#include "runtime/io/text.h"

namespace tenon::checkpoint {
namespace {

using formats::ShardIndex;

std::string shard_text(const ShardIndex& index, std::size_t shard) {
  return "shard " + std::to_string(shard + 1) + " of " + std::to_string(index.shards.size()) + " " +
         io::quoted(index.shards[shard], 96);
}

/// What follows the number: "-of-00007.safetensors".
std::string_view shard_total(std::string_view name) { return name.substr(name.rfind("-of-")); }

/// The last name of a set of shards that is complete and not the index's; empty when there is none.
std::string complete_other_set(const ShardIndex& index, const std::vector<std::string>& names) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<std::string_view>> sets;
  for (const std::string& name : names) {
    if (!shard_family(name).empty() && is_checkpoint_name(name)) sets[{shard_family(name), shard_total(name)}].push_back(name);
  }
  for (const auto& [key, members] : sets) {
    const bool named = std::binary_search(index.shards.begin(), index.shards.end(), members.front());
    const auto total = key.second.substr(4, key.second.find('.') - 4);
    const auto number = members.back().substr(key.first.size(), total.size());
    const bool complete = number == total && std::to_string(members.size()) == total.substr(std::min(total.size(), total.find_first_not_of('0')));
    if (!named && complete) return std::string(members.back());
  }
  return {};
}

/// Shards that the index names and that are not there: an old index beside other shards, or a download that stopped.
Failure missing_shards(const std::string& path, const ShardIndex& index, const std::vector<std::size_t>& missing, const std::string& folder) {
  const std::string more = missing.size() > 1 ? ", and " + std::to_string(missing.size() - 1) + " more" : "";
  const std::string found = shard_text(index, missing.front()) + " not found" + more;
  const auto names = list_folder(folder).value_or(std::vector<std::string>{});
  if (const std::string other = complete_other_set(index, names); !other.empty()) {
    return io::refuse(ErrorKind::kNotFound,
                      "IX-STALE",
                      {.file = path},
                      found + ", and the folder holds another complete set, up to " + io::quoted(other, 96),
                      "the index must name the shards that are there; nothing was loaded",
                      "The index is stale: write it anew from the shards beside it, whose tensors are all there, or get the index that belongs to them.");
  }
  constexpr std::size_t kListed = 4;
  std::string list;
  for (std::size_t i = 0; i < missing.size() && i < kListed; ++i) list += " " + io::escape(index.shards[missing[i]], 96);
  return io::refuse(ErrorKind::kNotFound,
                    "IX-MISSING-SHARD",
                    {.file = path},
                    found,
                    "every shard is required (incomplete download?); nothing was loaded",
                    "Fetch into the folder of the index:" + list + (missing.size() > kListed ? " and the others that it names" : ""));
}

/// The index's path tells where a shard is: "dir/" of "dir/x.index.json", nothing of "x.index.json".
std::string shard_path(const std::string& index_path, const std::string& shard) {
  const auto slash = index_path.rfind('/');
  return slash == std::string::npos ? shard : index_path.substr(0, slash + 1) + shard;
}

Result<std::vector<std::shared_ptr<ByteSource>>> open_all(const std::string& path, const ShardIndex& index, const std::string& folder) {
  std::vector<std::shared_ptr<ByteSource>> sources;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < index.shards.size(); ++i) {
    auto source = open_file(shard_path(path, index.shards[i]));
    if (source) {
      sources.push_back(std::move(*source));
    } else if (source.error().kind == ErrorKind::kNotFound) {
      missing.push_back(i);
    } else {
      return Failure(source.error());
    }
  }
  if (!missing.empty()) return missing_shards(path, index, missing, folder);
  return sources;
}

std::vector<std::string_view> names_of(const formats::Listing& listing) {
  std::vector<std::string_view> names;
  for (const TensorEntry& entry : listing.tensors) names.push_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

/// What index and shards say of each other, before any of it is merged.
class ShardCheck {
 public:
  ShardCheck(const std::string& path, const ShardIndex& index, const std::vector<formats::Opened>& shards)
      : path_(path), index_(index) {
    for (const auto& shard : shards) names_.push_back(names_of(shard.listing));
  }

  Result<void> check() const {
    if (auto once = check_claims(); !once) return once;
    for (const auto& item : index_.tensors) {
      const auto& names = names_[item.shard];
      if (std::binary_search(names.begin(), names.end(), std::string_view(item.tensor))) continue;
      return io::refuse(ErrorKind::kMalformed,
                        "IX-NOT-IN-SHARD",
                        {.file = path_, .tensor = item.tensor},
                        "the index puts it in " + io::quoted(index_.shards[item.shard], 96) + ", which has no such tensor",
                        "index and shards must agree");
    }
    return {};
  }

  /// Tensors of the shards that the index leaves out: how many, and the first.
  std::pair<std::size_t, std::string> not_in_index() const {
    std::size_t count = 0;
    std::string first;
    for (const auto& names : names_) {
      for (const std::string_view name : names) {
        const auto known = std::lower_bound(index_.tensors.begin(),
                                            index_.tensors.end(),
                                            name,
                                            [](const auto& item, std::string_view n) { return item.tensor < n; });
        if (known != index_.tensors.end() && known->tensor == name) continue;
        if (count++ == 0) first = name;
      }
    }
    return {count, first};
  }

 private:
  Result<void> check_claims() const {
    std::vector<std::pair<std::string_view, std::size_t>> claims;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      for (const std::string_view name : names_[i]) claims.emplace_back(name, i);
    }
    std::sort(claims.begin(), claims.end());
    const auto twice = std::adjacent_find(
      claims.begin(), claims.end(), [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice == claims.end()) return {};
    return io::refuse(ErrorKind::kMalformed,
                      "IX-TWO-SHARDS",
                      {.file = path_, .tensor = twice->first},
                      "is in shards " + io::quoted(index_.shards[twice->second], 96) + " and " +
                        io::quoted(index_.shards[std::next(twice)->second], 96),
                      "one shard must hold it");
  }

  const std::string& path_;
  const ShardIndex& index_;
  std::vector<std::vector<std::string_view>> names_;  // sorted, one list a shard
};

void note(CheckpointBuilder& builder, const std::string& path, std::string_view code, std::string_view text) {
  builder.add_note(std::string(code), io::message_line({.file = path}, text, "", code));
}

void note_extra_shards(CheckpointBuilder& builder,
                       const std::string& path,
                       const ShardIndex& index,
                       const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const std::string_view family = shard_family(name);
    if (family.empty() || !is_checkpoint_name(name)) continue;
    if (std::binary_search(index.shards.begin(), index.shards.end(), name)) continue;
    const bool related = std::any_of(
      index.shards.begin(), index.shards.end(), [&](const auto& shard) { return shard_family(shard) == family; });
    if (related) note(builder, path, "IX-EXTRA-SHARD", io::quoted(name, 96) + " is beside the shards and not in the index");
  }
}

void note_oddities(CheckpointBuilder& builder,
                   const std::string& path,
                   const ShardIndex& index,
                   const ShardCheck& check,
                   std::uint64_t bytes) {
  for (const auto& known : index.notes) builder.add_note(known.code, known.message);
  if (index.total_size && *index.total_size != bytes) {
    note(builder,
         path,
         "IX-TOTAL-SIZE",
         "total_size is " + std::to_string(*index.total_size) + ", the shards hold " + std::to_string(bytes) + " bytes");
  }
  const auto [count, first] = check.not_in_index();
  if (count == 0) return;
  note(builder,
       path,
       "IX-NOT-IN-INDEX",
       std::to_string(count) + " tensors of the shards are not in the index, the first is " + io::quoted(first));
}

}  // namespace

Result<std::vector<std::string>> add_shards(CheckpointBuilder& builder,
                                            const ByteSource& index_source,
                                            const std::string& folder,
                                            const std::string& prefix,
                                            const Limits& limits) {
  const std::string& path = index_source.name();
  const auto index = formats::read_index(index_source, limits);
  if (!index) return Failure(index.error());
  auto sources = open_all(path, *index, folder);
  if (!sources) return Failure(sources.error());
  std::vector<formats::Opened> shards;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < sources->size(); ++i) {
    auto opened = formats::read_container(*(*sources)[i], limits);
    if (!opened) return Failure(opened.error());
    if (opened->container == Container::kIndex) {
      return io::refuse(ErrorKind::kMalformed,
                        "IX-NESTED",
                        {.file = path},
                        shard_text(*index, i) + " is JSON, not weights",
                        "an index names weights only");
    }
    for (const TensorEntry& entry : opened->listing.tensors) bytes += entry.bytes;
    shards.push_back(std::move(*opened));
  }
  const ShardCheck check(path, *index, shards);
  if (const auto sound = check.check(); !sound) return Failure(sound.error());
  note_oddities(builder, path, *index, check, bytes);
  if (const auto names = list_folder(folder)) note_extra_shards(builder, path, *index, *names);
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto added = builder.add(std::move((*sources)[i]), std::move(shards[i]), prefix);
    if (!added) return Failure(added.error());
  }
  return index->shards;
}

}  // namespace tenon::checkpoint
