#include <tenon/config_error.h>

namespace tenon {

Failure impossible_value(std::string_view family,
                         const std::string& key,
                         const std::string& found,
                         const std::string& required) {
  return fail(ErrorKind::kUsage,
              "TN-CONFIG-VALUE",
              std::string(family) + ": config value " + key + " is " + found + "; " + required + " [TN-CONFIG-VALUE]",
              "Set it with --set " + key + "=VALUE, or leave it to the checkpoint's shapes.");
}

}  // namespace tenon
