// `--as FAMILY/VARIANT` of a file that is another variant, under a policy that bends.
#pragma once

#include <tenon/load.h>

namespace tenon::loading {

/// True where nothing but the variant stands against the plan's request and the policy is not strict.
[[nodiscard]] bool is_another_variant(const Planned& planned, const LoadOptions& options);

/// The same request with the variant's own config values in place of its name: what it has no place for is then dropped, what
/// the file lacks is missing, and the policy decides about both.
[[nodiscard]] LoadOptions ask_for_its_values(const LoadOptions& options, const std::string& family, const Tables& tables);

/// Says in the report of an accepted plan that the file was another variant.
void say_what_it_was(Planned& planned, const std::string& was);

}  // namespace tenon::loading
