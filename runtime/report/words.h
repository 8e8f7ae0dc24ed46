// Small pieces that all text reports are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <tenon/report.h>
#include <tenon/shape.h>

namespace tenon::report {

enum class Color { kRed, kYellow, kGreen, kCyan, kDim, kBold };

/// The text in a colour, where colours are on.
class Paint {
 public:
  explicit Paint(bool on) : on_(on) {}
  [[nodiscard]] std::string operator()(Color color, std::string_view text) const;
  [[nodiscard]] std::string operator()(Severity severity) const;
  [[nodiscard]] std::string operator()(Verdict verdict) const;

 private:
  bool on_;
};

/// Untrusted text, escaped whole; names and paths are limited when they are opened.
[[nodiscard]] std::string shown(std::string_view text);
/// A sentence whose names are escaped already; what could still harm a terminal is made visible.
[[nodiscard]] std::string sentence(std::string_view text);
/// "F32 [10, 192]".
[[nodiscard]] std::string shown(const TensorType& type);
/// "1 tensor", "12 tensors".
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);
/// "94.1 M", "812".
[[nodiscard]] std::string short_number(std::uint64_t number);
/// "1.3 GB", "812 bytes"; decimal units.
[[nodiscard]] std::string short_bytes(std::uint64_t bytes);
/// "vit/vit_base_patch16_224 (timm)"; "unknown" where there is no family.
[[nodiscard]] std::string model_name(std::string_view family, std::string_view variant,
                                     std::string_view layout);

/// "44 of 45 model tensors matched, 1 missing; 44 tensors of the file".
[[nodiscard]] std::string shown(const Counts& counts);
/// "model.safetensors: vit/custom (timm), policy strict".
[[nodiscard]] std::string subject_of(std::string_view path, const LoadReport& report);
/// "head.weight = classifier.weight [rename], F32 [10, 48], transformers#7": where a tensor came from.
[[nodiscard]] std::string shown(const Provenance& tensor);

}  // namespace tenon::report
