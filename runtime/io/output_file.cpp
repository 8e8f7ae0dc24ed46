#include "runtime/io/output_file.h"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/errno_text.h"
#include "runtime/io/text.h"

namespace tenon::io {
namespace {

constexpr int kAttempts = 1000;
constexpr mode_t kNewFileMode = 0666;  // less what umask takes away

Failure write_failure(const std::string& path, std::string_view step, int error) {
  ErrorKind kind = ErrorKind::kIo;
  if (error == EACCES || error == EPERM || error == EROFS) kind = ErrorKind::kPermission;
  if (error == ENOENT || error == ENOTDIR) kind = ErrorKind::kNotFound;
  if (error == EISDIR) kind = ErrorKind::kNotAFile;
  const std::string found = std::string(step) + " failed: " + errno_text(error);
  return refuse(kind, "IO-WRITE", {.file = path}, found, "nothing was written");
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_name(const std::string& path, int attempt) {
  const auto slash = path.rfind('/');
  const std::size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  std::string name = path.substr(name_at);
  if (name.size() > 180) name.resize(180);  // NAME_MAX is 255
  return path.substr(0, name_at) + "." + name + "." + std::to_string(::getpid()) + "-" + std::to_string(attempt) +
         ".tenon-tmp";
}

/// Some file systems have no sync for a folder; there is nothing to report then.
bool cannot_sync_folders(int error) { return error == EINVAL || error == EBADF || error == ENOTSUP || error == ENOSYS; }

/// The rename survives a loss of power only when the folder is synced too.
Result<void> sync_folder(const std::string& path, const WriteCalls& calls) {
  const int descriptor = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return {};  // a folder that may be written and not listed
  const int error = calls.fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error == 0 || cannot_sync_folders(error)) return {};
  return refuse(ErrorKind::kIo, "IO-SYNC", {.file = path}, "syncing its folder failed: " + errno_text(error),
                "the new file is in its place, and a loss of power may bring the old one back",
                "Check the disk, and write the file again.");
}

}  // namespace

const WriteCalls& system_write_calls() {
  static constexpr WriteCalls kCalls{::write, ::fsync, ::close, ::rename};
  return kCalls;
}

OutputFile::OutputFile(std::string path, std::string temporary, int descriptor, const WriteCalls& calls)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor), calls_(&calls) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      calls_(other.calls_) {}

OutputFile::~OutputFile() { discard(); }

Result<OutputFile> OutputFile::create(const std::string& path, const WriteCalls& calls) {
  if (path.empty() || path.back() == '/') return write_failure(path, "creating the output", EISDIR);
  struct stat target {};
  const bool exists = ::stat(path.c_str(), &target) == 0;
  if (exists && !S_ISREG(target.st_mode)) {
    return refuse(ErrorKind::kNotAFile, "IO-WRITE", {.file = path}, "not a regular file", "a file name is required");
  }
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::string temporary = temporary_name(path, attempt);
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kNewFileMode);
    if (descriptor < 0 && (errno == EEXIST || errno == EINTR)) continue;
    if (descriptor < 0) return write_failure(path, "creating the output", errno);
    OutputFile file(path, std::move(temporary), descriptor, calls);
    if (exists && ::fchmod(descriptor, target.st_mode & 07777) != 0) {
      return write_failure(path, "keeping the permissions", errno);
    }
    return file;
  }
  return write_failure(path, "creating the output", EEXIST);
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = calls_->write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : ENOSPC;
      discard();
      return write_failure(path_, "writing", error);
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> OutputFile::write(std::string_view text) {
  return write(std::as_bytes(std::span(text.data(), text.size())));
}

Result<void> OutputFile::commit() {
  const auto give_up = [this](std::string_view step) {
    const int error = errno;
    discard();
    return write_failure(path_, step, error);
  };
  if (calls_->fsync(descriptor_) != 0) return give_up("syncing");
  // EINTR from close: Linux has released the descriptor, and the data is synced already.
  if (calls_->close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR) return give_up("closing");
  if (calls_->rename(temporary_.c_str(), path_.c_str()) != 0) return give_up("renaming");
  temporary_.clear();
  return sync_folder(path_, *calls_);
}

void OutputFile::discard() noexcept {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

bool same_file(const std::string& a, const std::string& b) {
  struct stat first {};
  struct stat second {};
  if (::stat(a.c_str(), &first) != 0 || ::stat(b.c_str(), &second) != 0) return false;
  return first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace tenon::io
