#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <sstream>
#include <utility>

#include <nlohmann/json.hpp>

#include <tenon/load.h>

#include "runtime/build/guard.h"
#include "runtime/report/json_values.h"
#include "tools/torch/bench_context.h"
#include "tools/torch/bench_table.h"
#include "tools/torch/example_inputs.h"
#include "tools/torch/load_options.h"
#include "tools/torch/named_tensors.h"
#include "tools/torch/outcome.h"
#include "tools/torch/page_cache.h"
#include "tools/torch/verbs.h"

namespace tenon::tools {
namespace {

using Clock = std::chrono::steady_clock;

// One checkpoint on one device in one element type.
struct Subject {
  std::string argument;
  std::string dtype;  // as the user named it
  LoadOptions options;
  std::shared_ptr<const Checkpoint> checkpoint;
  std::string family;
  Config config;
  NamedTensors inputs;  // given by the user; else made for each batch
};

// The model of the subject whose forwards are measured: one at a time, as all together might not fit.
struct Current {
  const Subject* subject = nullptr;
  Loaded<torch::nn::Module> loaded;
};

const FamilyModule* family_named(const std::string& name) {
  const auto families = builtin_family_modules();
  const auto found =
      std::find_if(families.begin(), families.end(), [&name](const FamilyModule& family) { return family.name == name; });
  return found == families.end() ? nullptr : &*found;
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
    if (!planned) {
      state.SkipWithError(planned.error().message.c_str());
      return;
    }
    state.SetIterationTime(planned->report.timings->plan_s);
  }
}

void measure_construct(benchmark::State& state, const Subject& subject) {
  const FamilyModule* family = family_named(subject.family);
  if (family == nullptr) return state.SkipWithError("not measured: no family makes this model");
  for (auto _ : state) {
    auto module = family->make(subject.config);
    if (!module) state.SkipWithError(module.error().message.c_str());
    benchmark::DoNotOptimize(module);
  }
}

void measure_load(benchmark::State& state, const Subject& subject, bool cold) {
  state.SetLabel(cold ? "page cache emptied before each load" : "page cache warm");
  std::uint64_t bytes = 0;
  Timings sum;
  Memory memory;
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
    const Timings& timings = *loaded->report.timings;
    state.SetIterationTime(timings.total_s);
    sum.read_s += timings.read_s;
    sum.bind_s += timings.bind_s;
    bytes += loaded->report.bytes_read.value_or(0);
    memory = loaded->report.memory;
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  state.counters["read_s"] = benchmark::Counter(sum.read_s, benchmark::Counter::kAvgIterations);
  state.counters["bind_s"] = benchmark::Counter(sum.bind_s, benchmark::Counter::kAvgIterations);
  state.counters["bytes"] = benchmark::Counter(static_cast<double>(bytes), benchmark::Counter::kAvgIterations);
  state.counters["host_peak_bytes"] = static_cast<double>(memory.host_peak_bytes);
  state.counters["device_bytes"] = static_cast<double>(memory.device_bytes);
}

// Seconds of one forward; on a device by its own events.
double forward_seconds(const FamilyModule& family, const Current& current, const NamedTensors& inputs) {
  const auto run = [&] {
    auto outputs = family.run(*current.loaded.model, current.loaded.report.config, inputs);
    if (!outputs) throw std::runtime_error(outputs.error().message);
    benchmark::DoNotOptimize(outputs);
  };
  const c10::Device device = current.subject->options.device;
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

void measure_forward(benchmark::State& state, const Subject& subject, Current& current, std::int64_t batch) {
  const FamilyModule* family = family_named(subject.family);
  if (family == nullptr || family->run == nullptr) return state.SkipWithError("not measured: this family has no forward of its own");
  if (current.subject != &subject) {
    current = {};
    auto loaded = load_any(subject.argument, subject.options);
    if (!loaded) return state.SkipWithError(loaded.error().message.c_str());
    current = {&subject, std::move(*loaded)};
  }
  NamedTensors inputs = subject.inputs.empty() ? example_inputs(subject.family, current.loaded.report.config, batch)
                                               : with_batch(subject.inputs, batch);
  if (inputs.empty()) return state.SkipWithError("not measured: --inputs names the inputs of this family");
  try {
    for (auto& [name, tensor] : inputs) tensor = tensor.to(subject.options.device);
    (void)forward_seconds(*family, current, inputs);  // the first sets up what later ones reuse
    for (auto _ : state) state.SetIterationTime(forward_seconds(*family, current, inputs));
  } catch (...) {
    const Error error = loading::translate_current_exception("running the model");
    return state.SkipWithError(error.message.c_str());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * batch);
}

using Subjects = std::vector<std::shared_ptr<Subject>>;

// Loads once, so that what is refused is refused here and not measured.
Result<std::shared_ptr<Subject>> prepare(const Options& options, const std::string& argument, const std::string& device,
                                         const std::string& dtype) {
  Options one = options;
  one.model.device = device;
  one.model.dtype = dtype;
  auto request = load_options(one);
  if (!request) return tl::unexpected(request.error());
  request->progress = {};
  request->audit = false;
  NamedTensors inputs;
  if (!options.inputs.empty()) {
    auto read = read_inputs(options.inputs);
    if (!read) return tl::unexpected(read.error());
    inputs = std::move(*read);
  }
  auto checkpoint = open_checkpoint(split_argument(argument).path);
  if (!checkpoint) return tl::unexpected(checkpoint.error());
  const auto loaded = load_any(argument, *request);
  if (!loaded) return tl::unexpected(loaded.error());
  return std::make_shared<Subject>(
      Subject{argument, dtype, std::move(*request), std::move(*checkpoint), loaded->report.family, loaded->report.config, std::move(inputs)});
}

class Registry {
 public:
  void add(const Options& options, const std::shared_ptr<Subject>& subject, bool first) {
    const std::string& argument = subject->argument;
    const auto on_subject = [&](const std::string& what, auto measure) {
      return row(argument + "/" + what, [subject, measure](benchmark::State& state) { measure(state, *subject); });
    };
    if (first) {
      on_subject("open", measure_open);
      on_subject("plan", measure_plan)->UseManualTime();
      on_subject("construct", measure_construct);
    }
    const std::string place = subject->options.device.str() + "/" + subject->dtype;
    on_subject("load/" + place + "/warm", [](auto& state, const auto& s) { measure_load(state, s, false); })->UseManualTime();
    on_subject("load/" + place + "/cold", [](auto& state, const auto& s) { measure_load(state, s, true); })
        ->UseManualTime()
        ->Iterations(3);
    for (const int batch : options.batches.empty() ? std::vector<int>{1} : options.batches) {
      row(fmt::format("{}/forward/{}/batch:{}", argument, place, batch),
          [subject, batch, current = current_](benchmark::State& state) { measure_forward(state, *subject, *current, batch); })
          ->UseManualTime();
    }
  }

  void add_unmeasured(const std::string& argument, const std::string& device, const std::string& why) {
    for (const char* what : {"load", "forward"}) {
      row(argument + "/" + what + "/" + device,
          [why](benchmark::State& state) { state.SkipWithError(("not measured: " + why).c_str()); });
    }
  }

  // Models are let go with what measured them.
  ~Registry() { benchmark::ClearRegisteredBenchmarks(); }

 private:
  template <class Measure>
  static benchmark::internal::Benchmark* row(const std::string& name, Measure measure) {
    return benchmark::RegisterBenchmark(name.c_str(), measure)->Unit(benchmark::kMillisecond);
  }

  std::shared_ptr<Current> current_ = std::make_shared<Current>();
};

// Behind each load the stages that it timed, as rows of their own.
void add_stage_rows(report::Json& measured) {
  report::Json rows = report::Json::array();
  for (const report::Json& row : measured["benchmarks"]) {
    rows.push_back(row);
    if (!row.contains("read_s")) continue;
    for (const char* stage : {"read", "bind"}) {
      report::Json of_stage = row;
      const auto rename = [&](const char* key) {
        std::string name = row[key].get<std::string>();
        name.replace(name.rfind("/load/"), 6, fmt::format("/{}/", stage));
        of_stage[key] = name;
      };
      rename("name");
      rename("run_name");
      of_stage["real_time"] = row[fmt::format("{}_s", stage)].get<double>() * 1000;
      of_stage["cpu_time"] = of_stage["real_time"];
      for (const char* other : {"bytes_per_second", "read_s", "bind_s", "host_peak_bytes", "device_bytes"}) of_stage.erase(other);
      rows.push_back(std::move(of_stage));
    }
  }
  measured["benchmarks"] = std::move(rows);
}

report::Json run_all() {
  std::ostringstream text;
  benchmark::JSONReporter reporter;
  reporter.SetOutputStream(&text);
  reporter.SetErrorStream(&text);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return report::Json::parse(text.str());
}

void add_context(report::Json& context, const Subjects& subjects) {
  context["cpu"] = cpu_model();
  context["gpu"] = gpu_models();
  context["gpu_driver"] = gpu_driver();
  context["threads"] = at::get_num_threads();
  context["page_cache"] = "warm, but for rows that end in cold";
  context["peak_host_bytes"] = peak_host_bytes();
  std::uint64_t device_bytes = 0;
  context["devices"] = report::Json::array();
  context["checkpoints"] = report::Json::array();
  std::string last;
  for (const auto& subject : subjects) {
    const std::string device = subject->options.device.str();
    device_bytes = std::max(device_bytes, peak_device_bytes(subject->options.device));
    auto& devices = context["devices"];
    if (std::find(devices.begin(), devices.end(), device) == devices.end()) devices.push_back(device);
    if (std::exchange(last, subject->argument) == subject->argument) continue;
    context["checkpoints"].push_back({{"path", report::json_text(subject->argument)},
                                      {"bytes", subject->checkpoint->total_bytes()},
                                      {"file_system", file_system(*subject->checkpoint)}});
  }
  context["peak_device_bytes"] = device_bytes;
}

}  // namespace

Answer bench(const Options& options) {
  const std::vector<std::string> devices = options.devices.empty() ? std::vector<std::string>{"cpu", "cuda"} : options.devices;
  const std::vector<std::string> dtypes = options.dtypes.empty() ? std::vector<std::string>{"keep"} : options.dtypes;
  Registry registry;
  Subjects subjects;
  for (const std::string& argument : options.checkpoints) {
    bool first = true;
    for (const std::string& device : devices) {
      for (const std::string& dtype : dtypes) {
        auto subject = prepare(options, argument, device, dtype);
        if (!subject && subject.error().kind == ErrorKind::kDevice && options.devices.empty()) {
          registry.add_unmeasured(argument, device, subject.error().message);
          break;
        }
        if (!subject) return outcome(options, std::nullopt, subject.error());
        registry.add(options, *subject, std::exchange(first, false));
        subjects.push_back(std::move(*subject));
      }
    }
  }
  report::Json measured = run_all();
  add_stage_rows(measured);
  add_context(measured["context"], subjects);
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
