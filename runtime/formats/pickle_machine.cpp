#include "runtime/formats/pickle_machine.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "runtime/formats/pickle_objects.h"
#include "runtime/formats/pickle_opcodes.h"
#include "runtime/formats/pickle_text.h"
#include "runtime/io/deadline.h"
#include "runtime/io/text.h"

namespace tenon::formats {
namespace {

constexpr std::uint64_t kFreeMachineBytes = std::uint64_t{1} << 20;
constexpr std::uint64_t kMachineBytesPerProgramByte = 32;
constexpr std::uint64_t kPollEvery = 65'536;  // opcodes
constexpr std::size_t kMaxLong = 16;
constexpr std::size_t kMaxNumberText = 64;

/// Slots are numbered by use: in files they count up from zero, so the others are the rare case.
class Memo {
 public:
  std::size_t size() const { return dense_.size() + sparse_.size(); }
  std::uint64_t memory() const { return dense_.size() * sizeof(NodeId) * 2 + sparse_.size() * 48; }

  void put(std::uint64_t slot, NodeId node) {
    if (slot < dense_.size()) {
      dense_[slot] = node;
    } else if (slot == dense_.size() && sparse_.find(slot) == sparse_.end()) {
      dense_.push_back(node);
    } else {
      sparse_[slot] = node;
    }
  }

  NodeId get(std::uint64_t slot) const {
    if (slot < dense_.size()) return dense_[slot];
    const auto found = sparse_.find(slot);
    return found == sparse_.end() ? kNoNode : found->second;
  }

 private:
  std::vector<NodeId> dense_;
  std::unordered_map<std::uint64_t, NodeId> sparse_;
};

class Machine {
 public:
  Machine(std::string_view program, const PickleSource& source, PickleGraph& graph)
      : program_(program), source_(source), limits_(source.limits), graph_(graph), objects_(source, graph) {
    budget_ = std::min(limits_.pickle_memory_bytes, kFreeMachineBytes + kMachineBytesPerProgramByte * program.size());
  }

  Result<PickleRun> run() {
    while (true) {
      if (next_ == program_.size()) return refuse("PK-NO-STOP", "the program ends without STOP", "STOP ends a pickle");
      opcode_at_ = next_;
      objects_.set_position(source_.base + opcode_at_);
      const auto opcode = static_cast<Opcode>(static_cast<unsigned char>(program_[next_++]));
      if (auto within = check_limits(); !within) return Failure(within.error());
      if (opcode == Opcode::kStop) return stop();
      if (auto done = step(opcode); !done) return Failure(done.error());
      if (frame_end_ != 0 && next_ > frame_end_) {
        return refuse("PK-FRAME", "an opcode crosses the end of its frame", "a frame holds whole opcodes");
      }
      if (next_ == frame_end_) frame_end_ = 0;
    }
  }

 private:
  using Done = Result<void>;

  Failure refuse(std::string_view code,
                 std::string_view found,
                 std::string_view required,
                 ErrorKind kind = ErrorKind::kMalformed) const {
    return objects_.refuse(code, found, required, kind);
  }

  Failure over(std::string_view code, std::string_view what, std::uint64_t limit) const {
    return refuse(code, "more than " + std::to_string(limit) + " " + std::string(what), "that is the limit", ErrorKind::kLimit);
  }

  Done check_limits() {
    if (++opcodes_ > limits_.pickle_opcodes) return over("PK-OPCODES", "opcodes", limits_.pickle_opcodes);
    if (graph_.size() > limits_.pickle_objects) return over("PK-OBJECTS", "objects", limits_.pickle_objects);
    if (memo_.size() > limits_.pickle_memo) return over("PK-MEMO-LIMIT", "memo entries", limits_.pickle_memo);
    if (stack_.size() > limits_.pickle_stack || marks_.size() > limits_.pickle_stack) {
      return over("PK-STACK-LIMIT", "values on the stack", limits_.pickle_stack);
    }
    const std::uint64_t used =
      graph_.memory() + memo_.memory() + (stack_.size() + marks_.size()) * sizeof(NodeId) * 2;
    if (used > budget_) return over("PK-MEMORY", "bytes of memory", budget_);
    if (opcodes_ % kPollEvery == 0) return io::check_deadline(limits_, source_.file);
    return {};
  }

