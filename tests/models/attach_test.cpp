// An IP-Adapter joins a UNet only where it fits every attention.
#include <memory>
#include <string>

#include <gmock/gmock.h>

#include <tenon/load.h>
#include <tenon/models/ip_adapter/attach.h>
#include <tenon/models/ip_adapter/ip_adapter.h>
#include <tenon/models/unet/attention.h>
#include <tenon/models/unet/unet.h>

#include "tests/support/torch/golden.h"

namespace tenon::models {
namespace {

std::shared_ptr<Unet> small_unet() {
  const test::Golden golden("ip_adapter", "attached-base");
  LoadOptions options;
  options.set = golden.set();
  return load<Unet>((test::golden_folder("ip_adapter", "attached-base") / "checkpoint.safetensors").string(), options).value().model;
}

/// One pair of projections for each cross-attention.
IpAdapterConfig fitting(const Unet& unet) {
  IpAdapterConfig config;
  const auto attentions = unet.attentions();
  for (std::size_t number = 1; number < attentions.size(); number += 2) {
    config.attentions.push_back(static_cast<std::int64_t>(number));
    config.widths.push_back(attentions[number].attention->width());
    config.cross_attention_dim = attentions[number].attention->context_width();
  }
  return config;
}

void expect_refused(Unet& unet, const IpAdapterConfig& config, const std::string& words) {
  const auto attached = attach(std::make_shared<IpAdapter>(config), unet);
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, "TN-PAIR-ATTACH");
  EXPECT_EQ(attached.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(attached.error().message, testing::HasSubstr(words));
  EXPECT_FALSE(unet.has_adapter());
}

TEST(Attach, RefusesAnAdapterForOtherAttentionsAndLeavesTheUnetAsItWas) {
  const auto unet = small_unet();
  auto wide = fitting(*unet);
  wide.widths.at(2) += 8;
  expect_refused(*unet, wide, "ip_adapter.5.to_k_ip.weight is [16, 12]");
  auto few = fitting(*unet);
  few.attentions.pop_back();
  few.widths.pop_back();
  expect_refused(*unet, few, "it has 15 cross-attentions");
  EXPECT_TRUE(attach(std::make_shared<IpAdapter>(fitting(*unet)), *unet));
  EXPECT_TRUE(unet->has_adapter());
}

}  // namespace
}  // namespace tenon::models
