#include "runtime/mapping/yaml_node.h"

#include <algorithm>
#include <istream>
#include <streambuf>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "runtime/mapping/packed_yaml.h"

namespace tenon {
namespace {

YamlMark mark_of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

YamlNode make_node(const YAML::Mark& mark, YamlNode::Kind kind) {
  YamlNode node;
  node.kind = kind;
  node.mark = mark_of(mark);
  return node;
}

// Thrown out of yaml-cpp's callbacks, which have no other way to stop; caught in parse_yaml.
struct Stop {
  YamlError error;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    refuse_anchor(mark, anchor);
    put(make_node(mark, YamlNode::Kind::kNull));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Stop{{mark_of(mark), "aliases are not used here"}};
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    refuse_anchor(mark, anchor);
    if (tag != "!" && tag != "?" && !tag.empty()) throw Stop{{mark_of(mark), "tags are not used here"}};
    YamlNode node = make_node(mark, YamlNode::Kind::kScalar);
    node.text = text;
    node.quoted = tag == "!";
    put(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlNode::Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, anchor, YamlNode::Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  YamlNode take() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    std::string key;
    YamlMark key_mark;
    bool has_key = false;
  };

  static void refuse_anchor(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) throw Stop{{mark_of(mark), "anchors are not used here"}};
  }

  void open(const YAML::Mark& mark, YAML::anchor_t anchor, YamlNode::Kind kind) {
    refuse_anchor(mark, anchor);
    stack_.push_back(Frame{make_node(mark, kind), {}, {}, false});
  }

  void close() {
    YamlNode node = std::move(stack_.back().node);
    stack_.pop_back();
    put(std::move(node));
  }

  void put(YamlNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = stack_.back();
    if (frame.node.kind == YamlNode::Kind::kSequence) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.has_key) {
      take_key(frame, std::move(node));
    } else {
      frame.node.entries.push_back({std::move(frame.key), frame.key_mark, std::move(node)});
      frame.has_key = false;
    }
  }

  static void take_key(Frame& frame, YamlNode node) {
    if (node.kind == YamlNode::Kind::kSequence || node.kind == YamlNode::Kind::kMap) {
      throw Stop{{node.mark, "a key must be a word"}};
    }
    if (frame.node.find(node.text) != nullptr) {
      throw Stop{{node.mark, "the key \"" + node.text + "\" stands here twice"}};
    }
    frame.key = std::move(node.text);
    frame.key_mark = node.mark;
    frame.has_key = true;
  }

  std::vector<Frame> stack_;
  YamlNode root_;
};

// A stream over memory that is not copied.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // streambuf asks for char*, and a get area is only read
    setg(begin, begin, begin + text.size());
  }
};

/// The library's words for a tab in the indentation say nothing of it ("illegal block entry").
YamlError syntax_error(std::string_view text, const YAML::Exception& error) {
  const YamlMark mark = mark_of(error.mark);
  for (int line = 1; line < mark.line; ++line) text.remove_prefix(std::min(text.size(), text.find('\n') + 1));
  const std::size_t tab = text.find_first_not_of(' ');
  if (mark.line < 1 || tab == std::string_view::npos || text[tab] != '\t') return {mark, error.msg};
  return {{mark.line, static_cast<int>(tab) + 1}, "a tab in the indentation; YAML indents with spaces only"};
}

}  // namespace

const YamlNode* YamlNode::find(std::string_view key) const {
  for (const YamlEntry& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

tl::expected<YamlNode, YamlError> parse_yaml(std::string_view text) {
  if (is_packed_yaml(text)) return unpack_yaml(text);
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    TreeBuilder builder;
    parser.HandleNextDocument(builder);
    TreeBuilder second;
    if (parser.HandleNextDocument(second)) {
      return tl::unexpected(YamlError{{1, 1}, "there is more than one document"});
    }
    return builder.take();
  } catch (const Stop& stop) {
    return tl::unexpected(stop.error);
  } catch (const YAML::Exception& error) {
    return tl::unexpected(syntax_error(text, error));
  }
}

}  // namespace tenon
