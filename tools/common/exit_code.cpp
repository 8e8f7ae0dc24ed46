#include "tools/common/exit_code.h"

namespace tenon::tools {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kNotFound:
    case ErrorKind::kPermission:
    case ErrorKind::kIo:
    case ErrorKind::kNotAFile:
    case ErrorKind::kMalformed:
    case ErrorKind::kLimit:
    case ErrorKind::kUnsupported:
    case ErrorKind::kUnsafe:
    case ErrorKind::kChanged:
      return kUnreadable;
    case ErrorKind::kIntegrity:
      return kIntegrityCode;
    case ErrorKind::kIdentity:
      return kUnidentified;
    case ErrorKind::kRefused:
      return kRefusedCode;
    case ErrorKind::kUsage:
      return kUsageCode;
    case ErrorKind::kDevice:
    case ErrorKind::kOutOfMemory:
      return kDeviceCode;
    case ErrorKind::kCancelled:
      return kInterrupted;
  }
  return kUnreadable;
}

}  // namespace tenon::tools
