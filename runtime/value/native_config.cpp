#include <tenon/native_config.h>

#include <string>

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include "runtime/io/text.h"

namespace tenon {
namespace {

constexpr int kDepth = 64;

Failure bad_syntax(const ConfigText& config, const std::string& place, const std::string& what) {
  return fail(ErrorKind::kUsage,
              "TN-CONFIG-SYNTAX",
              io::escape(config.path, 256) + place + ": " + io::escape(what, 128) + "; a config is a JSON or YAML map [TN-CONFIG-SYNTAX]",
              "Correct the config file, or leave it out and pass single values with --set.");
}

std::string joined(const std::string& prefix, const std::string& key) {
  return prefix.empty() ? key : prefix + "." + key;
}

// The two readers below differ in their node types only; both refuse to descend below kDepth.

Value scalar(const nlohmann::json& node) {
  if (node.is_boolean()) return node.get<bool>();
  if (node.is_number_integer()) return node.get<std::int64_t>();
  if (node.is_number()) return node.get<double>();
  if (node.is_string()) return node.get<std::string>();
  return nullptr;
}

bool flatten(const nlohmann::json& node, const std::string& key, int depth, Config& out) {
  if (depth > kDepth) return false;
  if (node.is_object()) {
    for (const auto& [name, child] : node.items()) {
      if (!flatten(child, joined(key, name), depth + 1, out)) return false;
    }
    return true;
  }
  if (!node.is_array()) {
    out.set(key, scalar(node));
    return true;
  }
  Value::List list;
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (node[i].is_object() && !flatten(node[i], joined(key, std::to_string(i)), depth + 1, out)) return false;
    if (node[i].is_array()) {
      Value::List inner;
      for (const auto& item : node[i]) inner.push_back(scalar(item));
      list.emplace_back(std::move(inner));
    } else {
      list.push_back(scalar(node[i]));
    }
  }
  out.set(key, std::move(list));
  return true;
}

Value scalar(const YAML::Node& node) {
  if (!node.IsScalar()) return nullptr;
  if (node.Tag() == "!") return node.Scalar();  // quoted
  if (node.Scalar() == "~") return nullptr;
  return parse_value(node.Scalar());
}

bool flatten(const YAML::Node& node, const std::string& key, int depth, Config& out) {
  if (depth > kDepth) return false;
  if (node.IsMap()) {
    for (const auto& item : node) {
      if (!flatten(item.second, joined(key, item.first.Scalar()), depth + 1, out)) return false;
    }
    return true;
  }
  if (!node.IsSequence()) {
    out.set(key, scalar(node));
    return true;
  }
  Value::List list;
  for (std::size_t i = 0; i < node.size(); ++i) {
    if (node[i].IsMap() && !flatten(node[i], joined(key, std::to_string(i)), depth + 1, out)) return false;
    list.push_back(scalar(node[i]));
  }
  out.set(key, std::move(list));
  return true;
}

Result<Config> from_json(const ConfigText& config) {
  Config out;
  try {
    const auto root = nlohmann::json::parse(config.text);
    if (!flatten(root, "", 0, out)) return bad_syntax(config, "", "more than 64 levels");
  } catch (const nlohmann::json::exception& error) {
    return bad_syntax(config, "", error.what());
  }
  return out;
}

Result<Config> from_yaml(const ConfigText& config) {
  Config out;
  try {
    const YAML::Node root = YAML::Load(config.text);
    if (!root.IsMap()) return bad_syntax(config, "", "not a map");
    if (!flatten(root, "", 0, out)) return bad_syntax(config, "", "more than 64 levels");
  } catch (const YAML::Exception& error) {
    const std::string place =
        error.mark.is_null() ? "" : ":" + std::to_string(error.mark.line + 1) + ":" + std::to_string(error.mark.column + 1);
    return bad_syntax(config, place, error.msg);
  }
  return out;
}

}  // namespace

Result<Config> flatten_native_config(const ConfigText& config) {
  const std::size_t first = config.text.find_first_not_of(" \t\r\n");
  return first != std::string::npos && config.text[first] == '{' ? from_json(config) : from_yaml(config);
}

}  // namespace tenon
