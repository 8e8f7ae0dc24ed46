#include "tools/common/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace tenon::tools {
namespace {

std::string write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return std::strerror(errno);
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

void keep_standard_streams() {
  for (int descriptor = 0; descriptor <= 2; ++descriptor) {
    if (fcntl(descriptor, F_GETFD) == -1) static_cast<void>(::open("/dev/null", O_RDONLY));
  }
  // A reader that goes away (`| head`) shows as a failed write, like every other reason.
  std::signal(SIGPIPE, SIG_IGN);
}

std::string write_standard_output(std::string_view text) { return write_all(STDOUT_FILENO, text); }

void write_standard_error(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, text));
}

bool standard_output_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool standard_error_is_terminal() { return isatty(STDERR_FILENO) == 1; }

}  // namespace tenon::tools