  Result<PickleRun> stop() {
    if (!marks_.empty()) return refuse("PK-MARK", "open MARK at STOP", "every MARK must be used");
    if (stack_.size() != 1) {
      return refuse("PK-STACK", std::to_string(stack_.size()) + " values at STOP", "exactly one value is required");
    }
    if (source_.whole && next_ != program_.size()) {
      return refuse("PK-TRAILING",
                    std::to_string(program_.size() - next_) + " bytes after STOP",
                    "STOP must be the last byte");
    }
    return PickleRun{stack_.back(), next_};
  }

  // Operands: what the program holds after an opcode.

  Result<std::string_view> take(std::uint64_t count) {
    const std::size_t left = program_.size() - next_;
    if (count > left) {
      return refuse("PK-SHORT",
                    "the argument needs " + std::to_string(count) + " bytes, " + std::to_string(left) + " are left",
                    "an argument must lie inside the program");
    }
    const auto bytes = program_.substr(next_, static_cast<std::size_t>(count));
    next_ += static_cast<std::size_t>(count);
    return bytes;
  }

  Result<std::uint64_t> take_number(std::size_t width) {
    const auto bytes = take(width);
    if (!bytes) return Failure(bytes.error());
    std::uint64_t value = 0;
    for (std::size_t i = width; i > 0; --i) value = (value << 8) | static_cast<unsigned char>((*bytes)[i - 1]);
    return value;
  }

  /// Bytes whose number comes first, as `width` bytes.
  Result<std::string_view> take_counted(std::size_t width) {
    const auto count = take_number(width);
    if (!count) return Failure(count.error());
    return take(*count);
  }

  Result<std::string_view> take_line(std::size_t most) {
    const auto newline = program_.substr(next_, most + 1).find('\n');
    if (newline == std::string_view::npos) {
      return refuse("PK-LINE", "no newline within " + std::to_string(most) + " bytes", "a text argument ends with one");
    }
    const auto line = program_.substr(next_, newline);
    next_ += newline + 1;
    return line;
  }

  std::size_t offset_of(std::string_view part) const { return static_cast<std::size_t>(part.data() - program_.data()); }

  // The stack.

  void push(NodeId node) { stack_.push_back(node); }
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  Result<NodeId> pop() {
    if (stack_.empty()) return refuse("PK-UNDERFLOW", "the stack is empty", "the opcode needs a value");
    if (stack_.size() == floor()) return refuse("PK-UNDERFLOW", "no value above the mark", "the opcode needs a value");
    const NodeId node = stack_.back();
    stack_.pop_back();
    return node;
  }

  Result<NodeId> top() {
    const auto node = pop();
    if (node) push(*node);
    return node;
  }

  /// Removes the innermost mark; what was pushed since then begins at the index given.
  Result<std::size_t> pop_mark() {
    if (marks_.empty()) return refuse("PK-NO-MARK", "no MARK on the stack", "the opcode needs one");
    const std::size_t at = marks_.back();
    marks_.pop_back();
    return at;
  }

  Done push_result(Result<NodeId>&& node) {
    if (!node) return Failure(node.error());
    push(*node);
    return {};
  }

