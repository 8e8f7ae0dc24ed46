// The system calls that reading a file makes, so that tests can fail each one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>

#include <tenon/byte_source.h>

namespace tenon::io {

struct ReadCalls {
  int (*open)(const char* path, int flags);
  ssize_t (*pread)(int descriptor, void* bytes, std::size_t count, off_t offset);
  int (*fstat)(int descriptor, struct stat* status);
  void* (*mmap)(void* address, std::size_t length, int protection, int flags, int descriptor, off_t offset);
};
[[nodiscard]] const ReadCalls& system_read_calls();

/// tenon::open_file() over these calls, which must outlive the source.
[[nodiscard]] Result<std::shared_ptr<ByteSource>> open_file(const std::string& path, const ReadCalls& calls);

}  // namespace tenon::io
