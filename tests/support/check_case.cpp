#include "tests/support/check_case.h"

#include <algorithm>
#include <map>

namespace tenon::test {

CheckCase::CheckCase(const std::vector<Named>& file, const std::vector<Named>& wanted) {
  checkpoint.path = "model.safetensors";
  checkpoint.files.push_back({"model.safetensors", 0, Container::kSafetensors, nullptr});
  std::map<std::string, Named> sorted;
  for (const Named& named : file) sorted[named.name] = named;
  Part model_part;
  model_part.part = "model";
  model_part.family = "vit";
  model_part.variant = "custom";
  model_part.layout = "timm";
  model_part.buildable = true;
  for (const auto& [name, named] : sorted) {
    const auto index = static_cast<std::uint32_t>(checkpoint.tensors.size());
    TensorEntry entry;
    entry.name = name;
    entry.dtype = named.dtype;
    entry.shape = named.shape;
    entry.bytes = static_cast<std::uint64_t>(byte_size(named.dtype, named.shape).value_or(0));
    entry.storage = index;
    checkpoint.tensors.push_back(entry);
    model_part.tensors.push_back(index);
    if (name.starts_with("harmless.")) {
      mapped.ignored.push_back({index, "a test says so", true, name.substr(9)});
      continue;
    }
    Expr source;
    source.args = {0};
    mapped.tensors.push_back({name, {index}, source, {named.dtype, named.shape}, "timm#1"});
  }
  identity.status = IdentityStatus::kIdentified;
  identity.parts.push_back(model_part);
  for (const Named& named : wanted)
    model.tensors.push_back({named.name, {}, {named.dtype, named.shape}, false});
  request.head_prefixes = {"head"};
}

Decision CheckCase::decide() const {
  return tenon::decide(checkpoint, identity, identity.parts[0], model, mapped, policy, request);
}

std::vector<Named> small_vit() {
  return {{"cls_token", {1, 1, 32}},
          {"pos_embed", {1, 17, 32}},
          {"patch_embed.proj.weight", {32, 3, 4, 4}},
          {"patch_embed.proj.bias", {32}},
          {"blocks.0.attn.qkv.weight", {96, 32}},
          {"blocks.0.attn.qkv.bias", {96}},
          {"blocks.1.attn.qkv.weight", {96, 32}},
          {"blocks.1.attn.qkv.bias", {96}},
          {"head.weight", {10, 32}},
          {"head.bias", {10}}};
}

std::vector<Named> with_shape(std::vector<Named> list, const std::string& name,
                              const Shape& shape) {
  for (Named& named : list) {
    if (named.name == name) named.shape = shape;
  }
  return list;
}

std::vector<Named> without(std::vector<Named> list, const std::string& name) {
  std::erase_if(list, [&](const Named& named) { return named.name == name; });
  return list;
}

std::vector<Named> with(std::vector<Named> list, const Named& more) {
  list.push_back(more);
  return list;
}

std::vector<Finding> with_id(const LoadReport& report, const std::string& id) {
  std::vector<Finding> found;
  std::copy_if(report.findings.begin(), report.findings.end(), std::back_inserter(found),
               [&](const Finding& finding) { return finding.id == id; });
  return found;
}

}  // namespace tenon::test
