#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include <tenon/load.h>

#include "runtime/build/guard.h"
#include "runtime/report/json_values.h"
#include "tools/torch/bench_table.h"
#include "tools/torch/example_inputs.h"
#include "tools/torch/load_options.h"
#include "tools/torch/named_tensors.h"
#include "tools/torch/outcome.h"
#include "tools/torch/page_cache.h"
#include "tools/torch/progress.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

using Clock = std::chrono::steady_clock;

// What the measurements of one checkpoint share.
struct Subject {
  std::string argument;
  LoadOptions options;
  std::shared_ptr<const Checkpoint> checkpoint;
  Loaded<torch::nn::Module> loaded;
  const FamilyModule* family = nullptr;
  NamedTensors inputs;  // given by the user; else made for each batch
};

void count_load(benchmark::State& state, const LoadReport& report) {
  const Timings& timings = *report.timings;
  state.SetIterationTime(timings.total_s);
  state.counters["open_s"] = timings.open_s;
  state.counters["plan_s"] = timings.plan_s;
  state.counters["read_s"] = timings.read_s;
  state.counters["bind_s"] = timings.bind_s;
  state.counters["bytes"] = static_cast<double>(report.bytes_read.value_or(0));
  state.counters["host_peak_bytes"] = static_cast<double>(report.memory.host_peak_bytes);
  state.counters["device_bytes"] = static_cast<double>(report.memory.device_bytes);
}

void measure_open(benchmark::State& state, const Subject& subject) {
  for (auto _ : state) {
    auto opened = open_checkpoint(split_argument(subject.argument).path);
    if (!opened) state.SkipWithError(opened.error().message.c_str());
    benchmark::DoNotOptimize(opened);
  }
}

void measure_plan(benchmark::State& state, const Subject& subject) {
  for (auto _ : state) {
    auto planned = plan_any(subject.argument, subject.options);
    if (!planned) state.SkipWithError(planned.error().message.c_str());
    benchmark::DoNotOptimize(planned);
  }
}

