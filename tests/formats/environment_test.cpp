// Same bytes, same answer: whatever the locale, the thread, the hour and the memory that is left.
#include <clocale>
#include <filesystem>
#include <cstring>
#include <locale>
#include <thread>

#include <sys/resource.h>

#include <tenon/checkpoint.h>
#include <tenon/policy.h>

#include "tests/formats/container_rows.h"
#include "tests/support/child.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/tar_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon::test {
namespace {

using namespace std::string_literals;

/// One spoiled file of each container, and one of each kind of number in a message.
std::vector<std::string> spoiled_files() {
  const std::string zip = valid_torch_zip();
  const std::string legacy = read_file(source_dir() / "tests/data/torch/checkpoint.legacy.pt");
  return {
    safetensors("{" + entry("\xc3\xa9", "U8", "[1234567]", 1234567, 2469134) + "}", "x"),
    safetensors(R"({"t":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}})", "x"),
    zip.substr(0, zip.size() - 1),
    torch_zip(program("}(" + str("a"))),
    legacy.substr(0, legacy.size() - 1),
    TorchTar().bytes().substr(0, 2600),
    "GGUF" + little(1, 4) + little(0) + little(0),
    "some text that is no checkpoint\n",
  };
}

std::vector<std::string> messages() {
  std::vector<std::string> all;
  for (const std::string& bytes : spoiled_files()) {
    const auto opened = open_bytes(bytes);
    all.push_back(opened ? "accepted" : opened.error().message);
  }
  const auto missing = open_file("no such file");
  all.push_back(missing ? "accepted" : missing.error().message);
  const auto policy = parse_policy("p.yaml", "tenon_policy: 1\nrules:\n  - {on: missing, key: a, do: fill, with: {constant: 0,5}}\n");
  all.push_back(policy ? "accepted" : policy.error().message);
  return all;
}

struct Commas : std::numpunct<char> {
  char do_decimal_point() const override { return ','; }
  char do_thousands_sep() const override { return '.'; }
  std::string do_grouping() const override { return "\3"; }
};

TEST(Environment, EverySpoiledFileIsRefused) {
  for (const std::string& message : messages()) EXPECT_NE(message, "accepted");
}

TEST(Environment, G9_AThousandRepeatsGiveOneMessage) {
  const auto first = messages();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(messages(), first);
}

TEST(Environment, IO_37_TheLocaleChangesNothing) {
  const auto plain = messages();
  const auto listed = open_bytes(read_file(source_dir() / "tests/data/torch/checkpoint.pt"));
  ASSERT_TRUE(listed);
  const auto before = std::locale::global(std::locale(std::locale::classic(), new Commas));
  for (const char* name : {"C", "C.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"}) {
    std::setlocale(LC_ALL, name);  // one that is not installed changes nothing, and the commas above stay
    EXPECT_EQ(messages(), plain) << name;
    const auto again = open_bytes(read_file(source_dir() / "tests/data/torch/checkpoint.pt"));
    ASSERT_TRUE(again);
    ASSERT_EQ(again->listing.objects.size(), listed->listing.objects.size());
    for (std::size_t i = 0; i < again->listing.objects.size(); ++i) {
      EXPECT_EQ(again->listing.objects[i].text, listed->listing.objects[i].text);
    }
  }
  std::locale::global(before);
  std::setlocale(LC_ALL, "C");
}

TEST(Environment, IO_26_SixtyFourThreadsReadTheSameAndGiveOneMessage) {
  TempDir dir;
  std::string data(1000, '\0');
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i);
  const std::string shared = dir.write("shared.safetensors", safetensors("{" + entry("t", "U8", "[1000]", 0, 1000) + "}", data));
  const auto first = messages();
  std::vector<std::thread> threads;
  std::vector<int> good(64, 0);
  for (std::size_t t = 0; t < good.size(); ++t) {
    const std::string own = dir.write(std::to_string(t) + ".safetensors", safetensors("{" + entry("t", "U8", "[1000]", 0, 1000) + "}", data));
    threads.emplace_back([&, own, t] {
      for (const std::string& path : {shared, own}) {
        const auto checkpoint = open_checkpoint(path);
        std::vector<std::byte> out(1000);
        if (!checkpoint || !read_tensor(**checkpoint, (*checkpoint)->tensors.at(0), out)) return;
        if (std::memcmp(out.data(), data.data(), data.size()) != 0) return;
      }
      good[t] = messages() == first ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t t = 0; t < good.size(); ++t) EXPECT_EQ(good[t], 1) << t;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// A sanitizer takes its address space first and ends the program where it cannot have it.
TEST(Environment, IO_38_AnAddressSpaceThatIsTooSmallIsAnError) {
  TempDir dir;
  const std::string path = dir.write("m.safetensors", little(99'000'000) + "{");
  std::filesystem::resize_file(path, 99'000'008);
  expect_in_child([&] {
    const rlimit little{std::uint64_t{64} << 20, std::uint64_t{64} << 20};
    if (::setrlimit(RLIMIT_AS, &little) != 0) return false;
    const auto opened = open_checkpoint(path);
    return !opened && opened.error().code == "IO-MEMORY" && opened.error().kind == ErrorKind::kOutOfMemory;
  });
}
#endif

}  // namespace
}  // namespace tenon::test