  Done step(Opcode opcode) {
    switch (opcode) {
      case Opcode::kProto:
        return proto();
      case Opcode::kFrame:
        return frame();
      case Opcode::kMark:
        marks_.push_back(static_cast<std::uint32_t>(stack_.size()));
        return {};
      case Opcode::kPop:
        if (!marks_.empty() && stack_.size() == marks_.back()) {
          marks_.pop_back();
          return {};
        }
        return drop();
      case Opcode::kPopMark:
        return pop_mark().map([this](std::size_t at) { stack_.resize(at); });
      case Opcode::kDup:
        return push_result(top());
      case Opcode::kNone:
        push(PickleGraph::kNoneNode);
        return {};
      case Opcode::kNewTrue:
        push(PickleGraph::kTrueNode);
        return {};
      case Opcode::kNewFalse:
        push(PickleGraph::kFalseNode);
        return {};
      case Opcode::kInt:
      case Opcode::kLong:
      case Opcode::kFloat:
        return number_text(opcode);
      case Opcode::kBinInt:
        return take_number(4).map([this](std::uint64_t v) { push(graph_.add_int(static_cast<std::int32_t>(v))); });
      case Opcode::kBinInt1:
        return take_number(1).map([this](std::uint64_t v) { push(graph_.add_int(static_cast<std::int64_t>(v))); });
      case Opcode::kBinInt2:
        return take_number(2).map([this](std::uint64_t v) { push(graph_.add_int(static_cast<std::int64_t>(v))); });
      case Opcode::kLong1:
        return big_number(1);
      case Opcode::kLong4:
        return big_number(4);
      case Opcode::kBinFloat:
        return binary_float();
      case Opcode::kShortBinUnicode:
        return text(1);
      case Opcode::kBinUnicode:
        return text(4);
      case Opcode::kBinUnicode8:
        return text(8);
      case Opcode::kShortBinBytes:
        return bytes(1);
      case Opcode::kBinBytes:
        return bytes(4);
      case Opcode::kBinBytes8:
        return bytes(8);
      case Opcode::kShortBinString:
        return old_string(1);
      case Opcode::kBinString:
        return old_string(4);
      case Opcode::kString:
      case Opcode::kUnicode:
        return quoted_text(opcode);
      case Opcode::kEmptyTuple:
        push(PickleGraph::kEmptyTupleNode);
        return {};
      case Opcode::kTuple1:
        return short_tuple(1);
      case Opcode::kTuple2:
        return short_tuple(2);
      case Opcode::kTuple3:
        return short_tuple(3);
      case Opcode::kTuple:
        return marked_tuple();
      case Opcode::kEmptyList:
        push(graph_.add_container(NodeKind::kList));
        return {};
      case Opcode::kEmptyDict:
        push(graph_.add_container(NodeKind::kDict));
        return {};
      case Opcode::kEmptySet:
        push(graph_.add_container(NodeKind::kSet));
        return {};
      case Opcode::kList:
        return marked_container(NodeKind::kList);
      case Opcode::kDict:
        return marked_container(NodeKind::kDict);
      case Opcode::kFrozenSet:
        return marked_container(NodeKind::kSet);
      case Opcode::kAppend:
        return append();
      case Opcode::kAppends:
        return add_marked("APPENDS", NodeKind::kList);
      case Opcode::kAddItems:
        return add_marked("ADDITEMS", NodeKind::kSet);
      case Opcode::kSetItem:
        return set_item();
      case Opcode::kSetItems:
        return add_marked("SETITEMS", NodeKind::kDict);
      case Opcode::kGet:
      case Opcode::kPut:
        return memo_text(opcode);
      case Opcode::kBinGet:
        return take_number(1).and_then([this](std::uint64_t slot) { return recall(slot); });
      case Opcode::kLongBinGet:
        return take_number(4).and_then([this](std::uint64_t slot) { return recall(slot); });
      case Opcode::kBinPut:
        return take_number(1).and_then([this](std::uint64_t slot) { return remember(slot); });
      case Opcode::kLongBinPut:
        return take_number(4).and_then([this](std::uint64_t slot) { return remember(slot); });
      case Opcode::kMemoize:
        return remember(memo_.size());
      case Opcode::kGlobal:
        return global();
      case Opcode::kStackGlobal:
        return stack_global();
      case Opcode::kReduce:
      case Opcode::kNewObj:
        return reduce();
      case Opcode::kBuild:
        return build();
      case Opcode::kBinPersId:
        return persistent();
      case Opcode::kStop:
        break;
      default:
        break;
    }
    return unknown(opcode);
  }

  Done unknown(Opcode opcode) const {
    char hex[8];
    std::snprintf(hex, sizeof hex, "0x%02x", static_cast<unsigned>(opcode));
    if (is_unused_opcode(opcode)) {
      return refuse("PK-UNUSED",
                    "opcode " + std::string(hex),
                    "checkpoints do not use it, and tenon does not run it",
                    ErrorKind::kUnsupported);
    }
    return refuse("PK-OPCODE", "opcode " + std::string(hex), "it is no pickle opcode");
  }

  Done proto() {
    const auto version = take_number(1);
    if (!version) return Failure(version.error());
    if (opcode_at_ != 0) return refuse("PK-PROTO", "PROTO inside the program", "it may only come first");
    if (*version > 5) {
      return refuse("PK-PROTOCOL", "protocol " + std::to_string(*version), "0 to 5 are known", ErrorKind::kUnsupported);
    }
    return {};
  }

