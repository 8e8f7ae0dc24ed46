// Table IO: what the operating system may do to a reader and to a writer, one system call at a time.
#include <array>
#include <cerrno>
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/io/file_source.h"
#include "runtime/io/output_file.h"
#include "runtime/io/read_all.h"
#include "tests/support/child.h"
#include "tests/support/temp_dir.h"

namespace tenon::io {
namespace {

using test::become_nobody;
using test::expect_in_child;
using test::read_file;
using test::TempDir;

constexpr std::string_view kContent = "0123456789abcdef";

Result<std::string> read_whole(const std::string& path, const ReadCalls& calls) {
  const auto source = open_file(path, calls);
  if (!source) return Failure(source.error());
  return read_range(**source, 0, (*source)->size());
}

bool is_permission_error(const std::string& path) {
  const auto source = tenon::open_file(path);
  return !source && source.error().code == "IO-PERMISSION" && source.error().kind == ErrorKind::kPermission &&
         source.error().message.find(path) != std::string::npos;
}

TEST(SystemFaults, IO_02_AFileWithoutPermissionIsNamed) {
  TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  const std::string path = dir.write("a.bin", "x");
  EXPECT_TRUE(tenon::open_file(path));
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  expect_in_child([&] { return become_nobody() && is_permission_error(path); });
}

TEST(SystemFaults, IO_02_AFolderWithoutPermissionIsNoMissingFile) {
  TempDir dir;
  ASSERT_EQ(::chmod(dir.path().c_str(), 0755), 0);
  std::filesystem::create_directory(dir / "closed");
  const std::string path = dir.write("closed/a.bin", "x");
  EXPECT_TRUE(tenon::open_file(path));
  ASSERT_EQ(::chmod((dir / "closed").c_str(), 0), 0);
  expect_in_child([&] { return become_nobody() && is_permission_error(path); });
  ASSERT_EQ(::chmod((dir / "closed").c_str(), 0700), 0);
}

int interruptions = 0;
int interrupted() {
  if (++interruptions % 3 == 0) return 0;
  errno = EINTR;
  return -1;
}

TEST(SystemFaults, IO_07_AnInterruptedCallIsMadeAgain) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  ReadCalls calls = system_read_calls();
  calls.open = [](const char* name, int flags) { return interrupted() == 0 ? system_read_calls().open(name, flags) : -1; };
  calls.pread = [](int descriptor, void* bytes, std::size_t count, off_t offset) {
    return interrupted() == 0 ? ::pread(descriptor, bytes, count, offset) : ssize_t{-1};
  };
  interruptions = 0;
  EXPECT_EQ(read_whole(path, calls).value_or(""), kContent);
  EXPECT_EQ(interruptions, 6);
}

TEST(SystemFaults, IO_08_ReadsOfOneByteGiveTheSame) {
  TempDir dir;
  ReadCalls calls = system_read_calls();
  calls.pread = [](int descriptor, void* bytes, std::size_t, off_t offset) { return ::pread(descriptor, bytes, 1, offset); };
  EXPECT_EQ(read_whole(dir.write("a.bin", std::string(kContent)), calls).value_or(""), kContent);
}

TEST(SystemFaults, IO_09_AReadThatEndsEarlySaysWhere) {
  TempDir dir;
  ReadCalls calls = system_read_calls();
  calls.pread = [](int descriptor, void* bytes, std::size_t, off_t offset) {
    return offset < 5 ? ::pread(descriptor, bytes, 5, offset) : ssize_t{0};
  };
  const auto text = read_whole(dir.write("a.bin", std::string(kContent)), calls);
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, "IO-CHANGED");
  EXPECT_NE(text.error().message.find("at byte 5: the file ends here, it had 16 bytes"), std::string::npos) << text.error();
}

int read_errno = 0;

