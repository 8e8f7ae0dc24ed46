// A parsed YAML document as bytes: what the build embeds, so that no program parses YAML to start.
#pragma once

#include <string>
#include <string_view>

#include "runtime/mapping/yaml_node.h"

namespace tenon {

/// Kinds, places, words, in the order of the document. unpack_yaml gives the equal tree back.
[[nodiscard]] std::string pack_yaml(const YamlNode& root);

/// Whether `bytes` begin as pack_yaml's do; no YAML text does.
[[nodiscard]] bool is_packed_yaml(std::string_view bytes);
[[nodiscard]] tl::expected<YamlNode, YamlError> unpack_yaml(std::string_view bytes);

}  // namespace tenon
