#include "runtime/report/json_values.h"

#include <map>
#include <tenon/version.h>

#include "runtime/io/text.h"

namespace tenon::report {
namespace {

/// Bytes that are no UTF-8 as `\xNN`; a backslash is doubled, so that two names never look the
/// same.
std::string escape_invalid(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = io::utf8_sequence(text.substr(i));
    if (length == 0) {
      const unsigned byte = static_cast<unsigned char>(text[i]);
      out += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15u]};
      ++i;
      continue;
    }
    if (text[i] == '\\') out += '\\';
    out += text.substr(i, length);
    i += length;
  }
  return out;
}

Json json_finding(const Finding& finding) {
  Json json;
  json["id"] = json_text(finding.id);
  json["kind"] = to_string(finding.kind);
  json["severity"] = to_string(finding.severity);
  json["target"] = json_text_or_null(finding.target);
  json["source"] = json_text_or_null(finding.source);
  json["expected"] = finding.expected ? json_type(*finding.expected) : Json();
  json["found"] = finding.found ? json_type(*finding.found) : Json();
  json["rule"] = json_text_or_null(finding.rule);
  json["action"] = to_string(finding.action);
  json["message"] = json_text(finding.message);
  json["remedy"] = json_text(finding.remedy);
  if (!finding.did_you_mean.empty()) json["did_you_mean"] = json_text(finding.did_you_mean);
  return json;
}

}  // namespace

Json json_text(std::string_view text) {
  return io::find_invalid_utf8(text) ? Json(escape_invalid(text)) : Json(text);
}

Json json_text_or_null(std::string_view text) { return text.empty() ? Json() : json_text(text); }

Json json_value(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value.data)) return *flag;
  if (const auto* integer = std::get_if<std::int64_t>(&value.data)) return *integer;
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  if (const std::string* text = value.as_string()) return json_text(*text);
  if (const Value::List* list = value.as_list()) {
    Json json = Json::array();
    for (const Value& item : *list) json.push_back(json_value(item));
    return json;
  }
  return nullptr;
}

Json json_config(const Config& config) {
  Json json = Json::object();
  for (const Config::Item& item : config.items()) {
    json[json_text(item.key).get<std::string>()] = json_value(item.value);
  }
  return json;
}

Json json_type(const TensorType& type) {
  return {{"dtype", dtype_name(type.dtype)}, {"shape", type.shape}};
}

Json json_findings(const std::vector<Finding>& findings) {
  Json json = Json::array();
  for (const Finding& finding : findings) json.push_back(json_finding(finding));
  return json;
}

Json json_diagnosis(const std::vector<Diagnosis>& diagnosis) {
  Json json = Json::array();
  for (const Diagnosis& entry : diagnosis) {
    json.push_back({{"id", json_text(entry.id)},
                    {"cause", json_text(entry.cause)},
                    {"remedy", json_text(entry.remedy)},
                    {"explains", entry.explains.size()}});
  }
  return json;
}

Json json_checkpoint(std::string_view path, const Checkpoint* checkpoint) {
  if (checkpoint == nullptr) return {{"path", json_text(path)}};
  Json files = Json::array();
  for (const CheckpointFile& file : checkpoint->files) {
    files.push_back({{"path", json_text(file.path)}, {"bytes", file.bytes}});
  }
  std::map<std::string, std::uint64_t> counted;
  for (const TensorEntry& tensor : checkpoint->tensors)
    ++counted[std::string(listed_dtype(tensor))];
  Json dtypes = Json::object();
  for (const auto& [name, count] : counted) dtypes[json_text(name).get<std::string>()] = count;
  return {
      {"path", json_text(checkpoint->path)}, {"container", container_name(checkpoint->container)},
      {"files", std::move(files)},           {"tensors", checkpoint->tensors.size()},
      {"bytes", checkpoint->total_bytes()},  {"dtypes", std::move(dtypes)}};
}

Json json_head(std::string_view verb, const Error* error) {
  Json json;
  json["schema"] = "tenon." + std::string(verb) + "/1";
  json["tenon"] = kVersion;
  json["error"] = nullptr;
  if (error != nullptr) {
    json["error"] = {{"code", json_text(error->code)},
                     {"message", json_text(error->message)},
                     {"remedy", json_text(error->remedy)}};
  }
  return json;
}

std::string_view listed_dtype(const TensorEntry& tensor) {
  return tensor.foreign_type.empty() ? dtype_name(tensor.dtype)
                                     : std::string_view(tensor.foreign_type);
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace tenon::report