void measure_load(benchmark::State& state, const Subject& subject, bool cold) {
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    if (cold && !drop_page_cache(*subject.checkpoint)) {
      state.SkipWithError("not measured: the page cache cannot be emptied here");
      return;
    }
    const auto loaded = load_any(subject.argument, subject.options);
    if (!loaded) {
      state.SkipWithError(loaded.error().message.c_str());
      return;
    }
    count_load(state, loaded->report);
    bytes += loaded->report.bytes_read.value_or(0);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

// Seconds of one forward; on a device by its own events.
double forward_seconds(const Subject& subject, const NamedTensors& inputs) {
  const auto run = [&] {
    auto outputs = subject.family->run(*subject.loaded.model, subject.loaded.report.config, inputs);
    if (!outputs) throw std::runtime_error(outputs.error().message);
    benchmark::DoNotOptimize(outputs);
  };
  const c10::Device device = subject.options.device;
  if (device.is_cpu()) {
    const Clock::time_point start = Clock::now();
    run();
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  const c10::impl::VirtualGuardImpl guard(device.type());
  c10::Event begin(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(guard.getStream(device));
  run();
  end.record(guard.getStream(device));
  end.synchronize();
  return begin.elapsedTime(end) / 1000;
}

void measure_forward(benchmark::State& state, const Subject& subject, std::int64_t batch) {
  NamedTensors inputs = subject.inputs.empty()
                            ? example_inputs(std::string(subject.family->name), subject.loaded.report.config, batch)
                            : with_batch(subject.inputs, batch);
  if (inputs.empty()) {
    state.SkipWithError("not measured: --inputs names the inputs of this family");
    return;
  }
  for (auto& [name, tensor] : inputs) tensor = tensor.to(subject.options.device);
  try {
    for (auto _ : state) state.SetIterationTime(forward_seconds(subject, inputs));
  } catch (...) {
    const Error error = loading::translate_current_exception("running the model");
    state.SkipWithError(error.message.c_str());
    return;
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * batch);
}

Result<std::shared_ptr<Subject>> prepare(const Options& options, const std::string& argument) {
  auto request = load_options(options);
  if (!request) return tl::unexpected(request.error());
  request->progress = [](auto, auto, auto) { return true; };
  request->audit = false;
  NamedTensors inputs;
  if (!options.inputs.empty()) {
    auto read = read_inputs(options.inputs);
    if (!read) return tl::unexpected(read.error());
    inputs = std::move(*read);
  }
  auto checkpoint = open_checkpoint(split_argument(argument).path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  auto loaded = load_any(argument, *request);
  if (!loaded) return tl::unexpected(loaded.error());
  const auto families = builtin_family_modules();
  const auto family = std::find_if(families.begin(), families.end(), [&loaded](const FamilyModule& candidate) {
    return candidate.name == loaded->report.family;
  });
  return std::make_shared<Subject>(
      Subject{argument, std::move(*request), std::move(*checkpoint), std::move(*loaded), &*family, std::move(inputs)});
}

void register_all(const Options& options, const std::shared_ptr<Subject>& subject) {
  const std::string dtype = options.model.dtype.value_or("keep");
  const std::string place = subject->options.device.str() + "/" + dtype;
  const auto add = [&](const std::string& what, auto measure) {
    return benchmark::RegisterBenchmark((subject->argument + "/" + what).c_str(),
                                        [subject, measure](benchmark::State& state) { measure(state, *subject); })
        ->Unit(benchmark::kMillisecond);
  };
  add("open", measure_open);
  add("plan", measure_plan);
  add("load/" + place + "/warm", [](auto& state, const auto& s) { measure_load(state, s, false); })->UseManualTime();
  add("load/" + place + "/cold", [](auto& state, const auto& s) { measure_load(state, s, true); })
      ->UseManualTime()
      ->Iterations(3);
  for (const int batch : options.batches.empty() ? std::vector<int>{1} : options.batches) {
    add(fmt::format("forward/{}/batch:{}", place, batch),
        [batch](auto& state, const auto& s) { measure_forward(state, s, batch); })
        ->UseManualTime();
  }
  if (subject->options.device.is_cpu()) {
    add("load/cuda/warm", [](auto& state, const auto&) { state.SkipWithError("not measured: --device cuda measures it"); });
  }
}

std::string model_of_cpu() {
  std::ifstream information("/proc/cpuinfo");
  for (std::string line; std::getline(information, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(": ") + 2);
  }
  return "unknown";
}

std::string driver() {
  std::ifstream version("/proc/driver/nvidia/version");
  std::string line;
  return std::getline(version, line) ? line : "none";
}

report::Json measure(const Options& options, const std::vector<std::shared_ptr<Subject>>& subjects) {
  for (const auto& subject : subjects) register_all(options, subject);
  std::ostringstream text;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&text);
  reporter.SetErrorStream(&text);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::ClearRegisteredBenchmarks();
  report::Json measured = report::Json::parse(text.str());

  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  report::Json& context = measured["context"];
  context["cpu"] = model_of_cpu();
  context["gpu_driver"] = driver();
  context["device"] = options.model.device;
  context["threads"] = at::get_num_threads();
  context["peak_host_bytes"] = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  for (const auto& subject : subjects) {
    context["checkpoints"].push_back({{"path", report::json_text(subject->argument)},
                                      {"bytes", subject->checkpoint->total_bytes()},
                                      {"file_system", file_system(*subject->checkpoint)}});
  }
  return measured;
}

}  // namespace

Answer bench(const Options& options) {
  std::vector<std::shared_ptr<Subject>> subjects;
  for (const std::string& argument : options.checkpoints) {
    auto subject = prepare(options, argument);
    if (!subject) return outcome(options, std::nullopt, subject.error());
    subjects.push_back(std::move(*subject));
  }
  const report::Json measured = measure(options, subjects);
  Answer answer;
  if (options.json) {
    report::Json document = report::json_head("bench", nullptr);
    document.update(measured);
    answer.output = report::dump(document) + '\n';
  } else if (!options.quiet) {
    answer.output = bench_table(measured);
  }
  return answer;
}

}  // namespace tenon::tools
