// Errors as values: what a file can cause is an `Error`, never an exception.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <tl/expected.hpp>

namespace [[gnu::visibility("default")]] tenon {

struct LoadReport;

/// What kind of thing went wrong, for programs. The command line's exit code follows from it.
enum class ErrorKind {
  kNotFound,
  kPermission,
  kIo,
  kNotAFile,
  kMalformed,
  kLimit,
  kUnsupported,
  kUnsafe,
  kChanged,      // the file changed while it was read
  kIntegrity,    // a hash differs
  kIdentity,     // unknown or ambiguous checkpoint
  kRefused,      // findings at or above the policy's fail level
  kUsage,        // what the caller asked for does not exist or does not fit
  kDevice,       // no such device, or the device failed
  kOutOfMemory,
  kCancelled,
};

/// One failure, in words.
struct Error {
  ErrorKind kind = ErrorKind::kMalformed;
  /// Stable id: a row of the hostile-input tables ("ST-HOLE", "ZP-CRC") or "TN-...".
  std::string code;
  /// One line, at most 512 bytes, untrusted text escaped:
  /// `<file>[: tensor "<name>"][: at byte <n>]: <found>; <required> [<code>]`.
  std::string message;
  /// What to do; where it is a command it works when pasted. May be empty.
  std::string remedy;
  /// The full report when the failure is a refusal (kRefused, kIdentity); else null.
  std::shared_ptr<const LoadReport> report;
};

std::ostream& operator<<(std::ostream& out, const Error& error);

template <class T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

[[nodiscard]] inline Failure fail(ErrorKind kind,
                                  std::string code,
                                  std::string message,
                                  std::string remedy = {}) {
  return Failure(Error{kind, std::move(code), std::move(message), std::move(remedy), nullptr});
}

}  // namespace tenon
