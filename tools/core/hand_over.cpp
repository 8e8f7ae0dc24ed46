#include "tools/core/hand_over.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "runtime/io/text.h"

namespace tenon::tools {

Error hand_over(char** argv) {
  std::error_code failed;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
  const std::filesystem::path program = self.parent_path().parent_path() / "libexec" / "tenon" / "tenon-torch";
  if (!failed) execv(program.c_str(), argv);
  return {ErrorKind::kUnsupported, "TN-PROGRAM",
          fmt::format("{}: {}; this verb needs the program that is linked to LibTorch [TN-PROGRAM]",
                      io::escape(program.string(), 200), failed ? failed.message() : std::strerror(errno)),
          "build and install tenon with TENON_WITH_TORCH=ON", nullptr};
}

}  // namespace tenon::tools
