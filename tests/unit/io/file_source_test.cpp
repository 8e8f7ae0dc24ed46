#include <tenon/byte_source.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "runtime/io/read_all.h"
#include "runtime/io/sha256.h"
#include "tests/support/temp_dir.h"

namespace tenon {
namespace {

using test::TempDir;

std::string read_text(const ByteSource& source, std::uint64_t offset, std::uint64_t length) {
  const auto text = io::read_range(source, offset, length);
  EXPECT_TRUE(text) << text.error();
  return text.value_or("");
}

TEST(FileSource, ReadsAnyRange) {
  TempDir dir;
  const auto source = open_file(dir.write("a.bin", "0123456789"));
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->size(), 10u);
  EXPECT_EQ(read_text(**source, 3, 4), "3456");
  EXPECT_EQ(read_text(**source, 10, 0), "");
}

TEST(FileSource, RefusesRangesPastTheEnd) {
  TempDir dir;
  const auto source = open_file(dir.write("a.bin", "0123456789"));
  ASSERT_TRUE(source);
  std::byte buffer[4];
  for (const std::uint64_t offset : {std::uint64_t{7}, std::uint64_t{11}, ~std::uint64_t{0}}) {
    const auto read = (*source)->read(offset, buffer);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, "IO-READ");
  }
}

void expect_refused(const std::string& path, ErrorKind kind, std::string_view code) {
  const auto source = open_file(path);
  ASSERT_FALSE(source) << path;
  EXPECT_EQ(source.error().kind, kind) << source.error();
  EXPECT_EQ(source.error().code, code) << source.error();
}

TEST(FileSource, IO01_RefusesPathsThatLeadNowhere) {
  TempDir dir;
  std::filesystem::create_symlink("loop", dir / "loop");
  expect_refused(dir / "missing", ErrorKind::kNotFound, "IO-NOTFOUND");
  expect_refused(dir / std::string(300, 'x'), ErrorKind::kNotFound, "IO-NOTFOUND");
  expect_refused(dir / "loop", ErrorKind::kNotFound, "IO-NOTFOUND");
  expect_refused("", ErrorKind::kNotFound, "IO-NOTFOUND");
  expect_refused(std::string("a\0b", 3), ErrorKind::kNotFound, "IO-NOTFOUND");
}

TEST(FileSource, IO03_RefusesDirectories) {
  TempDir dir;
  expect_refused(dir.path().string(), ErrorKind::kNotAFile, "IO-NOTAFILE");
}

TEST(FileSource, IO04_RefusesPipesAndSocketsWithoutWaiting) {
  TempDir dir;
  ASSERT_EQ(::mkfifo((dir / "pipe").c_str(), 0600), 0);
  expect_refused(dir / "pipe", ErrorKind::kNotAFile, "IO-NOTAFILE");
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", (dir / "socket").c_str());
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  expect_refused(dir / "socket", ErrorKind::kNotAFile, "IO-NOTAFILE");
  ::close(listener);
}

TEST(FileSource, IO05_RefusesDevices) { expect_refused("/dev/zero", ErrorKind::kNotAFile, "IO-NOTAFILE"); }

TEST(FileSource, IO11_SaysSoWhenDescriptorsRunOut) {
  TempDir dir;
  const std::string path = dir.write("a.bin", "0");
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto source = open_file(path);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_FALSE(source);
  EXPECT_EQ(source.error().code, "IO-OPEN");
  EXPECT_EQ(source.error().kind, ErrorKind::kIo);
}

TEST(FileSource, IO13_AFileCutShortIsAnErrorAndNotASignal) {
  TempDir dir;
  const std::string path = dir.write("a.bin", std::string(1 << 16, 'x'));
  const auto source = open_file(path);
  ASSERT_TRUE(source);
  std::filesystem::resize_file(path, 100);
  std::vector<std::byte> buffer(1 << 16);
  const auto read = (*source)->read(0, buffer);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, "IO-CHANGED");
  EXPECT_NE(read.error().message.find("at byte 100"), std::string::npos) << read.error();
  EXPECT_EQ((*source)->unchanged().error().code, "IO-CHANGED");
}