  Done frame() {
    const bool nested = frame_end_ != 0;
    const auto length = take_number(8);
    if (!length) return Failure(length.error());
    if (nested) return refuse("PK-FRAME", "a frame inside a frame", "frames do not nest");
    if (*length == 0 || *length > program_.size() - next_) {
      return refuse("PK-FRAME",
                    "frame of " + std::to_string(*length) + " bytes, " + std::to_string(program_.size() - next_) + " are left",
                    "a frame lies inside the program");
    }
    frame_end_ = next_ + static_cast<std::size_t>(*length);
    return {};
  }

  Done drop() {
    return pop().map([](NodeId) {});
  }

  Done number_text(Opcode opcode) {
    const auto line = take_line(kMaxNumberText);
    if (!line) return Failure(line.error());
    std::string_view digits = *line;
    if (opcode == Opcode::kInt && (digits == "00" || digits == "01")) {
      push(digits == "01" ? PickleGraph::kTrueNode : PickleGraph::kFalseNode);
      return {};
    }
    if (opcode == Opcode::kLong && digits.ends_with('L')) digits.remove_suffix(1);
    const char* end = digits.data() + digits.size();
    std::int64_t integer = 0;
    double real = 0;
    if (opcode == Opcode::kFloat) {
      const auto parsed = std::from_chars(digits.data(), end, real);
      if (parsed.ec == std::errc{} && parsed.ptr == end) return push_result(graph_.add_float(real));
    } else {
      const auto parsed = std::from_chars(digits.data(), end, integer);
      if (parsed.ec == std::errc{} && parsed.ptr == end) return push_result(graph_.add_int(integer));
    }
    return refuse("PK-NUMBER", io::quoted(*line), "a number of at most 64 bits is required");
  }

  Done big_number(std::size_t width) {
    const auto count = take_number(width);
    if (!count) return Failure(count.error());
    if (width == 4 && *count > 0x7fffffff) {
      return refuse("PK-LONG", "an integer of negative length", "lengths are not negative");
    }
    if (*count > kMaxLong) {
      return refuse("PK-LONG-LIMIT",
                    "an integer of " + std::to_string(*count) + " bytes",
                    "the limit is " + std::to_string(kMaxLong),
                    ErrorKind::kLimit);
    }
    const auto digits = take(*count);
    if (!digits) return Failure(digits.error());
    const bool negative = !digits->empty() && static_cast<unsigned char>(digits->back()) >= 0x80;
    const char sign = negative ? '\xff' : '\0';
    std::uint64_t value = negative ? ~std::uint64_t{0} : 0;
    for (std::size_t i = std::min<std::size_t>(digits->size(), 8); i > 0; --i) {
      value = (value << 8) | static_cast<unsigned char>((*digits)[i - 1]);
    }
    bool fits = true;
    for (std::size_t i = 8; i < digits->size(); ++i) fits = fits && (*digits)[i] == sign;
    fits = fits && (static_cast<std::int64_t>(value) < 0) == negative;
    push(fits ? graph_.add_int(static_cast<std::int64_t>(value))
              : graph_.add_text(NodeKind::kBigInt, offset_of(*digits), digits->size()));
    return {};
  }

  Done binary_float() {
    const auto raw = take(8);
    if (!raw) return Failure(raw.error());
    std::uint64_t bits = 0;
    for (const char byte : *raw) bits = (bits << 8) | static_cast<unsigned char>(byte);
    push(graph_.add_float(std::bit_cast<double>(bits)));
    return {};
  }

  Done text(std::size_t width) {
    const auto found = take_counted(width);
    if (!found) return Failure(found.error());
    if (io::find_invalid_utf8(*found)) return refuse("PK-UTF8", "invalid UTF-8 in a string", "strings are UTF-8");
    push(graph_.add_text(NodeKind::kString, offset_of(*found), found->size()));
    return {};
  }

  Done bytes(std::size_t width) {
    const auto found = take_counted(width);
    if (!found) return Failure(found.error());
    push(graph_.add_text(NodeKind::kBytes, offset_of(*found), found->size()));
    return {};
  }

