#include "runtime/formats/torch_zip.h"

#include <algorithm>
#include <set>

#include "runtime/formats/pickle_listing.h"
#include "runtime/formats/zip_directory.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kSmallRecord = 64;  // version, byteorder: a word
constexpr int kNewestVersion = 10;
constexpr std::string_view kSaveWeights = "Load it with the framework that wrote it and save its weights as safetensors.";

class TorchZipReader {
 public:
  TorchZipReader(const ByteSource& source, const Limits& limits, ZipDirectory directory)
      : source_(source), limits_(limits), directory_(std::move(directory)) {}

  Result<Opened> read() {
    if (auto ours = refuse_other_archives(); !ours) return Failure(ours.error());
    if (auto rooted = find_root(); !rooted) return Failure(rooted.error());
    script_ = find("constants.pkl") != nullptr || has_code();
    if (auto stored = check_stored(); !stored) return Failure(stored.error());
    if (auto known = check_version(); !known) return Failure(known.error());
    if (auto order = read_byte_order(); !order) return Failure(order.error());
    auto listing = read_pickle();
    if (!listing) return Failure(listing.error());
    if (auto noted = add_notes(*listing); !noted) return Failure(noted.error());
    return Opened{script_ ? Container::kTorchScript : Container::kTorchZip, std::move(*listing)};
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed,
                 std::string_view remedy = {}) const {
    return io::refuse(kind, code, {.file = source_.name()}, found, required, std::string(remedy));
  }

  bool any_entry(auto matches) const {
    return std::any_of(directory_.entries.begin(), directory_.entries.end(), matches);
  }

  const ZipEntry* find(std::string_view name) const { return directory_.find(root_ + std::string(name)); }

  bool has_code() const {
    return any_entry([this](const ZipEntry& entry) { return entry.name.starts_with(root_ + "code/"); });
  }

  Result<void> refuse_other_archives() const {
    const bool has_pickle = any_entry([](const ZipEntry& e) { return e.name == "data.pkl" || e.name.ends_with("/data.pkl"); });
    if (has_pickle) return {};
    const auto foreign = [&](std::string_view code, std::string_view what) {
      return refuse(code, "looks like " + std::string(what), "", ErrorKind::kUnsupported, kSaveWeights);
    };
    if (any_entry([](const ZipEntry& e) { return e.name.ends_with(".npy"); })) {
      return foreign("TS-NPZ", "a NumPy archive (npz)");
    }
    if (any_entry([](const ZipEntry& e) {
          return e.name.ends_with("serialized_exported_program.json") || e.name.ends_with("archive_format");
        })) {
      return foreign("TS-EXPORT", "a program saved by torch.export");
    }
    if (any_entry([](const ZipEntry& e) { return e.name == "model.weights.h5"; })) {
      return foreign("TS-KERAS", "a Keras archive");
    }
    return {};
  }

  /// Every entry lies in one folder, which data.pkl is directly in.
  Result<void> find_root() {
    if (directory_.find("data.pkl") != nullptr) {
      return refuse("ZP-NO-ROOT", "data.pkl is not in a folder", "torch.save puts everything in one");
    }
    std::set<std::string> roots;
    for (const ZipEntry& entry : directory_.entries) {
      const auto slash = entry.name.find('/');
      if (slash == std::string::npos) return no_pickle();
      roots.insert(entry.name.substr(0, slash + 1));
    }
    if (roots.size() > 1) {
      return refuse("ZP-ROOTS",
                    "two roots " + io::quoted(*roots.begin()) + " and " + io::quoted(*std::next(roots.begin())),
                    "torch.save puts everything in one folder");
    }
    if (!roots.empty()) root_ = *roots.begin();
    return root_.empty() || find("data.pkl") == nullptr ? Result<void>(no_pickle()) : Result<void>();
  }

  Failure no_pickle() const {
    std::string names;
    for (std::size_t i = 0; i < directory_.entries.size() && i < 4; ++i) {
      names += (i == 0 ? "" : ", ") + io::quoted(directory_.entries[i].name, 40);
    }
    if (directory_.entries.size() > 4) names += ", ...";
    return refuse("ZP-NO-PICKLE",
                  "a zip archive without data.pkl; its entries are: " + (names.empty() ? "none" : names),
                  "a checkpoint of torch.save has one");
  }

  /// Nothing is ever decompressed; of a TorchScript archive only the program may be.
  Result<void> check_stored() const {
    for (const ZipEntry& entry : directory_.entries) {
      const std::string_view inner = std::string_view(entry.name).substr(root_.size());
      const bool program = script_ && (inner.starts_with("code/") || inner.ends_with(".debug_pkl") || inner.starts_with("extra/"));
      if (program || (entry.method == 0 && entry.stored == entry.size)) continue;
      return refuse("ZP-COMPRESSED",
                    "entry " + io::quoted(entry.name, 96) + ": it is compressed",
                    "torch.save stores its entries",
                    ErrorKind::kUnsupported);
    }
    return {};
  }

  Result<std::string> read_word(const ZipEntry& entry, std::string_view code) const {
    if (entry.size > kSmallRecord) {
      return refuse(code, "entry " + io::quoted(entry.name, 96) + " of " + std::to_string(entry.size) + " bytes", "one word is required");
    }
    return read_stored(source_, entry);
  }

