#include "runtime/report/json.h"

#include "runtime/report/json_values.h"

namespace tenon::report {
namespace {

Json evidence(const std::vector<Evidence>& list, const char* candidate_key, const char* text_key) {
  Json json = Json::array();
  for (const Evidence& entry : list) {
    json.push_back(
        {{candidate_key, json_text(entry.candidate)}, {text_key, json_text(entry.text)}});
  }
  return json;
}

Json undecidable(const std::vector<Undecidable>& list) {
  Json json = Json::array();
  for (const Undecidable& entry : list) {
    Json choices = Json::array();
    for (const Value& choice : entry.choices) choices.push_back(json_value(choice));
    json.push_back({{"what", json_text(entry.what)},
                    {"choices", std::move(choices)},
                    {"set_with", json_text(entry.set_with)},
                    {"needed_by_forward", entry.needed_by_forward}});
  }
  return json;
}

Json texts(const std::vector<std::string>& list) {
  Json json = Json::array();
  for (const std::string& text : list) json.push_back(json_text(text));
  return json;
}

Json json_part(const Part& part) {
  Json json;
  json["part"] = json_text(part.part);
  json["prefix"] = json_text(part.prefix);
  if (part.prefixes.size() > 1) json["prefixes"] = texts(part.prefixes);
  json["family"] = json_text_or_null(part.family);
  json["variant"] = json_text_or_null(part.variant);
  json["layout"] = json_text_or_null(part.layout);
  json["buildable"] = part.buildable;
  json["tensors"] = part.tensors.size();
  json["parameters"] = part.parameters;
  json["config"] = json_config(part.config);
  if (!part.also.empty()) json["also"] = texts(part.also);
  if (!part.base.empty()) json["base"] = json_text(part.base);
  json["evidence"] = evidence(part.evidence, "for", "text");
  json["refused"] = evidence(part.refused, "candidate", "because");
  json["undecidable"] = undecidable(part.undecidable);
  if (!part.nearest.empty()) json["nearest"] = json_text(part.nearest);
  if (!part.declined.empty()) json["declined"] = json_text(part.declined);
  return json;
}

std::string_view status_name(IdentityStatus status) {
  switch (status) {
    case IdentityStatus::kIdentified:
      return "identified";
    case IdentityStatus::kAmbiguous:
      return "ambiguous";
    case IdentityStatus::kUnknown:
      return "unknown";
  }
  return "unknown";
}

std::vector<Finding> all_findings(const Identity& identity) {
  std::vector<Finding> findings = identity.findings;
  for (const Part& part : identity.parts) {
    findings.insert(findings.end(), part.findings.begin(), part.findings.end());
  }
  return findings;
}

Json json_tensor(const Checkpoint& checkpoint, const TensorEntry& tensor) {
  Json json;
  json["name"] = json_text(tensor.name);
  json["dtype"] = json_text(listed_dtype(tensor));
  json["shape"] = tensor.shape;
  json["bytes"] = tensor.bytes;
  json["file"] = json_text(checkpoint.files.at(tensor.file).path);
  json["offset"] = tensor.strides.empty() ? Json(tensor.offset) : Json();
  return json;
}

Json json_counts(const Counts& counts) {
  return {{"expected", counts.expected},     {"found", counts.found},
          {"matched", counts.matched},       {"missing", counts.missing},
          {"unexpected", counts.unexpected}, {"mismatched", counts.mismatched},
          {"derived", counts.derived},       {"ignored", counts.ignored},
          {"waived", counts.waived}};
}

Json json_provenance(const std::vector<Provenance>& tensors) {
  Json json = Json::array();
  for (const Provenance& tensor : tensors) {
    Json entry;
    entry["target"] = json_text(tensor.target);
    entry["from"] = texts(tensor.from);
    entry["ops"] = texts(tensor.ops);
    entry["origin"] = to_string(tensor.origin);
    entry["dtype"] = dtype_name(tensor.type.dtype);
    entry["shape"] = tensor.type.shape;
    entry["rule"] = json_text_or_null(tensor.rule);
    json.push_back(std::move(entry));
  }
  return json;
}

void append_load(Json& json, const LoadReport& report) {
  if (report.timings) {
    const Timings& t = *report.timings;
    json["timings"] = {{"open_s", t.open_s}, {"plan_s", t.plan_s},   {"read_s", t.read_s},
                       {"bind_s", t.bind_s}, {"total_s", t.total_s}, {"audit_s", t.audit_s}};
  }
  if (report.bytes_read) json["bytes_read"] = *report.bytes_read;
  if (report.audit) {
    const Audit& a = *report.audit;
    json["audit"] = {{"tensors", a.tensors},
                     {"without_origin", a.without_origin},
                     {"nan", a.nan},
                     {"inf", a.inf},
                     {"all_zero", a.all_zero}};
  }
}

void append_report(Json& json, const LoadReport& report) {
  json["verdict"] = to_string(report.verdict);
  json["policy"] = json_text(report.policy);
  json["part"] = json_text_or_null(report.part);
  json["identity"] = {{"family", json_text_or_null(report.family)},
                      {"variant", json_text_or_null(report.variant)},
                      {"layout", json_text_or_null(report.layout)},
                      {"config", json_config(report.config)}};
  json["loadable"] = report.loadable;
  json["counts"] = json_counts(report.counts);
  json["findings"] = json_findings(report.findings);
  json["diagnosis"] = json_diagnosis(report.diagnosis);
  json["tensors"] = json_provenance(report.tensors);
  json["memory"] = {{"host_peak_bytes", report.memory.host_peak_bytes},
                    {"device_bytes", report.memory.device_bytes}};
  append_load(json, report);
}

bool is_verdict(const Error& error) {
  return error.report != nullptr &&
         (error.kind == ErrorKind::kRefused || error.kind == ErrorKind::kIdentity);
}

const Error* printed(const std::optional<Error>& error) { return error ? &*error : nullptr; }

}  // namespace

std::string to_json(const Inspection& inspection) {
  Json json = json_head("inspect", printed(inspection.error));
  json["checkpoint"] = json_checkpoint(inspection.path, inspection.checkpoint.get());
  json["status"] = inspection.identity ? Json(status_name(inspection.identity->status)) : Json();
  json["parts"] = Json::array();
  if (inspection.identity) {
    for (const Part& part : inspection.identity->parts) json["parts"].push_back(json_part(part));
  }
  json["findings"] = json_findings(inspection.identity ? all_findings(*inspection.identity)
                                                       : std::vector<Finding>{});
  json["diagnosis"] = json_diagnosis(inspection.diagnosis);
  return dump(json);
}

std::string to_json(const Listing& listing) {
  Json json = json_head("ls", printed(listing.error));
  json["checkpoint"] = json_checkpoint(listing.path, listing.checkpoint.get());
  json["tensors"] = Json::array();
  json["objects"] = Json::array();
  if (listing.checkpoint) {
    const Checkpoint& checkpoint = *listing.checkpoint;
    for (const std::uint32_t index : listing.tensors) {
      json["tensors"].push_back(json_tensor(checkpoint, checkpoint.tensors.at(index)));
    }
    for (const InertObject& object : checkpoint.objects) {
      json["objects"].push_back(
          {{"path", json_text(object.path)}, {"kind", json_text(object.kind)}});
    }
  }
  return dump(json);
}

std::string to_json(std::string_view verb, const Outcome& outcome) {
  const bool verdict = outcome.error && is_verdict(*outcome.error);
  const LoadReport* report = outcome.report ? &*outcome.report : nullptr;
  if (report == nullptr && verdict) report = outcome.error->report.get();
  Json json = json_head(verb, verdict ? nullptr : printed(outcome.error));
  json["checkpoint"] = {{"path", json_text(outcome.path)}};
  if (report != nullptr) {
    append_report(json, *report);
    const Part part = outcome.part.value_or(Part{});
    json["evidence"] = evidence(part.evidence, "for", "text");
    json["refused"] = evidence(part.refused, "candidate", "because");
  } else {
    json["findings"] = Json::array();
    json["diagnosis"] = Json::array();
  }
  return dump(json);
}

std::string to_json(const Comparison& comparison) {
  Json json = json_head("diff", printed(comparison.error));
  json["a"] = json_text(comparison.path_a);
  json["b"] = json_text(comparison.path_b);
  json["identical"] = comparison.error ? Json() : Json(comparison.identical());
  json["names"] = comparison.by_file_names ? "file" : "model";
  json["matched"] = comparison.matched;
  json["only_in_a"] = texts(comparison.only_in_a);
  json["only_in_b"] = texts(comparison.only_in_b);
  json["different"] = Json::array();
  for (const Comparison::Difference& difference : comparison.different) {
    json["different"].push_back(
        {{"tensor", json_text(difference.tensor)},
         {"what", difference.what},
         {"a", json_text(difference.a)},
         {"b", json_text(difference.b)},
         {"max_abs", difference.max_abs ? Json(*difference.max_abs) : Json()}});
  }
  return dump(json);
}

std::string to_json(std::string_view verb, const Error& error) {
  return dump(json_head(verb, &error));
}

std::string json_array(const std::vector<std::string>& documents) {
  std::string out = "[";
  for (std::size_t i = 0; i < documents.size(); ++i) {
    if (i != 0) out += ",\n";
    out += documents[i];
  }
  return out + "]";
}

}  // namespace tenon::report
