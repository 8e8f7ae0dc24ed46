// Public values as JSON, shared by the documents.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <tenon/checkpoint.h>
#include <tenon/error.h>
#include <tenon/report.h>
#include <tenon/value.h>
#include <vector>

namespace tenon::report {

using Json = nlohmann::ordered_json;

/// Text as it is, or escaped (`\xNN`, and `\\`) where it is not UTF-8.
[[nodiscard]] Json json_text(std::string_view text);
/// json_text, or null for the empty text.
[[nodiscard]] Json json_text_or_null(std::string_view text);
[[nodiscard]] Json json_value(const Value& value);
[[nodiscard]] Json json_config(const Config& config);
[[nodiscard]] Json json_type(const TensorType& type);
[[nodiscard]] Json json_findings(const std::vector<Finding>& findings);
[[nodiscard]] Json json_diagnosis(const std::vector<Diagnosis>& diagnosis);
/// The part of a checkpoint that `inspect` and `ls` share; `checkpoint` may be null.
[[nodiscard]] Json json_checkpoint(std::string_view path, const Checkpoint* checkpoint);
/// The name of a listed tensor's dtype, GGML's own where the container is GGUF.
[[nodiscard]] std::string_view listed_dtype(const TensorEntry& tensor);
/// {"schema", "tenon", "error"}, with which every document begins.
[[nodiscard]] Json json_head(std::string_view verb, const Error* error);
/// One line. Never throws: all text went through json_text.
[[nodiscard]] std::string dump(const Json& json);

}  // namespace tenon::report
