#include "runtime/formats/torch_tar.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <unordered_map>

#include "runtime/formats/pickle_listing.h"
#include "runtime/formats/tar_directory.h"
#include "runtime/formats/torch_types.h"
#include "runtime/io/checked.h"
#include "runtime/io/read_all.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kFirstProgramRead = 512;
constexpr std::uint64_t kReadGrowth = 8;
constexpr std::uint64_t kWord = 8;
constexpr std::array<std::string_view, 4> kMembers{"sys_info", "pickle", "storages", "tensors"};

/// One pickle that was run.
struct Pickled {
  std::unique_ptr<std::string> text;  // the graph points into it
  std::unique_ptr<PickleGraph> graph;
  NodeId root = kNoNode;

  /// The items of a tuple of `count`; empty when it is none.
  std::vector<NodeId> tuple(NodeId node, std::uint32_t count) const {
    std::vector<NodeId> items;
    if (graph->kind(node) != NodeKind::kTuple || graph->tuple_size(node) != count) return items;
    for (std::uint32_t i = 0; i < count; ++i) items.push_back(graph->tuple_item(node, i));
    return items;
  }
  std::optional<std::int64_t> integer(NodeId node) const {
    if (graph->kind(node) != NodeKind::kInt) return std::nullopt;
    return graph->at(node).integer();
  }
  /// Keys are numbers (an address at the time of writing); the program names them as text.
  std::string key(NodeId node) const {
    if (const auto number = integer(node)) return std::to_string(*number);
    return graph->kind(node) == NodeKind::kString ? std::string(graph->text(node)) : std::string();
  }
};

/// Elements [begin, begin + elements) of a storage in the file.
struct Window {
  std::string root;
  std::uint64_t begin = 0;
  std::uint64_t elements = 0;
};

struct Stored {
  DType dtype = DType::kF32;
  std::uint64_t elements = 0;
  std::uint64_t data = 0;
};

class TorchTarReader {
 public:
  TorchTarReader(const ByteSource& source, const Limits& limits) : source_(source), limits_(limits) {}

  Result<Listing> read() {
    if (auto found = find_members(); !found) return Failure(found.error());
    if (auto done = read_storages(); !done) return Failure(done.error());
    if (auto done = read_tensors(); !done) return Failure(done.error());
    return list();
  }

