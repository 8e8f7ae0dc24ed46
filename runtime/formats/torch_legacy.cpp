#include "runtime/formats/torch_legacy.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

#include "runtime/formats/pickle_listing.h"
#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kFirstStreamRead = 65'536;
constexpr std::string_view kMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";  // 0x1950a86a20f9469cfc6c, little-endian
constexpr std::int64_t kProtocol = 1001;
constexpr std::uint64_t kCountBytes = 8;

/// The stream's pickles in the order of the file.
enum Step { kMagicStep, kProtocolStep, kSystemStep, kObjectStep, kKeysStep, kSteps };

/// One pickle that was run.
struct Part {
  std::unique_ptr<PickleGraph> graph;
  NodeId root = kNoNode;
  std::size_t begin = 0;
  std::size_t end = 0;
};

class LegacyReader {
 public:
  LegacyReader(const ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<Listing> read() {
    if (auto loaded = load(std::min(kFirstStreamRead, source_.size())); !loaded) return Failure(loaded.error());
    if (auto ours = check_magic(); !ours) return Failure(ours.error());
    if (auto parsed = run_all(); !parsed) return Failure(parsed.error());
    if (auto known = check_protocol(); !known) return Failure(known.error());
    check_system();
    if (auto placed = place_storages(); !placed) return Failure(placed.error());
    return list();
  }

 private:
  Failure refuse(std::string_view code,
                 std::uint64_t byte,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(kind, code, {.file = source_.name(), .byte = byte}, found, required);
  }

  void note(std::string_view code, std::string_view text) {
    listing_notes_.push_back({std::string(code), io::message_line({.file = source_.name()}, text, "", code)});
  }

  Result<void> load(std::uint64_t bytes) {
    auto text = io::read_range(source_, 0, bytes);
    if (!text) return Failure(text.error());
    text_ = std::move(*text);
    return {};
  }

  Result<Part> run_at(std::size_t begin, Step step) const {
    Part part;
    part.begin = begin;
    const std::string_view program = std::string_view(text_).substr(begin);
    part.graph = std::make_unique<PickleGraph>(program);
    const PickleSource where{.file = source_.name(),
                             .member = {},
                             .base = begin,
                             .limits = limits_,
                             .persistent_ids = step == kObjectStep,
                             .legacy = true,
                             .whole = false};
    const auto run = run_pickle(program, where, *part.graph);
    if (!run) return Failure(run.error());
    part.root = run->root;
    part.end = begin + run->consumed;
    return part;
  }

  Result<void> check_magic() {
    const auto first = run_at(0, kMagicStep);
    const bool alone = !first || first->end == source_.size();
    const NodeKind kind = first ? first->graph->kind(first->root) : NodeKind::kNone;
    const bool number = kind == NodeKind::kInt || kind == NodeKind::kBigInt;
    if (kind == NodeKind::kBigInt && first->graph->text(first->root) == kMagic) return {};
    if (alone && !number) {
      return io::refuse(ErrorKind::kUnsupported,
                        "TS-PICKLE",
                        {.file = source_.name()},
                        "looks like a pickle that torch.save did not write",
                        "a torch.save or safetensors file is required",
                        "Load it where it was written and save its weights as safetensors.");
    }
    return refuse(
      "LG-MAGIC", 0, number ? "the first pickle is another number" : "magic is not a number", "this is not a torch file");
  }

  /// Pickles do not say how long they are: read more until all five end, or until there is no more.
  Result<void> run_all() {
    const std::uint64_t most = std::min(source_.size(), limits_.pickle_bytes);
    while (true) {
      auto done = run_loaded();
      if (done || text_.size() >= most) return done;
      const std::uint64_t next = std::min<std::uint64_t>(most, std::uint64_t{text_.size()} * 4);
      parts_.clear();
      if (auto loaded = load(next); !loaded) return loaded;
    }
  }

  Result<void> run_loaded() {
    parts_.clear();
    std::size_t begin = 0;
    for (int step = 0; step < kSteps; ++step) {
      auto part = run_at(begin, static_cast<Step>(step));
      if (!part) return Failure(part.error());
      begin = part->end;
      parts_.push_back(std::move(*part));
    }
    return {};
  }

  Result<void> check_protocol() const {
    const Part& part = parts_[kProtocolStep];
    const bool number = part.graph->kind(part.root) == NodeKind::kInt;
    if (number && part.graph->at(part.root).integer() == kProtocol) return {};
    return refuse("LG-PROTOCOL",
                  part.begin,
                  number ? "protocol " + std::to_string(part.graph->at(part.root).integer()) : "a protocol that is no number",
                  std::to_string(kProtocol) + " is known",
                  ErrorKind::kUnsupported);
  }

  /// Neither value is used: torch reads such files as little-endian whatever they say.
  void check_system() {
    const Part& part = parts_[kSystemStep];
    bool sizes = false;
    if (part.graph->kind(part.root) == NodeKind::kDict) {
      for (auto at = part.graph->first_cell(part.root); at != PickleGraph::kNoCell;) {
        const auto key = part.graph->cell(at);
        const auto value = part.graph->cell(key.next);
        if (part.graph->is_text(key.item, "type_sizes")) sizes = part.graph->kind(value.item) == NodeKind::kDict;
        at = value.next;
      }
    }
    if (!sizes) note("LG-SYSTEM", "the record of type sizes is missing or odd, it is not used");
  }

  Result<void> place_storages() {
    const Part& keys = parts_[kKeysStep];
    if (keys.graph->kind(keys.root) != NodeKind::kList) {
      return refuse("LG-KEYS", keys.begin, "the storage keys are no list", "a list of strings is required");
    }
    std::uint64_t at = keys.end;
    for (auto cell = keys.graph->first_cell(keys.root); cell != PickleGraph::kNoCell;) {
      const auto [item, next] = keys.graph->cell(cell);
      if (keys.graph->kind(item) != NodeKind::kString) {
        return refuse("LG-KEYS", keys.begin, "a storage key that is no string", "a list of strings is required");
      }
      auto end = place(keys.graph->text(item), at, next == PickleGraph::kNoCell);
      if (!end) return Failure(end.error());
      at = *end;
      cell = next;
    }
    if (at == source_.size()) return {};
    return refuse("LG-TRAILING",
                  at,
                  std::to_string(source_.size() - at) + " bytes after the last storage",
                  "the storages must end the file");
  }

  /// One storage's count and data from `at`; gives where it ends.
  Result<std::uint64_t> place(std::string_view key, std::uint64_t at, bool last) {
    if (places_.contains(std::string(key))) {
      return refuse("LG-KEYS-TWICE", at, "storage " + io::quoted(key) + " listed twice", "keys must be unique");
    }
    if (!io::fits(at, kCountBytes, source_.size())) return cut_short(key, at, kCountBytes);
    const auto raw = io::read_range(source_, at, kCountBytes);
    if (!raw) return Failure(raw.error());
    std::uint64_t count = 0;
    for (std::size_t i = kCountBytes; i > 0; --i) count = (count << 8) | static_cast<unsigned char>((*raw)[i - 1]);
    const std::uint64_t data = at + kCountBytes;
    const StorageInfo* storage = parts_[kObjectStep].graph->find_storage(key);
    if (storage == nullptr) return extra_storage(key, at, count, last);
    if (count != storage->elements) {
      return refuse("LG-COUNT",
                    at,
                    "storage " + io::quoted(key) + " holds " + std::to_string(static_cast<std::int64_t>(count)) +
                      " elements, " + std::to_string(storage->elements) + " are declared",
                    "both must agree");
    }
    if (!io::fits(data, storage->bytes, source_.size())) return cut_short(key, data, storage->bytes);
    places_.emplace(key, StoragePlace{data, 0, false});
    return data + storage->bytes;
  }

  /// Without a declaration its element size is unknown, so it can only be passed over when nothing follows.
  Result<std::uint64_t> extra_storage(std::string_view key, std::uint64_t at, std::uint64_t count, bool last) {
    if (!last && count != 0) {
      return refuse("LG-EXTRA", at, "storage " + io::quoted(key) + " belongs to no tensor", "its size is unknown");
    }
    note("LG-UNUSED", "storage " + io::quoted(key) + " belongs to no tensor");
    places_.emplace(key, StoragePlace{});
    return last ? source_.size() : at + kCountBytes;
  }

  Failure cut_short(std::string_view key, std::uint64_t at, std::uint64_t bytes) const {
    return refuse("LG-SHORT",
                  at,
                  "storage " + io::quoted(key) + " needs " + std::to_string(bytes) + " bytes, " +
                    std::to_string(source_.size() - std::min(at, source_.size())) + " are left",
                  "the file must hold them (incomplete download?)");
  }

  Result<Listing> list() {
    Part& object = parts_[kObjectStep];
    const PickleSource where{.file = source_.name(), .member = {}, .base = object.begin, .limits = limits_};
    const FindStorage find_storage = [this](const StorageInfo& storage) -> Result<StoragePlace> {
      const auto known = places_.find(std::string(storage.key));
      if (known != places_.end()) return known->second;
      return refuse("LG-NO-DATA", storage.stated_at, "storage " + io::quoted(storage.key) + " has no data", "the file must hold it");
    };
    for (const StorageInfo& storage : object.graph->storages()) {
      if (const auto place = find_storage(storage); !place) return Failure(place.error());
    }
    auto listing = list_pickle(
      object.root, *object.graph, where, object.end - object.begin, source_.size(), find_storage, FlattenOptions{});
    if (listing) listing->notes = std::move(listing_notes_);
    return listing;
  }

  const ByteSource& source_;
  const Limits& limits_;
  std::string text_;
  std::vector<Part> parts_;
  std::unordered_map<std::string, StoragePlace> places_;
  std::vector<ContainerNote> listing_notes_;
};

}  // namespace

Result<Listing> read_torch_legacy(const ByteSource& source, const Limits& limits) {
  return LegacyReader(source, limits).read();
}

}  // namespace tenon::formats
