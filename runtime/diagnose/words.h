// What causes and remedies are worded with.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/diagnose/rule.h"

namespace tenon {

/// Indices of the refusing findings for which `holds` is true.
[[nodiscard]] std::vector<std::size_t> refusing(const Case& subject,
                                                const std::function<bool(const Finding&)>& holds);
[[nodiscard]] bool has_id(const Finding& finding, std::string_view id);
/// Missing, unexpected, another shape or kind: about one tensor.
[[nodiscard]] bool is_about_a_tensor(const Finding& finding);

/// "clip/vit-b-32 (openai names, under \"state_dict.module.\")"; "nothing that tenon knows" for an
/// unknown part.
[[nodiscard]] std::string what_it_is(const Part& part);
/// The same for a checkpoint of several parts.
[[nodiscard]] std::string what_it_is(const Identity& identity);
/// "unet/sd1".
[[nodiscard]] std::string family_and_variant(std::string_view family, std::string_view variant);

/// `tenon VERB CKPT[::part] REST` that works in a POSIX shell.
[[nodiscard]] std::string command(const Case& subject, std::string_view verb,
                                  std::string_view rest = {});
[[nodiscard]] std::string shell_quoted(std::string_view text);

/// Untrusted text for a line of a report.
[[nodiscard]] std::string shown_name(std::string_view name);
/// The beginning of a sentence that is made for a report already.
[[nodiscard]] std::string cut(std::string_view sentence, std::size_t limit);
/// The first few names, folded by nothing: `"a", "b" and 3 more`.
[[nodiscard]] std::string some_names(const std::vector<std::string>& names);
/// "1 tensor", "12 tensors".
[[nodiscard]] std::string tensors(std::size_t count);

}  // namespace tenon