  Result<void> check_version() const {
    const ZipEntry* entry = find("version");
    if (entry == nullptr) entry = find(".data/version");
    if (entry == nullptr) return refuse("ZP-NO-VERSION", "no version record", "torch.save writes one");
    const auto text = read_word(*entry, "ZP-VERSION");
    if (!text) return Failure(text.error());
    std::string_view word = *text;
    if (word.ends_with('\n')) word.remove_suffix(1);
    for (int version = 1; version <= kNewestVersion; ++version) {
      if (word == std::to_string(version)) return {};
    }
    return refuse("ZP-VERSION",
                  "version " + io::quoted(word),
                  "1 to " + std::to_string(kNewestVersion) + " are known",
                  ErrorKind::kUnsupported);
  }

  Result<void> read_byte_order() {
    const ZipEntry* entry = find("byteorder");
    if (entry == nullptr) return {};  // torch before 2.1: little-endian
    const auto text = read_word(*entry, "ZP-BYTEORDER");
    if (!text) return Failure(text.error());
    big_endian_ = *text == "big";
    if (big_endian_ || *text == "little") return {};
    return refuse("ZP-BYTEORDER", "byteorder " + io::quoted(*text), "\"little\" or \"big\" is required");
  }

  Result<Listing> read_pickle() {
    const ZipEntry& entry = *find("data.pkl");
    if (entry.size > limits_.pickle_bytes) {
      return refuse("PK-SIZE",
                    "data.pkl of " + std::to_string(entry.size) + " bytes",
                    "the limit is " + std::to_string(limits_.pickle_bytes),
                    ErrorKind::kLimit);
    }
    const auto program = read_stored(source_, entry);
    if (!program) return Failure(program.error());
    PickleGraph graph(*program);
    const PickleSource where{.file = source_.name(), .member = "data.pkl", .limits = limits_};
    const auto run = run_pickle(*program, where, graph);
    if (!run) return Failure(run.error());
    const FindStorage find_storage = [this](const StorageInfo& storage) { return locate(storage); };
    auto listing = list_pickle(run->root,
                               graph,
                               where,
                               program->size(),
                               source_.size(),
                               find_storage,
                               {.enter_objects = script_, .big_endian = big_endian_});
    if (!listing) return listing;
    // A storage that no tensor shows must be sound all the same.
    for (const StorageInfo& storage : graph.storages()) {
      if (const auto place = locate(storage); !place) return Failure(place.error());
      used_.insert(root_ + "data/" + std::string(storage.key));
    }
    return listing;
  }

  Result<StoragePlace> locate(const StorageInfo& storage) const {
    const std::string name = "data/" + std::string(storage.key);
    const ZipEntry* entry = find(name);
    const io::Place place{.file = source_.name(), .member = "data.pkl", .byte = storage.stated_at};
    if (entry == nullptr) {
      if (storage.bytes == 0) return StoragePlace{};
      return io::refuse(
        ErrorKind::kMalformed, "ZP-NO-STORAGE", place, io::escape(name) + " is named here and not in the archive", "it must be there");
    }
    if (entry->size != storage.bytes) {
      return io::refuse(ErrorKind::kMalformed,
                        "ZP-STORAGE-SIZE",
                        place,
                        io::escape(name) + " is " + std::to_string(entry->size) + " bytes, " + std::to_string(storage.bytes) +
                          " are declared",
                        "both must agree");
    }
    return StoragePlace{entry->data, entry->crc32, entry->crc32 != 0};
  }

  Result<void> add_notes(Listing& listing) const {
    listing.notes = directory_.notes;
    std::size_t unused = 0;
    for (const ZipEntry& entry : directory_.entries) {
      if (entry.name.starts_with(root_ + "data/") && !entry.is_folder() && !used_.contains(entry.name)) ++unused;
    }
    const auto note = [&](std::string_view code, const std::string& text) {
      listing.notes.push_back({std::string(code), io::message_line({.file = source_.name()}, text, "", code)});
    };
    if (unused != 0) note("ZP-UNUSED", std::to_string(unused) + " storages that no tensor uses");
    if (script_) note("TS-SCRIPT", "a TorchScript archive: its weights are read, its program is not");
    if (auto read = check_word(".format_version", "1", note); !read) return read;
    return check_word(".storage_alignment", "64", note);
  }

  /// Records that tenon does not lean on; another value than torch writes is worth a word.
  Result<void> check_word(std::string_view name, std::string_view usual, const auto& note) const {
    const ZipEntry* entry = find(name);
    if (entry == nullptr) return {};
    std::string text;
    if (entry->size <= kSmallRecord) {
      auto read = read_stored(source_, *entry);
      if (!read) return Failure(read.error());
      text = std::move(*read);
    }
    if (text != usual) note("ZP-RECORD", std::string(name) + " is not " + std::string(usual) + ", it is not used");
    return {};
  }

  const ByteSource& source_;
  const Limits& limits_;
  ZipDirectory directory_;
  std::string root_;  // with its slash
  bool script_ = false;
  bool big_endian_ = false;
  std::set<std::string> used_;
};

}  // namespace

Result<Opened> read_torch_zip(const ByteSource& source, const Limits& limits) {
  auto directory = read_zip_directory(source, limits);
  if (!directory) return Failure(directory.error());
  return TorchZipReader(source, limits, std::move(*directory)).read();
}

}  // namespace tenon::formats