 private:
  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return io::refuse(
      kind, code, {.file = source_.name(), .member = member_.name, .byte = at_ - member_.offset}, found, required);
  }

  Failure no_checkpoint(std::string_view found) const {
    return io::refuse(ErrorKind::kUnsupported,
                      "LG-TAR",
                      {.file = source_.name()},
                      "a tar file " + std::string(found),
                      "torch's tar files hold sys_info, pickle, storages and tensors",
                      "Unpack it and give tenon the checkpoint inside.");
  }

  Result<void> find_members() {
    auto members = read_tar_directory(source_);
    if (!members) return Failure(members.error());
    for (TarMember& member : *members) {
      const bool known = std::find(kMembers.begin(), kMembers.end(), member.name) != kMembers.end();
      if (!known) return no_checkpoint("with a member " + io::quoted(member.name));
      members_.emplace(member.name, std::move(member));
    }
    for (const std::string_view name : kMembers) {
      if (!members_.contains(std::string(name))) return no_checkpoint("without a member \"" + std::string(name) + "\"");
    }
    return {};
  }

  void enter(std::string_view name) {
    member_ = members_.at(std::string(name));
    at_ = member_.offset;
  }
  std::uint64_t left() const { return member_.offset + member_.size - at_; }

  /// Pickles do not say how long they are: read more until it ends, or until there is no more.
  Result<Pickled> next_pickle() {
    const std::uint64_t most = std::min(left(), limits_.pickle_bytes);
    for (std::uint64_t length = std::min(kFirstProgramRead, most);; length = std::min(most, length * kReadGrowth)) {
      auto text = io::read_range(source_, at_, length);
      if (!text) return Failure(text.error());
      Pickled pickled;
      pickled.text = std::make_unique<std::string>(std::move(*text));
      pickled.graph = std::make_unique<PickleGraph>(*pickled.text);
      const auto run = run_pickle(*pickled.text, where(false), *pickled.graph);
      if (!run && length < most) continue;
      if (!run) return Failure(run.error());
      pickled.root = run->root;
      at_ += run->consumed;
      return pickled;
    }
  }

  PickleSource where(bool whole) const {
    PickleSource where{.file = source_.name(), .member = member_.name, .base = at_ - member_.offset, .limits = limits_};
    where.persistent_ids = whole;
    where.outside = whole ? &tensors_ : nullptr;
    where.whole = whole;
    return where;
  }

  /// How many records follow.
  Result<std::uint64_t> next_count() {
    const auto pickled = next_pickle();
    if (!pickled) return Failure(pickled.error());
    const auto count = pickled->integer(pickled->root);
    if (!count || *count < 0) return refuse("LG-TAR-RECORD", "a count that is no number", "a number is required");
    if (static_cast<std::uint64_t>(*count) <= limits_.tensors_per_file) return static_cast<std::uint64_t>(*count);
    return refuse("PK-TENSORS",
                  std::to_string(*count) + " records",
                  "the limit is " + std::to_string(limits_.tensors_per_file),
                  ErrorKind::kLimit);
  }

  /// Little-endian words of eight bytes.
  Result<std::vector<std::int64_t>> next_words(std::uint64_t count) {
    if (count * kWord > left()) {
      return refuse("LG-TAR-RECORD", std::to_string(left()) + " bytes", std::to_string(count * kWord) + " are required");
    }
    const auto bytes = io::read_range(source_, at_, count * kWord);
    if (!bytes) return Failure(bytes.error());
    at_ += count * kWord;
    std::vector<std::int64_t> words;
    for (std::size_t w = 0; w < count; ++w) {
      std::uint64_t word = 0;
      for (std::size_t i = kWord; i > 0; --i) word = (word << 8) | static_cast<unsigned char>((*bytes)[w * kWord + i - 1]);
      words.push_back(static_cast<std::int64_t>(word));
    }
    return words;
  }

  Result<void> check_finished() const {
    if (left() == 0) return {};
    return refuse("LG-TRAILING", std::to_string(left()) + " bytes after the last record", "the records must fill the member");
  }

  Result<void> read_storages() {
    enter("storages");
    const auto count = next_count();
    if (!count) return Failure(count.error());
    for (std::uint64_t i = 0; i < *count; ++i) {
      if (auto done = read_storage(); !done) return done;
    }
    const auto views = next_pickle();
    if (!views) return Failure(views.error());
    if (auto done = read_views(*views); !done) return done;
    return check_finished();
  }

  /// (key, location, class), then the count of elements, then the elements.
  Result<void> read_storage() {
    const auto pickled = next_pickle();
    if (!pickled) return Failure(pickled.error());
    const auto items = pickled->tuple(pickled->root, 3);
    const std::string key = items.empty() ? "" : pickled->key(items[0]);
    if (key.empty() || pickled->graph->kind(items[2]) != NodeKind::kGlobal) {
      return refuse("LG-TAR-RECORD", "a storage record of another form", "(key, location, class) is required");
    }
    const auto dtype = dtype_of_storage_class(pickled->graph->text(items[2]));
    if (!dtype) {
      return refuse("PK-STORAGE-TYPE",
                    "storage class " + io::quoted(pickled->graph->global_name(items[2])),
                    "a storage class of torch is required",
                    ErrorKind::kUnsupported);
    }
    const auto elements = next_words(1);
    if (!elements) return Failure(elements.error());
    const auto bytes = (*elements)[0] < 0 ? std::nullopt : byte_size(*dtype, {(*elements)[0]});
    if (!bytes || static_cast<std::uint64_t>(*bytes) > left()) {
      return refuse("LG-SHORT",
                    "storage " + io::quoted(key) + " of " + std::to_string((*elements)[0]) + " elements, " +
                      std::to_string(left()) + " bytes are left",
                    "the file must hold them (incomplete download?)");
    }
    const auto held = static_cast<std::uint64_t>((*elements)[0]);
    const bool added = stored_.emplace(key, Stored{*dtype, held, at_}).second && windows_.emplace(key, Window{key, 0, held}).second;
    if (!added) return twice(key);
    at_ += static_cast<std::uint64_t>(*bytes);
    return {};
  }

  Failure twice(const std::string& key) const {
    return refuse("LG-KEYS-TWICE", "storage " + io::quoted(key) + " listed twice", "keys must be unique");
  }

  /// (key, key of the whole, offset, count) of each storage that is a part of another.
  Result<void> read_views(const Pickled& views) {
    const auto malformed = [this] {
      return refuse("LG-TAR-RECORD", "a view record of another form", "(key, whole, offset, count) is required");
    };
    if (views.graph->kind(views.root) != NodeKind::kList) return malformed();
    for (auto cell = views.graph->first_cell(views.root); cell != PickleGraph::kNoCell; cell = views.graph->cell(cell).next) {
      const auto items = views.tuple(views.graph->cell(cell).item, 4);
      if (items.empty()) return malformed();
      const std::string key = views.key(items[0]);
      const auto whole = stored_.find(views.key(items[1]));
      const auto begin = views.integer(items[2]);
      const auto count = views.integer(items[3]);
      if (key.empty() || whole == stored_.end() || !begin || !count) return malformed();
      const bool inside = *begin >= 0 && *count >= 0 &&
                          io::fits(static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*count), whole->second.elements);
      if (!inside) {
        return refuse("LG-VIEW",
                      "view of " + std::to_string(*count) + " elements at " + std::to_string(*begin) + " of a storage of " +
                        std::to_string(whole->second.elements),
                      "a view must lie inside its storage");
      }
      const Window window{whole->first, static_cast<std::uint64_t>(*begin), static_cast<std::uint64_t>(*count)};
      if (!windows_.emplace(key, window).second) return twice(key);
    }
    return {};
  }

  Result<void> read_tensors() {
    enter("tensors");
    const auto count = next_count();
    if (!count) return Failure(count.error());
    for (std::uint64_t i = 0; i < *count; ++i) {
      if (auto done = read_tensor(); !done) return done;
    }
    return check_finished();
  }

  /// (key, storage, class), then the rank in eight bytes of which four count, the sizes, the strides and the offset.
  Result<void> read_tensor() {
    const auto pickled = next_pickle();
    if (!pickled) return Failure(pickled.error());
    const auto items = pickled->tuple(pickled->root, 3);
    const std::string key = items.empty() ? "" : pickled->key(items[0]);
    if (key.empty()) return refuse("LG-TAR-RECORD", "a tensor record of another form", "(key, storage, class) is required");
    const auto window = windows_.find(pickled->key(items[1]));
    if (window == windows_.end()) {
      return refuse("LG-NO-DATA", "storage " + io::quoted(pickled->key(items[1])) + " has no data", "the file must hold it");
    }
    const auto rank_word = next_words(1);
    if (!rank_word) return Failure(rank_word.error());
    const auto rank = static_cast<std::uint64_t>(static_cast<std::uint32_t>((*rank_word)[0]));
    if (rank > limits_.rank) {
      return refuse(
        "PK-RANK-LIMIT", "rank " + std::to_string(rank), "the limit is " + std::to_string(limits_.rank), ErrorKind::kLimit);
    }
    const auto words = next_words(2 * rank + 1);
    if (!words) return Failure(words.error());
    OutsideTensor tensor;
    const Window& part = window->second;
    const Stored& storage = stored_.at(part.root);
    tensor.storage = part.root;
    tensor.dtype = storage.dtype;
    tensor.elements = storage.elements;
    tensor.window_begin = part.begin;
    tensor.window_elements = part.elements;
    const auto sizes = words->begin();
    const auto strides = sizes + static_cast<std::ptrdiff_t>(rank);
    tensor.size.assign(sizes, strides);
    tensor.stride.assign(strides, words->end() - 1);
    tensor.offset = words->back();
    if (tensors_.emplace(key, std::move(tensor)).second) return {};
    return refuse("LG-KEYS-TWICE", "tensor " + io::quoted(key) + " listed twice", "keys must be unique");
  }

  Result<Listing> list() {
    enter("pickle");
    if (member_.size > limits_.pickle_bytes) {
      return refuse("PK-SIZE",
                    "a program of " + std::to_string(member_.size) + " bytes",
                    "the limit is " + std::to_string(limits_.pickle_bytes),
                    ErrorKind::kLimit);
    }
    const auto program = io::read_range(source_, at_, member_.size);
    if (!program) return Failure(program.error());
    PickleGraph graph(*program);
    const PickleSource source = where(true);
    const auto run = run_pickle(*program, source, graph);
    if (!run) return Failure(run.error());
    const FindStorage find_storage = [this](const StorageInfo& storage) -> Result<StoragePlace> {
      return StoragePlace{stored_.at(std::string(storage.key)).data, 0, false};
    };
    const std::uint64_t described = member_.size + members_.at("tensors").size;
    return list_pickle(run->root, graph, source, described, source_.size(), find_storage, FlattenOptions{});
  }

  const ByteSource& source_;
  const Limits& limits_;
  std::unordered_map<std::string, TarMember> members_;
  std::unordered_map<std::string, Stored> stored_;
  std::unordered_map<std::string, Window> windows_;
  OutsideTensors tensors_;
  TarMember member_;      // that is read
  std::uint64_t at_ = 0;  // in the file
};

}  // namespace

Result<Listing> read_torch_tar(const ByteSource& source, const Limits& limits) {
  return TorchTarReader(source, limits).read();
}

}  // namespace tenon::formats