  /// Python 2 wrote its strings, keys of state dicts among them, as bytes.
  Done old_string(std::size_t width) {
    const auto found = take_counted(width);
    if (!found) return Failure(found.error());
    const NodeKind kind = io::find_invalid_utf8(*found) ? NodeKind::kBytes : NodeKind::kString;
    push(graph_.add_text(kind, offset_of(*found), found->size()));
    return {};
  }

  Done quoted_text(Opcode opcode) {
    const auto line = take_line(static_cast<std::size_t>(limits_.pickle_bytes));
    if (!line) return Failure(line.error());
    const auto decoded = opcode == Opcode::kString ? decode_string_literal(*line) : decode_raw_unicode(*line);
    if (!decoded || io::find_invalid_utf8(*decoded)) {
      return refuse("PK-UTF8", "a text argument that is no string", "strings are UTF-8");
    }
    push(graph_.add_arena_text(NodeKind::kString, *decoded));
    return {};
  }

  Done short_tuple(std::size_t count) {
    if (stack_.size() < floor() + count) {
      return refuse("PK-UNDERFLOW", "a tuple of more values than there are", "the opcode needs " + std::to_string(count));
    }
    const auto begin = stack_.end() - static_cast<std::ptrdiff_t>(count);
    const NodeId tuple = graph_.add_tuple(begin, stack_.end());
    stack_.resize(stack_.size() - count);
    push(tuple);
    return {};
  }

  Done marked_tuple() {
    const auto at = pop_mark();
    if (!at) return Failure(at.error());
    const NodeId tuple = graph_.add_tuple(stack_.begin() + static_cast<std::ptrdiff_t>(*at), stack_.end());
    stack_.resize(*at);
    push(tuple);
    return {};
  }

  Done marked_container(NodeKind kind) {
    const auto at = pop_mark();
    if (!at) return Failure(at.error());
    const NodeId container = graph_.add_container(kind);
    if (auto added = add_items(container, *at); !added) return added;
    push(container);
    return {};
  }

  /// Moves everything from stack index `at` into a container.
  Done add_items(NodeId container, std::size_t at) {
    const NodeKind kind = graph_.kind(container);
    if (kind == NodeKind::kDict && (stack_.size() - at) % 2 != 0) {
      return refuse("PK-ODD", "an odd number of items for a dict", "keys and values come in pairs");
    }
    for (std::size_t i = at; i < stack_.size(); ++i) {
      const bool key = kind == NodeKind::kSet || (kind == NodeKind::kDict && (i - at) % 2 == 0);
      if (key) {
        if (auto hashable = check_key(stack_[i]); !hashable) return hashable;
      }
      graph_.append(container, stack_[i]);
    }
    stack_.resize(at);
    return {};
  }

  Done check_key(NodeId key) const {
    const NodeKind kind = graph_.kind(key);
    const bool unhashable = kind == NodeKind::kList || kind == NodeKind::kDict || kind == NodeKind::kSet ||
                            kind == NodeKind::kTensor || kind == NodeKind::kStorage;
    if (!unhashable) return {};
    return refuse("PK-KEY", "a " + std::string(python_name(kind)) + " as a key", "keys are strings or integers");
  }

  Failure wrong_target(std::string_view opcode, NodeId target) const {
    return refuse("PK-TARGET",
                  std::string(opcode) + " on a " + std::string(python_name(graph_.kind(target))),
                  "the opcode does not apply to it");
  }

  Done append() {
    const auto item = pop();
    if (!item) return Failure(item.error());
    const auto target = top();
    if (!target) return Failure(target.error());
    if (graph_.kind(*target) == NodeKind::kObject) return {};
    if (graph_.kind(*target) != NodeKind::kList) return wrong_target("APPEND", *target);
    graph_.append(*target, *item);
    return {};
  }

  /// APPENDS, ADDITEMS, SETITEMS: what came since the mark goes into the container below it.
  Done add_marked(std::string_view name, NodeKind kind) {
    const auto at = pop_mark();
    if (!at) return Failure(at.error());
    if (*at == floor()) return refuse("PK-UNDERFLOW", "no container below the mark", "the opcode needs one");
    const NodeId target = stack_[*at - 1];
    if (graph_.kind(target) == NodeKind::kObject) {  // an inert object's items are as inert as it is
      stack_.resize(*at);
      return {};
    }
    if (graph_.kind(target) != kind) return wrong_target(name, target);
    return add_items(target, *at);
  }

