// Table IO where a file is read, and the bounds on memory: every read and every allocation fails in turn.
#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include <tenon/identify.h>
#include <tenon/policy.h>

#include "runtime/checkpoint/builder.h"
#include "runtime/formats/container.h"
#include "tests/formats/container_rows.h"
#include "tests/support/allocation.h"
#include "tests/support/paths.h"
#include "tests/support/safetensors_bytes.h"
#include "tests/support/tar_bytes.h"
#include "tests/support/temp_dir.h"
#include "tests/support/torch_bytes.h"

namespace tenon {
namespace {

using namespace std::string_literals;
using test::entry;
using test::safetensors;

/// Bytes in memory whose `fail_at`-th read is an error; counts its reads.
class FaultySource final : public ByteSource {
 public:
  FaultySource(std::string bytes, std::uint64_t fail_at, ErrorKind kind)
      : inner_(memory_source("case.bin", std::move(bytes))), fail_at_(fail_at), kind_(kind) {}

  const std::string& name() const override { return inner_->name(); }
  std::uint64_t size() const override { return inner_->size(); }
  Result<void> read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (reads_++ == fail_at_) return fail(kind_, "IO-READ", "case.bin: fault [IO-READ]");
    return inner_->read(offset, out);
  }
  Result<void> unchanged() const override {
    if (changed_) return fail(ErrorKind::kChanged, "IO-CHANGED", "case.bin: changed [IO-CHANGED]");
    return {};
  }
  void change() { changed_ = true; }
  std::uint64_t reads() const { return reads_; }

