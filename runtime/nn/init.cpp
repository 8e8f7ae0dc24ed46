#include <tenon/nn/init.h>

#include <cmath>

#include <ATen/CPUGeneratorImpl.h>

namespace tenon::nn {
namespace {

/// FNV-1a: the same on every machine, unlike std::hash.
std::uint64_t hash(std::string_view text) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return h;
}

}  // namespace

Init Init::fan_in(std::int64_t inputs) {
  return uniform(inputs > 0 ? 1.0 / std::sqrt(static_cast<double>(inputs)) : 0.0);
}

void fill(at::Tensor& out, const Init& init, std::uint64_t seed, std::string_view name) {
  switch (init.kind) {
    case Init::Kind::kZeros:
      out.zero_();
      return;
    case Init::Kind::kOnes:
      out.fill_(1);
      return;
    case Init::Kind::kConstant:
      out.fill_(init.scale);
      return;
    case Init::Kind::kUniform:
      out.uniform_(-init.scale, init.scale, at::make_generator<at::CPUGeneratorImpl>(seed ^ hash(name)));
      return;
    case Init::Kind::kNormal:
      out.normal_(0, init.scale, at::make_generator<at::CPUGeneratorImpl>(seed ^ hash(name)));
      return;
  }
}

}  // namespace tenon::nn
