// A file that appears complete or not at all.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

#include <tenon/error.h>

namespace tenon::io {

/// The system calls that writing makes, so that tests can fail each one.
struct WriteCalls {
  ssize_t (*write)(int descriptor, const void* bytes, std::size_t count);
  int (*fsync)(int descriptor);
  int (*close)(int descriptor);
  int (*rename)(const char* from, const char* to);
};
[[nodiscard]] const WriteCalls& system_write_calls();

/// Written under a temporary name in the target's folder (`.<name>.<process>-<n>.tenon-tmp`), synced and renamed by
/// commit(). Whatever happens before that, the destructor removes the temporary file and the target is as it was.
/// A target that is a symbolic link is replaced, not followed; an existing target's permissions are kept.
class OutputFile {
 public:
  /// Codes: IO-WRITE (kIo, kNotFound, kPermission, kNotAFile).
  [[nodiscard]] static Result<OutputFile> create(const std::string& path,
                                                 const WriteCalls& calls = system_write_calls());
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes);
  [[nodiscard]] Result<void> write(std::string_view text);
  /// Where the bytes are until commit(), for whoever wants to read back what was written.
  [[nodiscard]] const std::string& temporary_path() const { return temporary_; }
  /// After a failed commit the target is as it was; a failed sync is never retried as if it had succeeded. Only IO-SYNC comes
  /// after the rename: the new file is there and its folder could not be synced.
  [[nodiscard]] Result<void> commit();

 private:
  OutputFile(std::string path, std::string temporary, int descriptor, const WriteCalls& calls);
  void discard() noexcept;

  std::string path_;
  std::string temporary_;  // empty once committed, discarded or moved from
  int descriptor_ = -1;
  const WriteCalls* calls_;
};

/// Whether both paths name one existing file (through links too).
[[nodiscard]] bool same_file(const std::string& a, const std::string& b);

}  // namespace tenon::io
