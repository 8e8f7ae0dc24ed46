#include "tools/core/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "runtime/io/text.h"
#include "runtime/report/json_values.h"
#include "tools/common/did_you_mean.h"
#include "tools/core/pages.h"
#include "tools/core/tensor_way.h"

namespace tenon::tools {
namespace {

using report::Json;

std::string shown(const NamedType& tensor) {
  return fmt::format("{}  {} {}", io::escape(tensor.name, 300), dtype_name(tensor.type.dtype), to_string(tensor.type.shape));
}

std::string text_of(const TensorWay& way, const Explanation& explanation) {
  std::string text;
  if (way.target.empty()) return fmt::format("{}\n  {}\n", shown(way.from.front()), io::escape(way.reason, 400));
  text += fmt::format("{}\n  in the model {}, own names\n", shown({way.target, way.type}), explanation.family);
  text += fmt::format("from layout {}, row {}\n", explanation.layout, way.rule);
  for (const NamedType& source : way.from) text += "  " + shown(source) + '\n';
  text += fmt::format("  by {}\n", fmt::join(way.ops, ", "));
  for (const Spelling& spelling : way.layouts) {
    text += fmt::format("written as {}\n", spelling.layout);
    for (std::size_t i = 0; i < spelling.tensors.size(); ++i) {
      text += fmt::format("  {}  by {}\n", shown(spelling.tensors[i]), fmt::join(spelling.ops[i], ", "));
    }
  }
  return text;
}

Json json_named(const NamedType& tensor) {
  Json json = report::json_type(tensor.type);
  json["name"] = report::json_text(tensor.name);
  return json;
}

Json json_way(const TensorWay& way) {
  Json json;
  json["target"] = report::json_text_or_null(way.target);
  json["from"] = Json::array();
  for (const NamedType& source : way.from) json["from"].push_back(json_named(source));
  json["ops"] = way.ops;
  json["rule"] = report::json_text_or_null(way.rule);
  json["reason"] = report::json_text_or_null(way.reason);
  json["layouts"] = Json::object();
  for (const Spelling& spelling : way.layouts) {
    Json tensors = Json::array();
    for (std::size_t i = 0; i < spelling.tensors.size(); ++i) {
      tensors.push_back(json_named(spelling.tensors[i]));
      tensors.back()["ops"] = spelling.ops[i];
    }
    json["layouts"][spelling.layout] = std::move(tensors);
  }
  return json;
}

Answer answer_with(const Options& options, Json json, std::string text) {
  Answer answer;
  if (options.json) {
    Json document = report::json_head("explain", nullptr);
    document["subject"] = report::json_text(options.subject);
    document.update(json);
    answer.output = report::dump(document) + '\n';
  } else if (!options.quiet) {
    answer.output = std::move(text);
  }
  return answer;
}

Answer explain_in_checkpoint(const Options& options) {
  const auto explanation = explain_tensor(options.subject, options.checkpoints.front());
  if (!explanation) return failure(options, explanation.error());
  Json json;
  json["family"] = report::json_text(explanation->family);
  json["layout"] = report::json_text(explanation->layout);
  json["tensors"] = Json::array();
  std::string text;
  for (const TensorWay& way : explanation->ways) {
    json["tensors"].push_back(json_way(way));
    if (!text.empty()) text += '\n';
    text += text_of(way, *explanation);
  }
  return answer_with(options, std::move(json), std::move(text));
}

Answer unknown_id(const Options& options, const std::vector<Page>& all) {
  std::vector<std::string> ids;
  for (const Page& page : all) ids.push_back(page.id);
  std::string typed = options.subject;
  std::transform(typed.begin(), typed.end(), typed.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  const std::string near = nearest(typed, ids);
  return failure(options, {ErrorKind::kUsage, "TN-USAGE",
                           fmt::format("no page {}{} [TN-USAGE]", io::quoted(options.subject),
                                       near.empty() ? "" : fmt::format("; did you mean {}?", near)),
                           "a tensor is explained in a checkpoint: tenon explain TENSOR CKPT", nullptr});
}

}  // namespace

Answer explain(const Options& options) {
  if (!options.checkpoints.empty()) return explain_in_checkpoint(options);
  const std::vector<Page> all = pages();
  const auto page = std::find_if(all.begin(), all.end(), [&](const Page& p) { return p.id == options.subject; });
  if (page == all.end()) return unknown_id(options, all);
  Json json;
  json["page"] = page->text;
  return answer_with(options, std::move(json), page->text);
}

}  // namespace tenon::tools