TEST(SystemFaults, IO_10_EachErrorOfAReadIsNamed) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  ReadCalls calls = system_read_calls();
  calls.pread = [](int, void*, std::size_t, off_t) {
    errno = read_errno;
    return ssize_t{-1};
  };
  for (const int error : {EIO, ESTALE, ENXIO, ENOMEM, EAGAIN, EFAULT}) {
    read_errno = error;
    const auto text = read_whole(path, calls);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().code, "IO-READ");
    EXPECT_EQ(text.error().kind, ErrorKind::kIo);
    EXPECT_NE(text.error().message.find(::strerrordesc_np(error)), std::string::npos) << text.error();
  }
}

/// A wide address range over a little memory, so that a read of more than 2 GiB needs no 2 GiB.
class Folded {
 public:
  static constexpr std::size_t kPiece = std::size_t{1} << 24;
  explicit Folded(std::size_t bytes) : bytes_((bytes + kPiece - 1) / kPiece * kPiece), memory_(::memfd_create("folded", 0)) {
    EXPECT_EQ(::ftruncate(memory_, kPiece), 0);
    void* all = ::mmap(nullptr, bytes_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(all, MAP_FAILED);
    data_ = static_cast<std::byte*>(all);
    for (std::size_t at = 0; at < bytes_; at += kPiece) {
      EXPECT_NE(::mmap(data_ + at, kPiece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory_, 0), MAP_FAILED);
    }
  }
  Folded(const Folded&) = delete;
  Folded& operator=(const Folded&) = delete;
  ~Folded() {
    ::munmap(data_, bytes_);
    ::close(memory_);
  }
  std::byte* data() const { return data_; }

 private:
  std::size_t bytes_;
  int memory_;
  std::byte* data_ = nullptr;
};

TEST(SystemFaults, IO_12_AReadOfMoreThanTwoGibibytesIsWhole) {
  constexpr std::uint64_t kBytes = (std::uint64_t{1} << 31) + 10;
  TempDir dir;
  const std::string path = dir.write("a.bin", "");
  std::filesystem::resize_file(path, kBytes - 3);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND);
  ASSERT_EQ(::write(descriptor, "end", 3), 3);
  ::close(descriptor);
  const Folded room(kBytes);
  const auto source = tenon::open_file(path);
  ASSERT_TRUE(source);
  const auto done = (*source)->read(0, {room.data(), static_cast<std::size_t>(kBytes)});
  ASSERT_TRUE(done) << done.error();
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(room.data()) + kBytes - 3, 3), "end");
}

TEST(SystemFaults, IO_06_ASparseFileOfAnySizeCostsNothing) {
  TempDir dir;
  const std::string path = dir.write("a.bin", "");
  off_t size = off_t{1} << 62;
  while (::truncate(path.c_str(), size) != 0) size /= 2;
  ASSERT_GT(size, off_t{1} << 40);
  const auto source = tenon::open_file(path);
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->size(), static_cast<std::uint64_t>(size));
  EXPECT_EQ(read_range(**source, static_cast<std::uint64_t>(size) - 1, 1).value_or(""), std::string(1, '\0'));
  EXPECT_EQ(read_all(**source, 100, "IO-LIMIT").error().code, "IO-LIMIT");
}

int map_errno = 0;

TEST(SystemFaults, IO_16_WhereMappingFailsReadingRemains) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  ReadCalls calls = system_read_calls();
  calls.mmap = [](void*, std::size_t, int, int, int, off_t) {
    errno = map_errno;
    return MAP_FAILED;
  };
  for (const int error : {ENODEV, ENOMEM}) {
    map_errno = error;
    const auto source = open_file(path, calls);
    ASSERT_TRUE(source);
    const auto mapping = (*source)->map();
    ASSERT_TRUE(mapping) << mapping.error();
    EXPECT_EQ(*mapping, nullptr);
    EXPECT_EQ(read_range(**source, 0, 16).value_or(""), kContent);
  }
}

TEST(SystemFaults, IO_24_AChildReadsWhatItsParentOpened) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  const auto source = tenon::open_file(path);
  ASSERT_TRUE(source);
  expect_in_child([&] {
    const auto opened_here = tenon::open_file(path);
    return read_range(**source, 0, 16) == std::string(kContent) && opened_here && read_range(**opened_here, 4, 4) == "4567";
  });
  EXPECT_EQ(read_range(**source, 0, 16).value_or(""), kContent);
}