TEST(FileSource, IO14_NoticesAFileRewrittenInPlace) {
  TempDir dir;
  const std::string path = dir.write("a.bin", "0123456789");
  const auto source = open_file(path);
  ASSERT_TRUE(source);
  EXPECT_TRUE((*source)->unchanged());
  dir.write("a.bin", "9876543210");
  const timespec past[2] = {{1, 0}, {1, 0}};  // the clock may be too coarse to tell two writes apart
  ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), past, 0), 0);
  EXPECT_EQ((*source)->unchanged().error().kind, ErrorKind::kChanged);
}

TEST(FileSource, IO14_KeepsTheOldContentWhenTheNameIsGivenToAnotherFile) {
  TempDir dir;
  const std::string path = dir.write("a.bin", "0123456789");
  const auto source = open_file(path);
  ASSERT_TRUE(source);
  std::filesystem::rename(dir.write("b.bin", "other"), path);
  EXPECT_EQ(read_text(**source, 0, 10), "0123456789");
  EXPECT_TRUE((*source)->unchanged());
}

TEST(FileSource, IO23_SurvivesASignalEveryMillisecond) {
  TempDir dir;
  const std::string content(1 << 22, 'y');
  const auto source = open_file(dir.write("a.bin", content));
  ASSERT_TRUE(source);
  struct sigaction quiet {};
  struct sigaction before {};
  quiet.sa_handler = [](int) {};
  ASSERT_EQ(::sigaction(SIGALRM, &quiet, &before), 0);
  const itimerval every_ms{{0, 1000}, {0, 1000}};
  const itimerval stop{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &every_ms, nullptr), 0);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(read_text(**source, 0, content.size()), content);
  ASSERT_EQ(::setitimer(ITIMER_REAL, &stop, nullptr), 0);
  ::sigaction(SIGALRM, &before, nullptr);
}

TEST(FileSource, IO25_ClosesOnExec) {
  TempDir dir;
  const auto source = open_file(dir.write("a.bin", "x"));
  ASSERT_TRUE(source);
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;
    if (std::filesystem::read_symlink(entry.path(), ignored) != dir / "a.bin") continue;
    const int flags = ::fcntl(std::stoi(entry.path().filename().string()), F_GETFD);
    EXPECT_NE(flags & FD_CLOEXEC, 0);
  }
}

TEST(FileSource, MapsAPrivateCopy) {
  TempDir dir;
  const std::string path = dir.write("a.bin", "0123456789");
  std::shared_ptr<const ByteSource::Mapping> mapping;
  {
    const auto source = open_file(path);
    ASSERT_TRUE(source);
    mapping = (*source)->map().value();
  }
  ASSERT_NE(mapping, nullptr);
  EXPECT_EQ(mapping->size, 10u);
  mapping->data[0] = std::byte{'X'};
  EXPECT_EQ(test::read_file(path), "0123456789");
}

TEST(FileSource, HasNoMappingOfNothing) {
  TempDir dir;
  const auto source = open_file(dir.write("empty", ""));
  ASSERT_TRUE(source);
  EXPECT_EQ((*source)->map().value(), nullptr);
}

TEST(MemorySource, ReadsAndRefusesLikeAFile) {
  const auto source = memory_source("m", "0123456789");
  EXPECT_EQ(read_text(*source, 3, 4), "3456");
  std::byte buffer[4];
  EXPECT_EQ(source->read(7, buffer).error().code, "IO-READ");
  EXPECT_TRUE(source->unchanged());
}

TEST(ReadTextFile, RefusesMoreThanTheLimit) {
  TempDir dir;
  const std::string path = dir.write("a.json", "0123456789");
  EXPECT_EQ(io::read_text_file(path, 10).value_or(""), "0123456789");
  const auto over = io::read_text_file(path, 9);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().kind, ErrorKind::kLimit);
  EXPECT_EQ(over.error().code, "IO-LIMIT");
}

TEST(Sha256, MatchesThePublishedVectors) {
  EXPECT_EQ(io::sha256_of(*memory_source("m", "")).value(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(io::sha256_of(*memory_source("m", "abc")).value(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(io::sha256_of(*memory_source("m", std::string(1'000'000, 'a'))).value(),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace tenon
