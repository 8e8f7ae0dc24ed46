#include "tools/common/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <thread>

#include "tools/common/exit_code.h"
#include "tools/common/standard_output.h"

namespace tenon::tools::interrupt {
namespace {

// Signals belong to the process, so this state does too.
struct State {
  std::atomic<bool> requested = false;
  std::mutex mutex;
  std::condition_variable changed;
  int sections = 0;
  bool answering = false;
};

// Never destroyed: the waiting thread outlives main.
State& state() {
  static State& instance = *new State;
  return instance;
}

sigset_t signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

void wait_for_signal(const std::string& last_words, int grace_ms) {
  const sigset_t set = signals();
  int signal = 0;
  while (sigwait(&set, &signal) != 0) {
  }
  State& s = state();
  std::unique_lock lock(s.mutex);
  s.requested = true;
  if (s.answering) _exit(kInterrupted);
  s.changed.wait(lock, [&s] { return s.sections == 0; });
  s.changed.wait_for(lock, std::chrono::milliseconds(grace_ms), [&s] { return s.answering; });
  if (s.answering) {
    // The main thread ends by itself and writes its answer, unless somebody insists.
    lock.unlock();
    while (sigwait(&set, &signal) != 0) {
    }
    _exit(kInterrupted);
  }
  static_cast<void>(write_standard_output(last_words));
  _exit(kInterrupted);
}

}  // namespace

void hold() {
  const sigset_t set = signals();
  // A shell starts background jobs with SIGINT ignored, and an ignored signal would never arrive.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void watch(std::string last_words, int grace_ms) {
  sigset_t pending;
  sigpending(&pending);
  if (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1) {
    static_cast<void>(write_standard_output(last_words));
    _exit(kInterrupted);
  }
  std::thread(wait_for_signal, std::move(last_words), grace_ms).detach();
}

bool requested() { return state().requested; }

Section::Section() {
  const std::lock_guard lock(state().mutex);
  ++state().sections;
}

Section::~Section() {
  const std::lock_guard lock(state().mutex);
  --state().sections;
  state().changed.notify_all();
}

void answering() {
  const std::lock_guard lock(state().mutex);
  state().answering = true;
  state().changed.notify_all();
}

}  // namespace tenon::tools::interrupt