 private:
  std::shared_ptr<ByteSource> inner_;
  std::uint64_t fail_at_;
  ErrorKind kind_;
  bool changed_ = false;
  mutable std::uint64_t reads_ = 0;
};

struct Sample {
  const char* name;
  std::string bytes;
};

std::vector<Sample> samples() {
  const auto torch = [](const char* name) { return test::read_file(test::source_dir() / "tests/data/torch" / name); };
  return {
    {"safetensors", safetensors("{" + entry("a", "F32", "[2]", 0, 8) + R"(,"__metadata__":{"k":"v"}})", "12345678")},
    {"zip", torch("checkpoint.pt")},
    {"script", torch("script.pt")},
    {"legacy", torch("checkpoint.legacy.pt")},
    {"tar", test::TorchTar().bytes()},
    {"gguf", "GGUF" + test::little(3, 4) + test::little(0) + test::little(0) + std::string(8, '\0')},
  };
}

TEST(Faults, IO_10_EveryReadFailsInTurn) {
  for (const Sample& sample : samples()) {
    bool finished = false;
    for (std::uint64_t n = 0; !finished; ++n) {
      ASSERT_LT(n, 10'000u) << sample.name;
      const FaultySource source(sample.bytes, n, ErrorKind::kIo);
      const auto opened = formats::read_container(source, {});
      finished = source.reads() <= n;
      EXPECT_EQ(opened.has_value(), finished) << sample.name << " read " << n;
      if (!opened) {
        EXPECT_EQ(opened.error().code, "IO-READ") << sample.name << " read " << n << ": " << opened.error();
      }
    }
  }
}

TEST(Faults, IO_14_AFileThatChangedMeanwhileIsRefused) {
  for (const Sample& sample : samples()) {
    FaultySource source(sample.bytes, ~0ull, ErrorKind::kIo);
    EXPECT_TRUE(formats::read_container(source, {})) << sample.name;
    source.change();
    const auto opened = formats::read_container(source, {});
    ASSERT_FALSE(opened) << sample.name;
    EXPECT_EQ(opened.error().kind, ErrorKind::kChanged) << sample.name;
  }
}

void sweep_allocations(bool for_ever) {
  for (const Sample& sample : samples()) {
    const auto source = memory_source("case.bin", sample.bytes);
    // simdjson picks its kernel on first use and cannot report that this failed; it happens once per process.
    ASSERT_TRUE(formats::read_container(*source, {})) << sample.name;
    bool finished = false;
    for (std::uint64_t n = 0; !finished; ++n) {
      ASSERT_LT(n, 100'000u) << sample.name;
      std::optional<Result<formats::Opened>> opened;
      std::uint64_t calls = 0;
      {
        const test::AllocationWatch watch(n, for_ever);
        opened.emplace(formats::read_container(*source, {}));
        calls = watch.count().calls;
      }
      finished = calls <= n;
      if (finished) {
        EXPECT_TRUE(*opened) << sample.name << " " << n;
      } else if (!*opened) {
        EXPECT_EQ(opened->error().code, "IO-MEMORY") << sample.name << " allocation " << n << ": " << opened->error();
        EXPECT_EQ(opened->error().kind, ErrorKind::kOutOfMemory);
      }
    }
  }
}

TEST(Faults, IO_17_EveryAllocationFailsOnce) { sweep_allocations(false); }
TEST(Faults, IO_17_EveryAllocationAndAllLaterOnesFail) { sweep_allocations(true); }

/// Fails some hundred allocations of `stage`, spread over all that it makes, once each and then with all later ones. A
/// stage may do without one (yaml-cpp's streams swallow it); then its answer must be whole.
template <class Stage, class Whole>
void sweep_stage(const char* name, const Stage& stage, const Whole& is_whole) {
  std::uint64_t calls = 0;
  {
    const test::AllocationWatch watch;
    ASSERT_TRUE(stage()) << name;
    calls = watch.count().calls;
  }
  ASSERT_GT(calls, 50u) << name;
  const std::uint64_t step = std::max<std::uint64_t>(1, calls / 300);
  for (const bool for_ever : {false, true}) {
    for (std::uint64_t n = 0; n < calls; n += step) {
      std::optional<decltype(stage())> result;
      {
        const test::AllocationWatch watch(n, for_ever);
        result.emplace(stage());
      }
      if (*result) {
        EXPECT_TRUE(is_whole(**result)) << name << " " << n << " of " << calls;
        continue;
      }
      EXPECT_EQ(result->error().code, "IO-MEMORY") << name << " " << n << ": " << result->error();
      EXPECT_EQ(result->error().kind, ErrorKind::kOutOfMemory);
    }
  }
}

TEST(Faults, IO_17_EveryStageBehindTheContainersSaysThatMemoryRanOut) {
  test::TempDir dir;
  const auto seeds = test::source_dir() / "tests/fuzz/seeds";
  const auto checkpoint = open_checkpoint(dir.write("m.safetensors", test::read_file(seeds / "report/wrapped")));
  ASSERT_TRUE(checkpoint) << checkpoint.error();
  const auto tables = builtin_tables();
  const Identity identified = identify(**checkpoint, *tables).value();
  sweep_stage(  // std::stable_sort does without its buffer
    "identify",
    [&] { return identify(**checkpoint, *tables); },
    [&](const Identity& got) { return got.status == identified.status && got.parts.size() == identified.parts.size(); });
  const std::string policy = test::read_file(seeds / "policy/waivers");
  const auto keys = [](const Policy& parsed) {
    std::string all = parsed.expect.family;
    for (const PolicyRule& rule : parsed.rules) all += " " + rule.key + std::to_string(static_cast<int>(rule.action)) + rule.method;
    return all;
  };
  const std::string whole = keys(parse_policy("p.yaml", policy).value());
  sweep_stage(
    "parse_policy", [&] { return parse_policy("p.yaml", policy); }, [&](const Policy& parsed) { return keys(parsed) == whole; });
  const std::string yaml = test::read_file(seeds / "tables/toy");
  TablesOptions options;
  options.families = {};
  options.extra = {{.name = "toy", .yaml = yaml, .derive = [](const DeriveInput&) { return Derivation{}; }}};
  sweep_stage(
    "load_tables", [&] { return load_tables(options); }, [](const std::shared_ptr<const Tables>& read) { return family_names(*read).size() == 1; });
}

TEST(Faults, IO_22_ADeadlineThatHasPassedStopsALongProgram) {
  Limits limits;
  limits.deadline = std::chrono::steady_clock::time_point{};
  std::string value = "]";
  for (int i = 0; i < 70'000; ++i) value += "Na";
  const auto opened = test::open_bytes(test::torch_zip(test::program(value)), limits);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, "IO-DEADLINE");
  EXPECT_EQ(opened.error().kind, ErrorKind::kCancelled);
}

std::uint64_t peak_of(const std::string& bytes, bool accepted) {
  const auto source = memory_source("case.bin", bytes);
  const test::AllocationWatch watch;
  const auto opened = formats::read_container(*source, {});
  EXPECT_EQ(opened.has_value(), accepted) << (opened ? "" : opened.error().message);
  return watch.count().peak;
}

constexpr std::uint64_t kFree = std::uint64_t{1} << 20;

void expect_safetensors_bound(const std::string& bytes, bool accepted) {
  const std::uint64_t header = static_cast<std::uint64_t>(bytes.size());
  const std::uint64_t peak = peak_of(bytes, accepted);
  EXPECT_LE(peak, 8 * header + kFree) << "header " << header << " factor " << static_cast<double>(peak) / static_cast<double>(header);
}

std::string many_tensors(std::size_t count, std::string_view name) {
  std::string json = "{";
  for (std::size_t i = 0; i < count; ++i) {
    json += (i == 0 ? "" : ",") + entry(std::string(name) + std::to_string(i), "U8", "[0]", 0, 0);
  }
  return safetensors(json + "}");
}

TEST(Memory, G4_ASafetensorsHeaderTakesAtMostEightTimesItsBytes) {
  expect_safetensors_bound(many_tensors(100'000, ""), true);
  expect_safetensors_bound(many_tensors(2'500, "model.encoder.layers.0.self_attn.q_proj.weight"), true);
  expect_safetensors_bound(safetensors("{}" + std::string(4'000'000, ' ')), true);
  expect_safetensors_bound(safetensors(R"({"__metadata__":{"a":")" + std::string(4'000'000, 'v') + "\"}}"), true);
  expect_safetensors_bound(safetensors("{\"t\":" + std::string(1'000'000, '[')), false);
  std::string metadata = R"({"__metadata__":{)";
  for (int i = 0; i < 8'192; ++i) metadata += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"")";
  expect_safetensors_bound(safetensors(metadata + "}}"), true);
}

TEST(Memory, G4_AClaimedSizeAllocatesNothing) {
  EXPECT_LE(peak_of(test::little(100'000'000) + "{}", false), kFree);
  EXPECT_LE(peak_of(test::torch_zip("\x80\x02X\xff\xff\xff\xff"), false), kFree);
  EXPECT_LE(peak_of(test::torch_zip(test::program("}r" + test::little(0xffffffff, 4))), true), kFree);
}

TEST(Memory, G4_AZipDirectoryTakesAtMostEightTimesItsBytes) {
  auto members = test::torch_members(test::program(test::dict_of(test::plain_tensor())));
  std::uint64_t directory = 0;
  for (int i = 0; i < 20'000; ++i) members.push_back({.name = "archive/extra/" + std::to_string(i), .content = ""});
  for (const auto& member : members) directory += 46 + member.name.size();
  EXPECT_LE(peak_of(test::zip(members), true), 8 * directory + kFree);
}

TEST(Memory, G4_ATarTakesAtMost32TimesItsRecords) {
  constexpr int kTensors = 20'000;
  test::TorchTar tar;
  tar.tensors = test::program(test::num(kTensors));
  std::string values = "}";
  for (int i = 0; i < kTensors; ++i) {
    tar.tensors += test::program("(" + test::num(1000 + i) + test::num(100) + test::global("torch", "FloatTensor") + "t") + test::little(1) +
                   test::little(2) + test::little(1) + test::little(0);
    values += test::str("w" + std::to_string(i)) + test::str(std::to_string(1000 + i)) + "Qs";
  }
  tar.pickle = test::program(values);
  const std::uint64_t records = tar.tensors.size() + tar.pickle.size();
  EXPECT_LE(peak_of(tar.bytes(), true), 32 * records + kFree);
}

void expect_pickle_bound(const std::string& value, bool accepted) {
  const std::string program = test::program(value);
  EXPECT_LE(peak_of(test::torch_zip(program), accepted), 32 * program.size() + 2 * kFree + program.size());
}

TEST(Memory, G4_APickleTakesAtMost32TimesItsBytes) {
  expect_pickle_bound(test::repeated("]0", 1'000'000) + "}", true);
  expect_pickle_bound("]" + test::repeated("]a", 1'000'000), false);
  expect_pickle_bound(")" + test::repeated("\x85", 1'000'000), false);
  expect_pickle_bound("]" + test::repeated("}a", 1'000'000), false);
  expect_pickle_bound("]" + test::repeated("K\1a", 500'000), true);
  expect_pickle_bound("}" + test::repeated("\x94", 1'000'000), true);
  expect_pickle_bound(test::repeated("(", 900'000), false);
}

}  // namespace
}  // namespace tenon