TEST(SystemFaults, IO_34_AFileThatIsBeingReadMayBeSavedOver) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  const auto source = tenon::open_file(path);
  ASSERT_TRUE(source);
  const auto mapping = (*source)->map().value();
  auto file = OutputFile::create(path);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(read_range(**source, 0, 16).value_or(""), kContent);
  EXPECT_EQ(std::string_view(reinterpret_cast<const char*>(mapping->data), 16), kContent);
}

TEST(SystemFaults, IO_36_OfTwoSaversOneWinsWhole) {
  TempDir dir;
  const std::string path = dir / "a.bin";
  const auto save = [&path](char letter) {
    for (int i = 0; i < 100; ++i) {
      auto file = OutputFile::create(path);
      ASSERT_TRUE(file) << file.error();
      for (int part = 0; part < 4; ++part) ASSERT_TRUE(file->write(std::string(1000, letter)));
      const auto done = file->commit();
      ASSERT_TRUE(done) << done.error();
    }
  };
  std::thread other(save, 'a');
  save('b');
  other.join();
  const std::string content = read_file(path);
  EXPECT_TRUE(content == std::string(4000, 'a') || content == std::string(4000, 'b'));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir.path()), {}), 1);
}

TEST(SystemFaults, IO_39_TimesInTheFutureMeanNothing) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(kContent));
  const std::array<timespec, 2> future{{{4'000'000'000, 0}, {4'000'000'000, 0}}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), future.data(), 0), 0);
  const auto source = tenon::open_file(path);
  ASSERT_TRUE(source);
  EXPECT_EQ(read_range(**source, 0, 16).value_or(""), kContent);
  EXPECT_TRUE((*source)->unchanged());
}

/// What a disk may hold after a power cut: data that was not synced may be cut anywhere, a rename may be undone until its
/// folder is synced.
struct Disk {
  std::string written;
  std::size_t synced = 0;
  bool renamed = false;
  bool rename_synced = false;
  std::size_t calls = 0;
  int file = -1;

  /// Everything that the target may hold now.
  std::vector<std::string> outcomes() const {
    std::vector<std::string> all;
    if (!rename_synced) all.emplace_back("old");
    if (!renamed) return all;
    for (std::size_t length = synced; length <= written.size(); ++length) all.push_back(written.substr(0, length));
    return all;
  }
  void expect_old_or_new() {
    ++calls;
    for (const std::string& outcome : outcomes()) EXPECT_TRUE(outcome == "old" || outcome == "new content") << outcome;
  }
};
Disk disk;

TEST(SystemFaults, IO_33_APowerCutAtAnyCallLeavesTheOldFileOrTheNewOne) {
  disk = {};
  TempDir dir;
  WriteCalls calls = system_write_calls();
  calls.write = [](int descriptor, const void* bytes, std::size_t count) {
    disk.file = descriptor;
    disk.written.append(static_cast<const char*>(bytes), count);
    disk.expect_old_or_new();
    return ::write(descriptor, bytes, count);
  };
  calls.fsync = [](int descriptor) {
    if (descriptor == disk.file) disk.synced = disk.written.size();
    if (descriptor != disk.file) disk.rename_synced = disk.renamed;
    disk.expect_old_or_new();
    return ::fsync(descriptor);
  };
  calls.close = [](int descriptor) {
    disk.file = -1;
    return ::close(descriptor);
  };
  calls.rename = [](const char* from, const char* to) {
    disk.renamed = true;
    disk.expect_old_or_new();
    return ::rename(from, to);
  };
  auto file = OutputFile::create(dir.write("a.bin", "old"), calls);
  ASSERT_TRUE(file && file->write("new ") && file->write("content") && file->commit());
  EXPECT_EQ(disk.calls, 5u);
  EXPECT_TRUE(disk.rename_synced);
  EXPECT_EQ(disk.outcomes(), std::vector<std::string>{"new content"});
}

}  // namespace
}  // namespace tenon::io
