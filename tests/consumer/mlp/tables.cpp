#include <string_view>

#include <tenon/family.h>

namespace tenon::embedded {
std::string_view mlp_yaml();
}

namespace consumer {
namespace {

tenon::Derivation derive(const tenon::DeriveInput& input) {
  tenon::Derivation derived;
  for (const auto& [key, value] : input.reads) derived.config.set(key, value, tenon::ConfigOrigin::kShapes);
  return derived;
}

}  // namespace

const tenon::FamilyTables& mlp_tables() {
  static const tenon::FamilyTables tables{
      .name = "mlp", .yaml = tenon::embedded::mlp_yaml(), .derive = derive};
  return tables;
}

}  // namespace consumer