  Done set_item() {
    if (stack_.size() < floor() + 3) return refuse("PK-UNDERFLOW", "too few values on the stack", "SETITEM needs three");
    const NodeId target = stack_[stack_.size() - 3];
    if (graph_.kind(target) == NodeKind::kObject) {
      stack_.resize(stack_.size() - 2);
      return {};
    }
    if (graph_.kind(target) != NodeKind::kDict) return wrong_target("SETITEM", target);
    return add_items(target, stack_.size() - 2);
  }

  Done memo_text(Opcode opcode) {
    const auto line = take_line(kMaxNumberText);
    if (!line) return Failure(line.error());
    std::uint64_t slot = 0;
    const char* end = line->data() + line->size();
    const auto parsed = std::from_chars(line->data(), end, slot);
    if (parsed.ec != std::errc{} || parsed.ptr != end) {
      return refuse("PK-NUMBER", io::quoted(*line), "a memo slot is a number");
    }
    return opcode == Opcode::kGet ? recall(slot) : remember(slot);
  }

  Done recall(std::uint64_t slot) {
    const NodeId node = memo_.get(slot);
    if (node == kNoNode) return refuse("PK-MEMO", "memo " + std::to_string(slot) + " is not set", "it must be set first");
    push(node);
    return {};
  }

  Done remember(std::uint64_t slot) {
    return top().map([&](NodeId node) { memo_.put(slot, node); });
  }

  Done global() {
    const std::size_t begin = next_;
    const auto module = take_line(kMaxGlobalName);
    if (!module) return bad_global(module.error());
    const auto name = take_line(kMaxGlobalName);
    if (!name) return bad_global(name.error());
    if (!is_global_name(*module) || !is_global_name(*name)) {
      return refuse("PK-GLOBAL-NAME", io::quoted(*module) + " " + io::quoted(*name), "a global is named in plain ASCII");
    }
    push(graph_.add_text(NodeKind::kGlobal, begin, module->size() + 1 + name->size()));
    return {};
  }

  Done bad_global(const Error&) const {
    return refuse("PK-GLOBAL-NAME", "a global without a name", "two lines of at most 512 bytes are required");
  }

  Done stack_global() {
    const auto name = pop();
    if (!name) return Failure(name.error());
    const auto module = pop();
    if (!module) return Failure(module.error());
    const bool strings = graph_.kind(*name) == NodeKind::kString && graph_.kind(*module) == NodeKind::kString;
    if (!strings) return refuse("PK-GLOBAL-NAME", "a global whose name is no string", "two strings are required");
    const std::string whole = std::string(graph_.text(*module)) + "\n" + std::string(graph_.text(*name));
    if (!is_global_name(graph_.text(*module)) || !is_global_name(graph_.text(*name))) {
      return refuse("PK-GLOBAL-NAME", io::quoted(whole), "a global is named in plain ASCII");
    }
    push(graph_.add_arena_text(NodeKind::kGlobal, whole));
    return {};
  }

  Done reduce() {
    const auto arguments = pop();
    if (!arguments) return Failure(arguments.error());
    const auto callee = pop();
    if (!callee) return Failure(callee.error());
    return push_result(objects_.reduce(*callee, *arguments));
  }

  Done build() {
    const auto state = pop();
    if (!state) return Failure(state.error());
    const auto object = top();
    if (!object) return Failure(object.error());
    return objects_.build(*object, *state);
  }

  Done persistent() {
    const auto id = pop();
    if (!id) return Failure(id.error());
    return push_result(objects_.persistent(*id));
  }

  std::string_view program_;
  const PickleSource& source_;
  const Limits& limits_;
  PickleGraph& graph_;
  PickleObjects objects_;
  std::size_t next_ = 0;
  std::size_t opcode_at_ = 0;
  std::size_t frame_end_ = 0;  // 0: outside a frame
  std::uint64_t opcodes_ = 0;
  std::uint64_t budget_ = 0;
  std::vector<NodeId> stack_;
  std::vector<std::uint32_t> marks_;  // heights of the stack
  Memo memo_;
};

}  // namespace

Result<PickleRun> run_pickle(std::string_view program, const PickleSource& source, PickleGraph& graph) {
  return Machine(program, source, graph).run();
}

}  // namespace tenon::formats
