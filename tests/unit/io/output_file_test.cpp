#include "runtime/io/output_file.h"

#include <cerrno>
#include <csignal>
#include <filesystem>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "tests/support/temp_dir.h"

namespace tenon::io {
namespace {

using test::read_file;
using test::TempDir;

std::size_t files_in(const TempDir& dir) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(dir.path()), {}));
}

TEST(OutputFile, AppearsOnlyOnCommit) {
  TempDir dir;
  auto file = OutputFile::create(dir / "out.bin");
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("hello"));
  EXPECT_FALSE(std::filesystem::exists(dir / "out.bin"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(read_file(dir / "out.bin"), "hello");
  EXPECT_EQ(files_in(dir), 1u);
}

TEST(OutputFile, LeavesTheOldFileWhenItIsDropped) {
  TempDir dir;
  dir.write("out.bin", "old");
  {
    auto file = OutputFile::create(dir / "out.bin");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(read_file(dir / "out.bin"), "old");
  EXPECT_EQ(files_in(dir), 1u);
}

TEST(OutputFile, KeepsThePermissionsOfTheTarget) {
  TempDir dir;
  const std::string path = dir.write("out.bin", "old");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  auto file = OutputFile::create(path);
  ASSERT_TRUE(file && file->write("new") && file->commit());
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST(OutputFile, IO35_ReplacesALinkInsteadOfFollowingIt) {
  TempDir dir;
  dir.write("real.bin", "real");
  std::filesystem::create_symlink("real.bin", dir / "link.bin");
  auto file = OutputFile::create(dir / "link.bin");
  ASSERT_TRUE(file && file->write("new") && file->commit());
  EXPECT_EQ(read_file(dir / "real.bin"), "real");
  EXPECT_EQ(read_file(dir / "link.bin"), "new");
  EXPECT_FALSE(std::filesystem::is_symlink(dir / "link.bin"));
}

TEST(OutputFile, RefusesFoldersAndMissingFolders) {
  TempDir dir;
  EXPECT_EQ(OutputFile::create(dir.path().string()).error().kind, ErrorKind::kNotAFile);
  EXPECT_EQ(OutputFile::create(dir / "no/out.bin").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(OutputFile::create("").error().code, "IO-WRITE");
}

ssize_t full_disk(int, const void*, std::size_t) {
  errno = ENOSPC;
  return -1;
}
int io_error(int) {
  errno = EIO;
  return -1;
}
int folder_sync_errno = 0;
int close_error(int descriptor) {
  ::close(descriptor);
  errno = EDQUOT;
  return -1;
}
int other_device(const char*, const char*) {
  errno = EXDEV;
  return -1;
}
ssize_t one_byte(int descriptor, const void* bytes, std::size_t) { return ::write(descriptor, bytes, 1); }

void expect_old_file_survives(const WriteCalls& calls) {
  TempDir dir;
  dir.write("out.bin", "old");
  {
    auto file = OutputFile::create(dir / "out.bin", calls);
    ASSERT_TRUE(file);
    auto done = file->write("new");
    if (done) done = file->commit();
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, "IO-WRITE");
    EXPECT_EQ(done.error().kind, ErrorKind::kIo);
    EXPECT_EQ(files_in(dir), 1u) << "the temporary file is removed at once";
  }
  EXPECT_EQ(read_file(dir / "out.bin"), "old");
}

TEST(OutputFile, IO28_SurvivesAFullDiskAtTheWrite) {
  auto calls = system_write_calls();
  calls.write = full_disk;
  expect_old_file_survives(calls);
}

TEST(OutputFile, IO31_TreatsAFailedSyncAsFailed) {
  auto calls = system_write_calls();
  calls.fsync = io_error;
  expect_old_file_survives(calls);
}

TEST(OutputFile, IO29_SurvivesAQuotaThatShowsAtClose) {
  auto calls = system_write_calls();
  calls.close = close_error;
  expect_old_file_survives(calls);
}

TEST(OutputFile, IO30_SurvivesARenameThatFails) {
  auto calls = system_write_calls();
  calls.rename = other_device;
  expect_old_file_survives(calls);
}

int failing_folder_sync(int descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && !S_ISDIR(status.st_mode)) return ::fsync(descriptor);
  errno = folder_sync_errno;
  return -1;
}

TEST(OutputFile, SaysThatTheFolderCouldNotBeSynced) {
  TempDir dir;
  const std::string path = dir.write("out.bin", "old");
  auto calls = system_write_calls();
  calls.fsync = failing_folder_sync;
  folder_sync_errno = EIO;
  auto file = OutputFile::create(path, calls);
  ASSERT_TRUE(file && file->write("new"));
  const auto done = file->commit();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "IO-SYNC");
  EXPECT_EQ(done.error().kind, ErrorKind::kIo);
  EXPECT_EQ(done.error().message.find(path + ": syncing its folder failed: "), 0u) << done.error();
  EXPECT_EQ(read_file(path), "new");
  EXPECT_EQ(files_in(dir), 1u);
}

TEST(OutputFile, AsksNoSyncOfAFolderThatHasNone) {
  TempDir dir;
  auto calls = system_write_calls();
  calls.fsync = failing_folder_sync;
  for (const int error : {EINVAL, EBADF, ENOTSUP, ENOSYS}) {
    folder_sync_errno = error;
    auto file = OutputFile::create(dir / "out.bin", calls);
    EXPECT_TRUE(file && file->write("new") && file->commit()) << error;
  }
}

TEST(OutputFile, CopesWithShortWrites) {
  TempDir dir;
  auto calls = system_write_calls();
  calls.write = one_byte;
  auto file = OutputFile::create(dir / "out.bin", calls);
  ASSERT_TRUE(file && file->write("hello") && file->commit());
  EXPECT_EQ(read_file(dir / "out.bin"), "hello");
}

[[noreturn]] void save_and_die(const std::string& path, int die_at) {
  static int countdown = 0;
  countdown = die_at;
  static const auto tick = [] {
    if (countdown-- == 0) ::kill(::getpid(), SIGKILL);
  };
  auto calls = system_write_calls();
  calls.write = [](int descriptor, const void* bytes, std::size_t count) {
    tick();
    return ::write(descriptor, bytes, count);
  };
  calls.fsync = [](int descriptor) {
    tick();
    return ::fsync(descriptor);
  };
  calls.close = [](int descriptor) {
    tick();
    return ::close(descriptor);
  };
  calls.rename = [](const char* from, const char* to) {
    tick();
    return ::rename(from, to);
  };
  auto file = OutputFile::create(path, calls);
  const bool done = file && file->write("new ") && file->write("content") && file->commit();
  ::_exit(done ? 0 : 1);
}

TEST(OutputFile, IO32_AKillAtAnyCallLeavesTheOldFileOrTheNewOne) {
  bool finished = false;
  for (int die_at = 0; !finished; ++die_at) {
    ASSERT_LT(die_at, 100);
    TempDir dir;
    const std::string path = dir.write("out.bin", "old");
    const pid_t child = ::fork();
    if (child == 0) save_and_die(path, die_at);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    finished = WIFEXITED(status);
    const std::string now = read_file(path);
    EXPECT_TRUE(now == "old" || now == "new content") << now;
    if (finished) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      EXPECT_EQ(now, "new content");
    }
  }
}

TEST(SameFile, SeesThroughLinks) {
  TempDir dir;
  dir.write("a", "x");
  dir.write("b", "x");
  std::filesystem::create_symlink("a", dir / "link");
  std::filesystem::create_hard_link(dir / "a", dir / "hard");
  EXPECT_TRUE(same_file(dir / "a", dir / "link"));
  EXPECT_TRUE(same_file(dir / "a", dir / "hard"));
  EXPECT_FALSE(same_file(dir / "a", dir / "b"));
  EXPECT_FALSE(same_file(dir / "a", dir / "missing"));
}

}  // namespace
}  // namespace tenon::io
