#include "runtime/io/file_source.h"

#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/io/checked.h"
#include "runtime/io/errno_text.h"
#include "runtime/io/text.h"

namespace tenon {
namespace {

static_assert(sizeof(off_t) == 8, "files over 2 GiB need 64-bit offsets");

/// The descriptor is closed once; close is not retried after EINTR, since Linux has then already released it.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  [[nodiscard]] int get() const { return number_; }

 private:
  int number_;
};

Failure open_failure(const std::string& path, int error) {
  const io::Place place{.file = path};
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return io::refuse(ErrorKind::kNotFound, "IO-NOTFOUND", place, "no such file", "an existing file is required");
    case ENAMETOOLONG:
    case ELOOP:
      return io::refuse(ErrorKind::kNotFound, "IO-NOTFOUND", place, io::errno_text(error), "an existing file is required");
    case EACCES:
    case EPERM:
      return io::refuse(
        ErrorKind::kPermission, "IO-PERMISSION", place, "permission denied", "a readable file is required");
    case ENXIO:   // a socket, or a device with nothing behind it
    case ENODEV:
      return io::refuse(
        ErrorKind::kNotAFile, "IO-NOTAFILE", place, "not a regular file", "a regular file is required");
    default:
      return io::refuse(ErrorKind::kIo, "IO-OPEN", place, "cannot be opened: " + io::errno_text(error), "");
  }
}

std::string_view file_type(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "not a regular file";
}

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_size == b.st_size && a.st_ino == b.st_ino && a.st_dev == b.st_dev &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

struct UnmappingMapping : ByteSource::Mapping {
  UnmappingMapping(std::byte* bytes, std::uint64_t length) : Mapping{bytes, length} {}
  UnmappingMapping(const UnmappingMapping&) = delete;
  UnmappingMapping& operator=(const UnmappingMapping&) = delete;
  ~UnmappingMapping() { ::munmap(data, static_cast<std::size_t>(size)); }
};

class FileSource final : public ByteSource {
 public:
  FileSource(std::string path, Descriptor descriptor, const struct stat& status, const io::ReadCalls& calls)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), status_(status), calls_(calls) {}

  const std::string& name() const override { return path_; }
  std::uint64_t size() const override { return static_cast<std::uint64_t>(status_.st_size); }

  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!io::fits(offset, out.size(), size())) {
      return io::refuse(ErrorKind::kIo,
                        "IO-READ",
                        {.file = path_, .byte = offset},
                        std::to_string(out.size()) + " bytes asked for",
                        "the file has " + std::to_string(size()));
    }
    std::size_t done = 0;
    while (done < out.size()) {
      const auto at = static_cast<off_t>(offset + done);
      const ssize_t got = calls_.pread(descriptor_.get(), out.data() + done, out.size() - done, at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return read_failure(offset + done, errno);
      if (got == 0) return shrunk(offset + done);
      done += static_cast<std::size_t>(got);
    }
    return {};
  }

  Result<void> unchanged() const override {
    struct stat now {};
    if (calls_.fstat(descriptor_.get(), &now) != 0) return read_failure(0, errno);
    // The name may have been given to another file by now; the user then gets what that name said when we opened it.
    if (same_file(now, status_)) return {};
    return io::refuse(ErrorKind::kChanged,
                      "IO-CHANGED",
                      {.file = path_},
                      "the file changed while it was read",
                      "a file that nobody writes to is required");
  }

  Result<std::shared_ptr<const Mapping>> map() const override {
    if (size() == 0 || size() > std::numeric_limits<std::size_t>::max()) return std::shared_ptr<const Mapping>{};
    void* address = calls_.mmap(
      nullptr, static_cast<std::size_t>(size()), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor_.get(), 0);
    if (address == MAP_FAILED) return std::shared_ptr<const Mapping>{};
    return std::make_shared<const UnmappingMapping>(static_cast<std::byte*>(address), size());
  }

 private:
  Failure read_failure(std::uint64_t offset, int error) const {
    return io::refuse(
      ErrorKind::kIo, "IO-READ", {.file = path_, .byte = offset}, "cannot be read: " + io::errno_text(error), "");
  }

  Failure shrunk(std::uint64_t offset) const {
    return io::refuse(ErrorKind::kChanged,
                      "IO-CHANGED",
                      {.file = path_, .byte = offset},
                      "the file ends here, it had " + std::to_string(size()) + " bytes when it was opened",
                      "a file that nobody writes to is required");
  }

  std::string path_;
  Descriptor descriptor_;
  struct stat status_;
  const io::ReadCalls& calls_;
};

class MemorySource final : public ByteSource {
 public:
  MemorySource(std::string name, std::string bytes) : name_(std::move(name)), bytes_(std::move(bytes)) {}

  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return bytes_.size(); }

  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!io::fits(offset, out.size(), size())) {
      return io::refuse(ErrorKind::kIo,
                        "IO-READ",
                        {.file = name_, .byte = offset},
                        std::to_string(out.size()) + " bytes asked for",
                        "the source has " + std::to_string(size()));
    }
    if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
    return {};
  }

 private:
  std::string name_;
  std::string bytes_;
};

}  // namespace

namespace io {

const ReadCalls& system_read_calls() {
  static constexpr ReadCalls kCalls{
    [](const char* path, int flags) { return ::open(path, flags); }, ::pread, ::fstat, ::mmap};
  return kCalls;
}

Result<std::shared_ptr<ByteSource>> open_file(const std::string& path, const ReadCalls& calls) {
  if (path.empty()) {
    return refuse(ErrorKind::kNotFound, "IO-NOTFOUND", {.file = "CKPT"}, "the path is empty", "a path is required");
  }
  if (path.find('\0') != std::string::npos) {
    return refuse(ErrorKind::kNotFound, "IO-NOTFOUND", {.file = path}, "the path holds a NUL", "a path is required");
  }
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever; regular files ignore the flag.
  int number = -1;
  do {
    number = calls.open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return open_failure(path, errno);
  Descriptor descriptor(number);
  struct stat status {};
  if (calls.fstat(descriptor.get(), &status) != 0) return open_failure(path, errno);
  if (!S_ISREG(status.st_mode)) {
    return refuse(ErrorKind::kNotAFile,
                      "IO-NOTAFILE",
                      {.file = path},
                      file_type(status.st_mode),
                      "a regular file is required");
  }
  return std::make_shared<FileSource>(path, std::move(descriptor), status, calls);
}

}  // namespace io

Result<std::shared_ptr<ByteSource>> open_file(const std::string& path) {
  return io::open_file(path, io::system_read_calls());
}

std::shared_ptr<ByteSource> memory_source(std::string name, std::string bytes) {
  return std::make_shared<MemorySource>(std::move(name), std::move(bytes));
}

}  // namespace tenon
